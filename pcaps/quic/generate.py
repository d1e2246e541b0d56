"""Records the captures of this folder: aioquic talks to itself on loopback, tcpdump listens.

Needs root, tcpdump and aioquic: `sudo .venv/bin/python pcaps/quic/generate.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aioquic.asyncio.client import connect
from aioquic.asyncio.server import serve
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.packet import QuicProtocolVersion
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HERE = Path(__file__).parent
HOST, PORT = "cart.shop.svc.cluster.local", 8443
RESERVED_VERSION = 0x1A2A3A4A
MANY = [f"protocol-number-{number}-of-many" for number in range(60)]
CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "v1": ({}, {}),
    "v2": ({"supported_versions": [QuicProtocolVersion.VERSION_2]}, {}),
    "retry": ({}, {"retry": True}),
    "hello-in-two-datagrams": ({"alpn_protocols": [*MANY, "h3"]}, {}),
    "no-common-alpn": ({"alpn_protocols": ["hq-interop"]}, {}),
    "version-negotiation": (
        {"supported_versions": [RESERVED_VERSION, 1], "original_version": RESERVED_VERSION},
        {},
    ),
}
"""Name of the capture, and how client and server differ from HTTP/3 over QUIC version 1."""


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
def recorded(path: Path) -> Iterator[None]:
    """Tcpdump on loopback while the block runs."""
    command = ["tcpdump", "-i", "lo", "-U", "-B", "4096", "-w", str(path), f"udp port {PORT}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tcpdump:
        assert tcpdump.stderr is not None  # noqa: S101 - PIPE was asked for
        tcpdump.stderr.readline()
        try:
            yield
        finally:
            time.sleep(1.5)  # what the kernel holds is handed over once a second
            tcpdump.terminate()


async def talk(files: tuple[Path, Path], client: dict[str, Any], server: dict[str, Any]) -> None:
    """One connection that does nothing but shake hands, or fails to."""
    serving = QuicConfiguration(is_client=False, alpn_protocols=["h3"])
    serving.load_cert_chain(*files)
    listener = await serve("127.0.0.1", PORT, configuration=serving, **server)
    asking = QuicConfiguration(
        **{"alpn_protocols": ["h3"], "server_name": HOST, "cafile": str(files[0])} | client
    )
    with contextlib.suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(2), connect("127.0.0.1", PORT, configuration=asking) as talking:
            await talking.ping()
    listener.close()
    await asyncio.sleep(0.2)


def main() -> None:
    """All cases."""
    with tempfile.TemporaryDirectory() as folder:
        files = certificate(Path(folder))
        for name, (client, server) in CASES.items():
            with recorded(HERE / f"{name}.pcap"):
                asyncio.run(talk(files, client, server))
            print(name, (HERE / f"{name}.pcap").stat().st_size, "bytes")


if __name__ == "__main__":
    main()
