"""The lab's own clients: `client.py KIND HOST ADDRESS PORT`; one function a kind.

Each prints one JSON list of what came back. A client that waits prints `waiting` and goes on with
the next line on standard input, so that a capture can begin, or a declaration change, in the middle
of its work.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping

PATIENCE_S = 3.0
SHOPPING_REST_S = 0.15
NO_HEADERS: Mapping[str, str] = {}
GRPC_METHOD = "/shop.Reviews/Get"
Outcome = list[str]


def pause() -> None:
    """Hand over to the lab until it says go."""
    sys.stdout.write("waiting\n")
    sys.stdout.flush()
    sys.stdin.readline()


def connection(address: str, port: int) -> http.client.HTTPConnection:
    """A keep-alive connection."""
    return http.client.HTTPConnection(address, port, timeout=PATIENCE_S)


def ask(
    link: http.client.HTTPConnection,
    host: str,
    path: str,
    body: bytes | None = None,
    more: Mapping[str, str] = NO_HEADERS,
) -> str:
    """One request; the status, or the error's name."""
    headers = {"Host": host, "User-Agent": "shop-frontend/1.8", **more}
    try:
        link.request("POST" if body else "GET", path, body, headers)
        answer = link.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException) as error:
        link.close()
        return type(error).__name__
    return str(answer.status)


def get(host: str, number: int, version: str, *headers: str) -> bytes:
    """The bytes of one GET request written by hand."""
    lines = [f"GET /api/v1/reviews/{number} {version}", f"Host: {host}", *headers, "", ""]
    return "\r\n".join(lines).encode()


def first_line(data: bytes) -> str:
    """The beginning of an answer, for the record."""
    return data[:32].split(b"\r\n")[0].decode("latin-1")


def web(host: str, address: str, port: int) -> Outcome:
    """A request on each of two connections."""
    read = ask(connection(address, port), host, "/api/v1/reviews/1")
    return [read, ask(connection(address, port), host, "/api/v1/reviews", b'{"stars": 5}')]


def imitating(host: str, address: str, port: int) -> Outcome:
    """A client that writes the headers that sidecars add, as instrumented applications do."""
    link = connection(address, port)
    traced = {
        "x-request-id": "6f1c2a90-3b1e-4a83-9a8b-f2f6b8e4c101",
        "x-b3-traceid": "80f198ee56343ba864fe8b2a57d3eff7",
        "x-b3-spanid": "e457b5a2e4d86bd1",
        "x-b3-sampled": "1",
        "x-forwarded-proto": "http",
    }
    return [ask(link, host, f"/api/v1/reviews/{number}", more=traced) for number in range(3)]


def midstream(host: str, address: str, port: int) -> Outcome:
    """Requests on one long connection, with a pause in which the capture begins."""
    link = connection(address, port)
    before = [ask(link, host, "/api/v1/reviews/1")]
    pause()
    return before + [ask(link, host, f"/api/v1/reviews/{number}") for number in range(2, 5)]


def shop(host: str, address: str, port: int, connections: tuple[int, int]) -> Outcome:
    """Fresh connections with two requests each, and a pause in which the declaration changes."""
    outcome: Outcome = []
    for number in range(sum(connections)):
        if number == connections[0]:
            pause()
        link = connection(address, port)
        outcome.append(ask(link, host, f"/api/v1/reviews/{number}"))
        outcome.append(ask(link, host, "/api/v1/reviews", b'{"stars": 5}'))
        link.close()
        time.sleep(SHOPPING_REST_S)
    return outcome


def shopping(host: str, address: str, port: int) -> Outcome:
    """A few dozen requests around a change."""
    return shop(host, address, port, (8, 10))


def short_shopping(host: str, address: str, port: int) -> Outcome:
    """A few requests around a change."""
    return shop(host, address, port, (3, 3))


def http10(host: str, address: str, port: int) -> Outcome:
    """HTTP/1.0, as an old nginx speaks to its upstream: one connection a request."""
    outcome = []
    for number in range(2):
        with socket.create_connection((address, port), PATIENCE_S) as link:
            link.sendall(get(host, number, "HTTP/1.0", "User-Agent: ab"))
            outcome.append(first_line(read_all(link)))
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
            link.sendall(get(host, number, "HTTP/1.1", "Connection: close"))
            outcome.append(first_line(read_all(link)))
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
                secure.sendall(get(host, number, "HTTP/1.1", "Connection: close"))
                outcome.append(first_line(read_all(secure)))
        except OSError as error:
            outcome.append(f"{type(error).__name__}: {getattr(error, 'reason', '')}")
    return outcome


def mysql(host: str, address: str, port: int) -> Outcome:
    """MariaDB's own command line client: the server speaks first."""
    del host
    command = ["mariadb", "-h", address, "-P", str(port), "-u", "shop", "--skip-ssl"]
    command += [f"--connect-timeout={PATIENCE_S:.0f}", "-N", "-e", "select 1; select version()"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return (done.stdout or done.stderr).split("\n")[:2]


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
                outcome.append(first_line(link.recv(4096)))
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
                outcome.append(first_line(link.recv(4096)))
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
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        "GET /chat HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        "User-Agent: shop-frontend/1.8",
        *("", ""),
    ]
    with (
        socket.create_connection((address, port), PATIENCE_S) as link,
        link.makefile("rb") as answers,
    ):
        link.sendall("\r\n".join(lines).encode())
        outcome = [first_line(answers.readline())]
        while answers.readline() not in {b"\r\n", b""}:
            pass
        for text in (b"hello", b"any news about order 17?", b"thanks"):
            mask = os.urandom(4)
            masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(text))
            link.sendall(bytes((0x81, 0x80 | len(text))) + mask + masked)
            head = answers.read(2)
            outcome.append(answers.read(head[1]).decode("latin-1"))
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


def calls(host: str, address: str, port: int, then: Callable[[], None]) -> Outcome:
    """A few unary gRPC calls on one channel; `then` runs after the first."""
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
            if not number:
                then()
    return outcome


def grpc(host: str, address: str, port: int) -> Outcome:
    """GRPC from the connection's start."""
    return calls(host, address, port, lambda: None)


def grpc_midstream(host: str, address: str, port: int) -> Outcome:
    """GRPC with a pause after the first call, in which the capture begins."""
    return calls(host, address, port, pause)


KINDS: dict[str, Callable[[str, str, int], Outcome]] = {
    "http": web,
    "midstream": midstream,
    "shopping": shopping,
    "short-shopping": short_shopping,
    "imitating": imitating,
    "mysql": mysql,
    "http10": http10,
    "proxied": proxied,
    "tls": tls,
    "redis": redis,
    "smtp": smtp,
    "echo": echo,
    "websocket": websocket,
    "h2c": h2c,
    "grpc": grpc,
    "grpc-midstream": grpc_midstream,
}

if __name__ == "__main__":
    kind, name, where, number = sys.argv[1:5]
    sys.stdout.write(json.dumps(KINDS[kind](name, where, int(number))) + "\n")
