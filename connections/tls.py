"""TLS towards the outer world. Promises that the other side is always verified: no switch turns that off."""

import ssl
from collections.abc import Iterator
from pathlib import Path

from desk.base.errors import Problem, SettingsInvalid

CERTIFICATE_BEGINS = "-----BEGIN CERTIFICATE-----"
KEY_BEGINS = "PRIVATE KEY-----"
KEY_IS_SEALED = ("-----BEGIN ENCRYPTED PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED")


def client_context(ca_file: str, key: str) -> ssl.SSLContext:
    """Return a context that verifies certificate and name, by ca_file when given, else by the system's certificates.

    key is the setting that names the file, for the message. Raises SettingsInvalid when the file holds no certificates.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:  # ssl.SSLError is one
        problem = Problem("settings", key, f'"{ca_file}"', f"cannot be read as certificates in PEM form ({error})")
        raise SettingsInvalid((problem,)) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def server_context(certificate: str, key: str, section: str) -> ssl.SSLContext:
    """Return a context that shows the certificate chain of a file; no client is asked for one of its own.

    section is the table of the settings `certificate` and `key`, for the message. Raises SettingsInvalid with one
    Problem when the files are no chain and the key of it; caused by the OSError when a file could not be read.
    """
    try:
        for problem in _pair_problems(certificate, key, section):
            raise SettingsInvalid((problem,))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            problem = Problem("settings", f"{section}.key", f'"{key}"', f"must be the key of {section}.certificate")
        else:
            allowed = f"and {section}.key cannot be used for TLS ({error.reason or error})"
            problem = Problem("settings", f"{section}.certificate", f'"{certificate}"', allowed)
        raise SettingsInvalid((problem,)) from error
    except OSError as error:
        which = "key" if error.filename == key else "certificate"
        allowed = f"cannot be read ({error.strerror})"
        raise SettingsInvalid((Problem("settings", f"{section}.{which}", f'"{error.filename}"', allowed),)) from error
    return context


def _pair_problems(certificate: str, key: str, section: str) -> Iterator[Problem]:
    """Yield what OpenSSL would say in words that name no file, or ask the terminal for."""
    if CERTIFICATE_BEGINS not in Path(certificate).read_text(encoding="latin-1"):
        yield Problem("settings", f"{section}.certificate", f'"{certificate}"', "holds no certificate in PEM form")
    text = Path(key).read_text(encoding="latin-1")
    if any(mark in text for mark in KEY_IS_SEALED):
        yield Problem("settings", f"{section}.key", f'"{key}"', "is under a passphrase: the service has none to give")
    elif KEY_BEGINS not in text:
        yield Problem("settings", f"{section}.key", f'"{key}"', "holds no private key in PEM form")
