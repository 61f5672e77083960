"""Certificates for servers of the tests, made by openssl."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True)
class Certificates:
    """An authority, and the certificate and the key of a server that it has signed."""

    authority: Path
    certificate: Path
    key: Path


def certificates(folder: Path, owner: str | int, name: str = "db.example.com") -> Certificates:
    """Make certificates in a folder that the server's user ``owner`` can read; ``name``: of the server."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl")
    folder.mkdir()
    made = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    new = ["req", "-newkey", "rsa:2048", "-nodes", "-subj"]
    _openssl(*new, "/CN=Test CA", "-x509", "-days", "9", "-keyout", f"{folder}/ca.key", "-out", str(made.authority))
    _openssl(*new, f"/CN={name}", "-keyout", str(made.key), "-out", f"{folder}/server.csr")
    names = folder / "names"
    names.write_text(f"subjectAltName=DNS:{name}")
    authority = ["-CA", str(made.authority), "-CAkey", f"{folder}/ca.key", "-CAcreateserial"]
    _openssl("x509", "-req", "-days", "9", "-in", f"{folder}/server.csr", *authority, "-extfile", str(names),
             "-out", str(made.certificate))  # fmt: skip
    for path in [folder, *folder.iterdir()]:
        shutil.chown(path, owner)
    made.key.chmod(0o600)
    return made


def self_signed(folder: Path) -> Certificates:
    """Make a certificate for nine days that is its own authority, in a moment."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl")
    folder.mkdir()
    made = Certificates(folder / "cert.pem", folder / "cert.pem", folder / "cert.key")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=hooks.example.com"]
    _openssl("req", "-x509", *curve, "-days", "9", "-keyout", str(made.key), "-out", str(made.certificate))
    return made


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
