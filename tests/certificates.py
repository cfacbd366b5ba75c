"""Certificates made for one test with openssl."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, in PEM form."""

    certificate: Path
    key: Path


class Authority:
    """Signs certificates."""

    def __init__(self, folder: Path, name: str = "test ca") -> None:
        """Its files, and those that it issues, lie in ``folder``."""
        self._folder = folder
        self.certificate = folder / f"{name}.ca.pem"
        self.key = folder / f"{name}.ca.key"
        subject = ("-subj", f"/CN={name}", "-days", "2")
        openssl("req", "-x509", *_NEW_KEY, *subject, "-keyout", self.key, "-out", self.certificate)

    def issue(self, name: str, alternative: str, days: int = 2) -> Issued:
        """A certificate for ``alternative``, such as ``IP:127.0.0.1``, and ``days`` from now; -1: expired."""
        made = Issued(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        request, extension = self._folder / f"{name}.csr", self._folder / f"{name}.ext"
        extension.write_text(f"subjectAltName={alternative}\nauthorityKeyIdentifier=keyid\n")
        openssl("req", *_NEW_KEY, "-subj", f"/CN={name}", "-keyout", made.key, "-out", request)
        issuer = ("-CA", self.certificate, "-CAkey", self.key, "-CAcreateserial", "-days", str(days))
        openssl("x509", "-req", "-in", request, *issuer, "-extfile", extension, "-out", made.certificate)
        return made


def openssl(*arguments: str | Path) -> None:
    """Run a command of openssl."""
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
