"""Records the captures of this folder: clients and servers of others on loopback, and tcpdump.

Needs root, tcpdump, nghttp2-client, nghttp2-server, curl, and `pip install grpcio h2`:
`sudo .venv/bin/python pcaps/http2/generate.py`.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc
import h2.connection
import h2.events
from h2.config import H2Configuration

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from loopback import HOST, recorded

HERE = Path(__file__).parent
PORT = 8445
URL = f"http://127.0.0.1:{PORT}"
AUTHORITY = ["-H", f":authority: {HOST}"]
QUIET: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
CURL = ["curl", "-s", "--http2-prior-knowledge"]
COMMANDS: dict[str, list[list[str]]] = {
    "nghttp": [["nghttp", *AUTHORITY, f"{URL}/a?token=secret", f"{URL}/b", f"{URL}/missing"]],
    "nghttp-continuation": [["nghttp", "--continuation", *AUTHORITY, f"{URL}/a"]],
    "curl": [[*CURL, "-I", f"{URL}/a"], [*CURL, "-d", "password=secret", f"{URL}/b"]],
    "curl-upgrade-refused": [["curl", "-s", "--http2", f"{URL}/a"]],
}
"""Name of the capture, and what talks to nghttpd, which pads its frames and sends trailers."""


@contextlib.contextmanager
def nghttpd() -> Iterator[None]:
    """A server of two small files."""
    with TemporaryDirectory() as root:
        for name in ("a", "b"):
            Path(root, name).write_text("shop\n")
        command = ["nghttpd", "--no-tls", "-b", "8", "--trailer", "x-checked: yes", "-d", root]
        with subprocess.Popen([*command, str(PORT)], **QUIET) as server:
            time.sleep(0.5)
            yield
            server.terminate()


def call(method: str, *, fail: bool = False) -> None:
    """Calls of a service that answers itself, or refuses, by grpc's C core."""
    refused = (grpc.StatusCode.RESOURCE_EXHAUSTED, "secret")

    def answer(message: bytes, context: grpc.ServicerContext) -> bytes:
        if fail:
            context.abort(*refused)
        return message

    handlers = {"Add": grpc.unary_unary_rpc_method_handler(answer)}
    server = grpc.server(futures.ThreadPoolExecutor(1))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.Cart", handlers),))
    server.add_insecure_port(f"127.0.0.1:{PORT}")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{PORT}") as channel:
        calling = channel.unary_unary(method)
        for _ in range(2):
            with contextlib.suppress(grpc.RpcError):
                calling(b"apple", metadata=(("authorization", "Bearer secret"),), timeout=3)
    server.stop(None).wait()


def hbone() -> None:
    """An HTTP/1 request through a tunnel as Istio's ztunnel makes it, without its TLS."""
    with socket.create_server(("127.0.0.1", PORT)) as listener:
        serving = threading.Thread(target=_ztunnel, args=(listener,))
        serving.start()
        with socket.create_connection(("127.0.0.1", PORT)) as wire:
            talk = h2.connection.H2Connection(H2Configuration(client_side=True))
            talk.initiate_connection()
            asked = [(":method", "CONNECT"), (":authority", "10.244.2.20:8080")]
            talk.send_headers(1, [*asked, ("baggage", "k8s.deployment.name=web")])
            wire.sendall(talk.data_to_send())
            _until(talk, wire, h2.events.ResponseReceived)
            request = f"GET /cart?token=secret HTTP/1.1\r\nHost: {HOST}\r\n\r\n"
            talk.send_data(1, request.encode())
            wire.sendall(talk.data_to_send())
            _until(talk, wire, h2.events.DataReceived)
        serving.join()


def _ztunnel(listener: socket.socket) -> None:
    wire, _ = listener.accept()
    with wire:
        talk = h2.connection.H2Connection(H2Configuration(client_side=False))
        talk.initiate_connection()
        wire.sendall(talk.data_to_send())
        _until(talk, wire, h2.events.RequestReceived)
        talk.send_headers(1, [(":status", "200")])
        wire.sendall(talk.data_to_send())
        _until(talk, wire, h2.events.DataReceived)
        talk.send_data(1, b"HTTP/1.1 204 No Content\r\n\r\n")
        wire.sendall(talk.data_to_send())
        wire.recv(1000)


def _until(talk: h2.connection.H2Connection, wire: socket.socket, event: type) -> None:
    while data := wire.recv(1 << 16):
        events = talk.receive_data(data)
        wire.sendall(talk.data_to_send())
        if any(isinstance(each, event) for each in events):
            return


def main() -> None:
    """All cases."""
    for name, commands in COMMANDS.items():
        with nghttpd(), recorded(HERE / f"{name}.pcap", f"tcp port {PORT}"):
            for command in commands:
                subprocess.run(command, check=False, timeout=5, **QUIET)
    for name, act in {
        "grpc": lambda: call("/shop.Cart/Add"),
        "grpc-refused": lambda: call("/shop.Cart/Add", fail=True),
        "grpc-unimplemented": lambda: call("/shop.Cart/Remove"),
        "hbone": hbone,
    }.items():
        with recorded(HERE / f"{name}.pcap", f"tcp port {PORT}"):
            act()
    for path in sorted(HERE.glob("*.pcap")):
        print(path.stem, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
