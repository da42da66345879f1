"""A certificate authority for one test, made with the openssl command."""

import subprocess
import tempfile
from pathlib import Path


class Authority:
    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="gapless-ca-"))
        self.ca = self.folder / "ca.pem"
        self._key = self.folder / "ca.key"
        self._openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                      "-nodes", "-keyout", self._key, "-out", self.ca, "-days", "2",
                      "-subj", "/CN=gapless test CA", "-addext", "keyUsage=critical,keyCertSign")

    def issue(self, *names):
        """(certificate path, key path) valid for the host names and addresses."""
        stem = names[0].replace("*", "any")
        key, request = self.folder / f"{stem}.key", self.folder / f"{stem}.csr"
        certificate, extensions = self.folder / f"{stem}.pem", self.folder / f"{stem}.ext"
        kinds = ["IP" if name.replace(".", "").isdigit() else "DNS" for name in names]
        alternatives = ",".join(f"{kind}:{name}" for kind, name in zip(kinds, names))
        extensions.write_text(f"subjectAltName={alternatives}\n")
        self._openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                      "-keyout", key, "-out", request, "-subj", f"/CN={names[0]}")
        self._openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self._key,
                      "-CAcreateserial", "-days", "2", "-out", certificate, "-extfile", extensions)
        return certificate, key

    def server(self, *names, clients=False):
        """The tls argument of a Backend; clients: it demands certificates of this authority."""
        certificate, key = self.issue(*names)
        ca = self.ca.read_bytes() if clients else None
        return certificate.read_bytes(), key.read_bytes(), ca

    @staticmethod
    def _openssl(*args):
        subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)
