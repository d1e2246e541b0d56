"""Application messages for the benchmark captures: one pool of bytes, and where each message lies.

They are what a classifier meets (valid heads, right lengths), not what a full parser would need:
TLS application data is noise, and no checksum or signature inside them holds.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

TLS_RECORD_LIMIT = 16_384  # RFC 8446 section 5.1
HANDSHAKE, APPLICATION_DATA = 22, 23
CLIENT_HELLO, SERVER_HELLO = 1, 2
TLS_1_2 = b"\x03\x03"

REQUEST_HEADERS = (
    "Host: {host}\r\nUser-Agent: Go-http-client/1.1\r\nAccept: application/json\r\n"
    "X-Request-Id: 4f8a1c52-96d0-9b1e-a1c6-6f1c7be0{n:04x}\r\nAccept-Encoding: gzip\r\n\r\n"
)
RESPONSE_HEAD = (
    "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n"
    "date: Mon, 06 Jan 2020 09:00:00 GMT\r\nserver: envoy\r\n"
    "x-envoy-upstream-service-time: 3\r\n\r\n"
)
METHODS = ("GET", "GET", "GET", "GET", "POST", "PUT", "DELETE", "PATCH")
STATUSES = ("200 OK", "200 OK", "200 OK", "404 Not Found", "201 Created", "503 Service Unavailable")
HOSTS = ("cart", "orders", "payments", "catalogue", "users", "search", "stock", "mail")


@dataclass(frozen=True, slots=True)
class Messages:
    """Some messages of one kind: their places in the pool."""

    offset: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]


@dataclass(slots=True)
class Pool:
    """Every byte that any generated packet can carry."""

    rng: np.random.Generator
    data: bytearray = field(default_factory=bytearray)

    def add(self, messages: list[bytes]) -> Messages:
        """Append messages and say where they lie."""
        lengths = np.array([len(m) for m in messages], np.int64)
        offsets = len(self.data) + np.cumsum(lengths) - lengths
        self.data += b"".join(messages)
        return Messages(offsets, lengths)

    def text(self, size: int) -> bytes:
        """Noise that compresses as base64 does, like the JSON and HTML of real traffic."""
        return base64.b64encode(self.rng.bytes(size))[:size]

    def http_requests(self, count: int) -> Messages:
        """Requests with varied methods, paths and hosts."""
        return self.add([_http_request(n) for n in range(count)])

    def http_responses(self, sizes: npt.NDArray[np.int64]) -> Messages:
        """Responses with bodies of `sizes` bytes and a Content-Length that says so."""
        return self.add([self._http_response(n, int(size)) for n, size in enumerate(sizes)])

    def tls_hellos(self) -> tuple[Messages, Messages]:
        """ClientHellos, and the servers' first flights."""
        clients = [_client_hello(self.rng.bytes(32), f"{host}.shop.example") for host in HOSTS]
        servers = [
            _server_hello(self.rng.bytes(32)) + _records(self.rng.bytes(2600)) for _ in HOSTS
        ]
        return self.add(clients), self.add(servers)

    def tls_data(self, sizes: npt.NDArray[np.int64]) -> Messages:
        """Application data records around `sizes` bytes."""
        return self.add([_records(self.rng.bytes(int(size))) for size in sizes])

    def dns(self, count: int) -> tuple[Messages, Messages]:
        """Queries for service names, and their answers in the same order."""
        pairs = [_dns(n) for n in range(count)]
        return self.add([query for query, _ in pairs]), self.add([answer for _, answer in pairs])

    def noise(self, sizes: npt.NDArray[np.int64]) -> Messages:
        """Messages of a protocol that nobody knows."""
        return self.add([b"\xf5\x01" + self.rng.bytes(int(size) - 2) for size in sizes])

    def _http_response(self, n: int, size: int) -> bytes:
        head = RESPONSE_HEAD.format(status=STATUSES[n % len(STATUSES)], length=size)
        return head.encode() + self.text(size)


def _http_request(n: int) -> bytes:
    method, host = METHODS[n % len(METHODS)], HOSTS[n * 7 % len(HOSTS)]
    line = (
        f"{method} /api/v{n % 3 + 1}/{host}/{n * 2654435761 % 1_000_003}?page={n % 40} HTTP/1.1\r\n"
    )
    return (line + REQUEST_HEADERS.format(host=f"{host}.shop.svc.cluster.local:8080", n=n)).encode()


def _records(data: bytes) -> bytes:
    parts = [data[i : i + TLS_RECORD_LIMIT] for i in range(0, len(data), TLS_RECORD_LIMIT)]
    return b"".join(_record(APPLICATION_DATA, part) for part in parts)


def _record(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + TLS_1_2 + len(body).to_bytes(2) + body


def _handshake(kind: int, body: bytes) -> bytes:
    return _record(HANDSHAKE, bytes([kind]) + len(body).to_bytes(3) + body)


def _extension(number: int, body: bytes) -> bytes:
    return number.to_bytes(2) + len(body).to_bytes(2) + body


def _client_hello(random: bytes, server_name: str) -> bytes:
    name = server_name.encode()
    entry = b"\x00" + len(name).to_bytes(2) + name
    extensions = _extension(0, len(entry).to_bytes(2) + entry)  # server_name, RFC 6066
    extensions += _extension(16, b"\x00\x0c\x02h2\x08http/1.1")  # ALPN, RFC 7301
    extensions += _extension(43, b"\x04\x03\x04\x03\x03")  # supported_versions, RFC 8446
    ciphers = b"\x13\x01\x13\x02\x13\x03\xc0\x2f"
    session = b"\x20" + random
    body = TLS_1_2 + random + session + len(ciphers).to_bytes(2) + ciphers + b"\x01\x00"
    return _handshake(CLIENT_HELLO, body + len(extensions).to_bytes(2) + extensions)


def _server_hello(random: bytes) -> bytes:
    extensions = _extension(43, b"\x03\x04")
    body = TLS_1_2 + random + b"\x20" + random + b"\x13\x01\x00"
    return _handshake(SERVER_HELLO, body + len(extensions).to_bytes(2) + extensions)


def _dns(n: int) -> tuple[bytes, bytes]:
    labels = (HOSTS[n % len(HOSTS)], "shop", "svc", "cluster", "local")
    name = b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\x00"
    ident, question = (n * 40503 % 65536).to_bytes(2), name + b"\x00\x01\x00\x01"
    query = ident + b"\x01\x00\x00\x01" + bytes(6) + question
    answer = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x1e\x00\x04" + bytes([10, 96, 0, n % 250 + 1])
    return query, ident + b"\x85\x80\x00\x01\x00\x01" + bytes(4) + question + answer
