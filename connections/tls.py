"""TLS towards the outer world. Promises that the other side is always verified: no switch turns that off."""

import ssl

from desk.base.errors import Problem, SettingsInvalid


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
