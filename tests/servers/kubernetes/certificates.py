"""Keys and certificates of a cluster that lives for a test: one authority, and who speaks for it."""

import subprocess
from pathlib import Path

DAYS = "30"


def make_certificates(folder: Path, address: str) -> None:
    """Write `ca`, `api` and `kubelet-client` (each .crt and .key), and `accounts` (.key and .pub) into a folder of their own."""
    folder.mkdir()
    _openssl(
        folder,
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-keyout",
        "ca.key",
        "-out",
        "ca.crt",
        "-days",
        DAYS,
        "-subj",
        "/CN=test-ca",
    )
    names = f"DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,IP:{address},IP:10.96.0.1"
    _sign(folder, "api", "/CN=kube-apiserver", f"subjectAltName={names}")
    _sign(folder, "kubelet-client", "/O=system:masters/CN=kube-apiserver-kubelet-client", "extendedKeyUsage=clientAuth")
    _openssl(folder, "genrsa", "-out", "accounts.key", "2048")
    _openssl(folder, "rsa", "-in", "accounts.key", "-pubout", "-out", "accounts.pub")


def _sign(folder: Path, name: str, subject: str, extension: str) -> None:
    (folder / f"{name}.ext").write_text(extension)
    _openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", subject)
    given = ("-in", f"{name}.csr", "-extfile", f"{name}.ext", "-days", DAYS)
    _openssl(folder, "x509", "-req", *given, "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-out", f"{name}.crt")


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
