"""The lab's own clients: `client.py KIND HOST ADDRESS PORT [OPTION...]`; each prints one JSON list of what came back.

A client that waits prints `waiting` and goes on with the next line on standard input, so that a capture can begin, or a
declaration change, in the middle of its work.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import ssl
import sys
import time
from collections.abc import Callable

PATIENCE_S = 3.0
SHOPPING_CONNECTIONS = 18
SHOPPING_PAUSE_AT = 8
SHOPPING_REST_S = 0.15
GRPC_METHOD = "/shop.Reviews/Get"
Outcome = list[str]


def pause() -> None:
    """Hand over to the lab until it says go."""
    sys.stdout.write("waiting\n")
    sys.stdout.flush()
    sys.stdin.readline()


def connection(host: str, address: str, port: int) -> http.client.HTTPConnection:
    """A keep-alive connection to `address` that names `host`."""
    del host
    return http.client.HTTPConnection(address, port, timeout=PATIENCE_S)


def ask(link: http.client.HTTPConnection, host: str, path: str, body: bytes | None = None) -> str:
    """One request; the status, or the error's name."""
    headers = {"Host": host, "User-Agent": "shop-frontend/1.8", "X-Page-View": os.urandom(4).hex()}
    try:
        link.request("POST" if body else "GET", path, body, headers)
        answer = link.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException) as error:
        link.close()
        return type(error).__name__
    return str(answer.status)


def web(host: str, address: str, port: int) -> Outcome:
    """Three requests on one connection, one on another."""
    link = connection(host, address, port)
    first = [
        ask(link, host, "/api/v1/reviews/1"),
        ask(link, host, "/api/v1/reviews", b'{"stars": 5}'),
    ]
    first.append(ask(link, host, "/api/v1/reviews/2"))
    link.close()
    return [*first, ask(connection(host, address, port), host, "/api/v1/reviews/3")]


def midstream(host: str, address: str, port: int) -> Outcome:
    """Requests on one long connection, with a pause in which the capture begins."""
    link = connection(host, address, port)
    before = [ask(link, host, "/api/v1/reviews/1")]
    pause()
    return before + [ask(link, host, f"/api/v1/reviews/{number}") for number in range(2, 6)]


def shopping(host: str, address: str, port: int) -> Outcome:
    """Two requests on each of many fresh connections, with a pause in which the declaration changes."""
    outcome: Outcome = []
    for number in range(SHOPPING_CONNECTIONS):
        if number == SHOPPING_PAUSE_AT:
            pause()
        link = connection(host, address, port)
        outcome.append(ask(link, host, f"/api/v1/reviews/{number}"))
        outcome.append(ask(link, host, "/api/v1/reviews", b'{"stars": 5}'))
        link.close()
        time.sleep(SHOPPING_REST_S)
    return outcome


def http10(host: str, address: str, port: int) -> Outcome:
    """HTTP/1.0, as an old nginx speaks to its upstream: one connection a request."""
    outcome = []
    for number in range(3):
        with socket.create_connection((address, port), PATIENCE_S) as link:
            link.sendall(
                f"GET /api/v1/reviews/{number} HTTP/1.0\r\nHost: {host}\r\nUser-Agent: ab\r\n\r\n".encode()
            )
            outcome.append(read_all(link)[:32].split(b"\r\n")[0].decode("latin-1"))
    return outcome


def read_all(link: socket.socket) -> bytes:
    """Everything until the other side closes, resets or says nothing for too long."""
    data = b""
    try:
        while more := link.recv(65536):
            data += more
    except OSError as error:
        return data or type(error).__name__.encode()
    return data


def proxied(host: str, address: str, port: int) -> Outcome:
    """A load balancer that prepends PROXY protocol version 1 to HTTP."""
    outcome = []
    for number in range(2):
        with socket.create_connection((address, port), PATIENCE_S) as link:
            link.sendall(f"PROXY TCP4 203.0.113.7 {address} 5123{number} {port}\r\n".encode())
            link.sendall(
                f"GET /api/v1/reviews/{number} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
            )
            outcome.append(read_all(link)[:32].split(b"\r\n")[0].decode("latin-1"))
    return outcome


def tls(host: str, address: str, port: int) -> Outcome:
    """The application's own TLS, with HTTP inside."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    outcome = []
    for number in range(2):
        try:
            with (
                socket.create_connection((address, port), PATIENCE_S) as link,
                context.wrap_socket(link, server_hostname=host) as secure,
            ):
                secure.sendall(
                    f"GET /api/v1/reviews/{number} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
                )
                outcome.append(read_all(secure)[:32].split(b"\r\n")[0].decode("latin-1"))
        except OSError as error:
            outcome.append(f"{type(error).__name__}: {getattr(error, 'reason', '')}")
    return outcome


def redis(host: str, address: str, port: int) -> Outcome:
    """RESP as a client library sends it."""
    del host
    commands = [["PING"], ["SET", "stars:1", "4"], ["GET", "stars:1"], ["INCR", "views"]]
    outcome = []
    with socket.create_connection((address, port), PATIENCE_S) as link:
        for command in commands:
            words = "".join(f"${len(word)}\r\n{word}\r\n" for word in command)
            try:
                link.sendall(f"*{len(command)}\r\n{words}".encode())
                outcome.append(link.recv(4096)[:32].split(b"\r\n")[0].decode("latin-1"))
            except OSError as error:
                return [*outcome, type(error).__name__]
    return outcome


def smtp(host: str, address: str, port: int) -> Outcome:
    """A client that lets the server speak first, as RFC 5321 demands."""
    del host
    outcome = []
    with socket.create_connection((address, port), PATIENCE_S) as link:
        for line in (b"", b"EHLO frontend\r\n", b"MAIL FROM:<shop@shop.example>\r\n", b"QUIT\r\n"):
            try:
                link.sendall(line)
                outcome.append(link.recv(4096)[:32].split(b"\r\n")[0].decode("latin-1"))
            except OSError as error:
                return [*outcome, type(error).__name__]
    return outcome


def echo(host: str, address: str, port: int) -> Outcome:
    """A private binary protocol, client first."""
    del host
    outcome = []
    with socket.create_connection((address, port), PATIENCE_S) as link:
        for number in range(3):
            body = os.urandom(24)
            try:
                link.sendall(len(body).to_bytes(2, "big") + number.to_bytes(2, "big") + body)
                outcome.append(str(len(link.recv(4096))))
            except OSError as error:
                return [*outcome, type(error).__name__]
    return outcome


def websocket(host: str, address: str, port: int) -> Outcome:
    """The handshake of RFC 6455 and a few masked text frames."""
    with socket.create_connection((address, port), PATIENCE_S) as link:
        key = base64.b64encode(os.urandom(16)).decode()
        link.sendall(
            f"GET /chat HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nUser-Agent: shop-frontend/1.8\r\n\r\n".encode()
        )
        outcome = [link.recv(4096)[:32].split(b"\r\n")[0].decode("latin-1")]
        for text in (b"hello", b"any news about order 17?", b"thanks"):
            mask = os.urandom(4)
            masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(text))
            try:
                link.sendall(bytes((0x81, 0x80 | len(text))) + mask + masked)
                outcome.append(link.recv(4096)[2:].decode("latin-1"))
            except OSError as error:
                return [*outcome, type(error).__name__]
    return outcome


def h2c(host: str, address: str, port: int) -> Outcome:
    """HTTP/2 in clear text with prior knowledge: a few requests on one connection."""
    import h2.connection  # noqa: PLC0415 - only this client needs it
    import h2.events  # noqa: PLC0415
    import h2.exceptions  # noqa: PLC0415

    session = h2.connection.H2Connection()
    outcome: Outcome = []
    with socket.create_connection((address, port), PATIENCE_S) as link:
        session.initiate_connection()
        for number in range(3):
            path = f"/api/v1/reviews/{number}"
            names = (":method", ":scheme", ":authority", ":path", "user-agent")
            values = ("GET", "http", host, path, "shop-frontend/1.8")
            session.send_headers(
                2 * number + 1, list(zip(names, values, strict=True)), end_stream=True
            )
        link.sendall(session.data_to_send())
        while len(outcome) < 3:
            try:
                data = link.recv(65536)
                events = session.receive_data(data)
            except (OSError, h2.exceptions.ProtocolError) as error:
                return [*outcome, type(error).__name__]
            if not data:
                return [*outcome, "closed"]
            for event in events:
                if isinstance(event, h2.events.ResponseReceived):
                    outcome.append(str(dict(event.headers or [])[b":status"].decode()))
                elif isinstance(event, h2.events.StreamReset):
                    outcome.append(f"reset {event.error_code}")
            link.sendall(session.data_to_send())
    return outcome


def grpc(host: str, address: str, port: int) -> Outcome:
    """A few unary calls on one channel."""
    import grpc as rpc  # noqa: PLC0415 - only this client needs it

    outcome = []
    options = [
        ("grpc.default_authority", f"{host}:{port}"),
        ("grpc.enable_retries", 0),
        ("grpc.enable_http_proxy", 0),
    ]
    with rpc.insecure_channel(f"{address}:{port}", options=options) as channel:
        call = channel.unary_unary(GRPC_METHOD)
        for number in range(3):
            try:
                call(bytes([0x10, number]), timeout=PATIENCE_S)
                outcome.append("OK")
            except rpc.RpcError as error:
                outcome.append(f"{error.code().name}: {error.details()}")
    return outcome


KINDS: dict[str, Callable[[str, str, int], Outcome]] = {
    "http": web,
    "midstream": midstream,
    "shopping": shopping,
    "http10": http10,
    "proxied": proxied,
    "tls": tls,
    "redis": redis,
    "smtp": smtp,
    "echo": echo,
    "websocket": websocket,
    "h2c": h2c,
    "grpc": grpc,
}

if __name__ == "__main__":
    kind, name, where, number = sys.argv[1:5]
    sys.stdout.write(json.dumps(KINDS[kind](name, where, int(number))) + "\n")
