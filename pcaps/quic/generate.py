"""Records the captures of this folder: aioquic talks to itself on loopback, tcpdump listens.

Needs root, tcpdump and aioquic: `sudo .venv/bin/python pcaps/quic/generate.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from pathlib import Path
from typing import Any

from aioquic.asyncio.client import connect
from aioquic.asyncio.server import serve
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.packet import QuicProtocolVersion

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from loopback import HOST, certificate, recorded

HERE = Path(__file__).parent
PORT = 8443
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
            with recorded(HERE / f"{name}.pcap", f"udp port {PORT}"):
                asyncio.run(talk(files, client, server))
            print(name, (HERE / f"{name}.pcap").stat().st_size, "bytes")


if __name__ == "__main__":
    main()
