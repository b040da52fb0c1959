"""Certificates of a test, made by the openssl program: a throwaway authority and what it signs."""

import subprocess
from pathlib import Path

NEW = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2")


def issue(folder: Path) -> Path:
    """Write ca.pem, right.pem for 127.0.0.1, wrong.pem for another name, each with its key, and sealed.key.

    The last is the right key under a passphrase.
    """
    openssl(folder, *NEW, "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=CA", "-addext", _USE)
    for name, alternative in (("right", "IP:127.0.0.1"), ("wrong", "DNS:otro.example")):
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-addext", f"subjectAltName={alternative}", "-addext", _LEAF)
        openssl(
            folder, *NEW, "-nodes", *signed, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}"
        )
    openssl(folder, "ec", "-in", "right.key", "-out", "sealed.key", "-aes256", "-passout", "pass:secreto")
    return folder


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


_USE = "keyUsage=critical,keyCertSign"
_LEAF = "basicConstraints=critical,CA:FALSE"
