"""What generators share: a certificate of an invented host, tcpdump on loopback. Needs root."""

from __future__ import annotations

import contextlib
import datetime as dt
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "cart.shop.svc.cluster.local"


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for HOST and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    begin = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=9000))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder / "cert.pem", folder / "key.pem"


@contextlib.contextmanager
def recorded(path: Path, what: str) -> Iterator[None]:
    """Tcpdump on loopback while the block runs; `what` is a filter as in pcap-filter(7)."""
    command = ["tcpdump", "-i", "lo", "-U", "-B", "4096", "-w", str(path), what]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tcpdump:
        assert tcpdump.stderr is not None  # noqa: S101 - PIPE was asked for
        tcpdump.stderr.readline()
        try:
            yield
        finally:
            time.sleep(1.5)  # what the kernel holds is handed over once a second
            tcpdump.terminate()
