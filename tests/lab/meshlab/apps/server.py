"""The lab's own servers: `server.py KIND PORT [OPTION]`; one function a kind, on all addresses."""

from __future__ import annotations

import base64
import hashlib
import json
import socketserver
import ssl
import sys
from collections.abc import Callable
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
ANY = "0.0.0.0"  # noqa: S104 - inside a namespace
GRPC_METHOD = "/shop.Reviews/Get"


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class Reviews(BaseHTTPRequestHandler):
    """A small HTTP/1.1 API with keep-alive. A canary knows only the second version of the paths."""

    protocol_version = "HTTP/1.1"
    server_version = "reviews/2.4"
    knows: ClassVar[str] = "/api/v1/"

    def version_string(self) -> str:
        return self.server_version

    def answer(self, status: int, body: object) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:
        if not self.path.startswith(self.knows):
            self.answer(404, {"error": "no such path", "path": self.path})
            return
        self.answer(200, {"product": self.path.rsplit("/", 1)[-1], "stars": 4})

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.answer(201 if self.path.startswith(self.knows) else 404, {"stored": len(sent)})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        sys.stdout.write(f"{self.client_address[0]} {format % args}\n")


class Canary(Reviews):
    server_version = "reviews/3.0-rc1"
    knows: ClassVar[str] = "/api/v2/"


class Imitator(Reviews):
    """An application that answers as if Envoy had."""

    server_version = "envoy"

    def send_header(self, keyword: str, value: str) -> None:
        super().send_header(keyword.lower(), value)

    def end_headers(self) -> None:
        self.send_header("x-envoy-upstream-service-time", "3")
        super().end_headers()


def imitator(port: int) -> None:
    ThreadingHTTPServer((ANY, port), Imitator).serve_forever()


def http(port: int) -> None:
    ThreadingHTTPServer((ANY, port), Reviews).serve_forever()


def canary(port: int) -> None:
    ThreadingHTTPServer((ANY, port), Canary).serve_forever()


def tls(port: int, chain: str) -> None:
    """The API over the application's own TLS; `chain` is a PEM file with certificate and key."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    server = ThreadingHTTPServer((ANY, port), Reviews)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


class Smtp(socketserver.StreamRequestHandler):
    """A server that speaks first, as mail servers do."""

    def handle(self) -> None:
        self.wfile.write(b"220 mail.shop.example ESMTP ready\r\n")
        for line in self.rfile:
            verb = line[:4].upper()
            if verb == b"EHLO":
                self.wfile.write(b"250-mail.shop.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
            elif verb == b"QUIT":
                self.wfile.write(b"221 2.0.0 Bye\r\n")
                return
            else:
                self.wfile.write(b"250 2.1.0 Ok\r\n")


class Echo(socketserver.StreamRequestHandler):
    """A private binary protocol: length, number, body; answered alike."""

    def handle(self) -> None:
        while head := self.rfile.read(4):
            self.wfile.write(head + self.rfile.read(int.from_bytes(head[:2], "big"))[::-1])


class WebSocket(socketserver.StreamRequestHandler):
    """RFC 6455: the handshake, then text frames answered in kind."""

    def handle(self) -> None:
        key = b""
        while (line := self.rfile.readline()) not in {b"\r\n", b""}:
            if line.lower().startswith(b"sec-websocket-key:"):
                key = line.split(b":", 1)[1].strip()
        accept = base64.b64encode(hashlib.sha1(key + WEBSOCKET_GUID).digest())  # noqa: S324 - RFC 6455
        self.wfile.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        )
        self.wfile.write(b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        while head := self.rfile.read(2):
            mask = self.rfile.read(4)
            body = self.rfile.read(head[1] & 0x7F)
            clear = bytes(byte ^ mask[at % 4] for at, byte in enumerate(body))
            self.wfile.write(bytes((head[0], len(clear))) + clear)
            if head[0] & 0x0F == 8:
                return


def smtp(port: int) -> None:
    Server((ANY, port), Smtp).serve_forever()


def echo(port: int) -> None:
    Server((ANY, port), Echo).serve_forever()


def websocket(port: int) -> None:
    Server((ANY, port), WebSocket).serve_forever()


class H2c(socketserver.BaseRequestHandler):
    """HTTP/2 in clear text with prior knowledge, and nothing else."""

    def handle(self) -> None:
        import h2.config  # noqa: PLC0415 - only this server needs it
        import h2.connection  # noqa: PLC0415
        import h2.events  # noqa: PLC0415
        import h2.exceptions  # noqa: PLC0415

        session = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        session.initiate_connection()
        self.request.sendall(session.data_to_send())
        while data := self.request.recv(65536):
            try:
                events = session.receive_data(data)
            except h2.exceptions.ProtocolError:
                self.request.sendall(session.data_to_send())
                return
            for event in events:
                if isinstance(event, h2.events.StreamEnded):
                    stream = event.stream_id or 0
                    session.send_headers(
                        stream, [(":status", "200"), ("content-type", "application/json")]
                    )
                    session.send_data(stream, b'{"stars": 4}', end_stream=True)
            self.request.sendall(session.data_to_send())


def h2c(port: int) -> None:
    Server((ANY, port), H2c).serve_forever()


def grpc(port: int) -> None:
    import grpc as rpc  # noqa: PLC0415 - only this server needs it

    def get(request: bytes, context: object) -> bytes:
        del context
        return b"\x0a\x05great" + request

    handler = rpc.method_handlers_generic_handler(
        "shop.Reviews", {"Get": rpc.unary_unary_rpc_method_handler(get)}
    )
    server = rpc.server(futures.ThreadPoolExecutor(2), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((handler,))
    server.add_insecure_port(f"{ANY}:{port}")
    server.start()
    server.wait_for_termination()


KINDS: dict[str, Callable[..., None]] = {
    "http": http,
    "canary": canary,
    "imitator": imitator,
    "tls": tls,
    "smtp": smtp,
    "echo": echo,
    "websocket": websocket,
    "h2c": h2c,
    "grpc": grpc,
}

if __name__ == "__main__":
    KINDS[sys.argv[1]](int(sys.argv[2]), *sys.argv[3:])
