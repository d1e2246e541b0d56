"""Records the captures of this folder: many requests on few connections, MTU 1500, and tcpdump.

Needs root, tcpdump, iproute2, util-linux, nghttp2-client, nghttp2-server, and `pip install grpcio`:
`sudo unshare --net .venv/bin/python pcaps/http2/many/generate.py`, since it changes loopback.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent import futures
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from loopback import recorded

HERE = Path(__file__).parent
PORT = 8446
FAILS_EVERY = 10
REFUSED = grpc.StatusCode.UNAVAILABLE


def answer(message: bytes, context: grpc.ServicerContext) -> bytes:
    """The same message, unless it asks for a failure."""
    if message.startswith(b"fail"):
        context.abort(REFUSED, "try again")
    return message


HANDLERS = {
    "Add": grpc.unary_unary_rpc_method_handler(answer),
    "Watch": grpc.unary_stream_rpc_method_handler(lambda message, _: iter([message] * 6)),
    "Fill": grpc.stream_unary_rpc_method_handler(lambda messages, _: b"%d" % len(list(messages))),
}


def call(channel: grpc.Channel, number: int) -> None:
    """A call that fails now and then."""
    message = b"fail" if number % FAILS_EVERY == FAILS_EVERY - 1 else b"apple"
    with contextlib.suppress(grpc.RpcError):
        channel.unary_unary("/shop.Cart/Add")(message, timeout=5)


def one_by_one(channel: grpc.Channel) -> None:
    """Unary calls, each after the other's answer."""
    for number in range(200):
        call(channel, number)


def at_once(channel: grpc.Channel) -> None:
    """Unary calls, twelve at a time."""
    with futures.ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda number: call(channel, number), range(200)))


def streams(channel: grpc.Channel) -> None:
    """Streams of messages either way, some of which fill several segments."""
    watch, fill = channel.unary_stream("/shop.Cart/Watch"), channel.stream_unary("/shop.Cart/Fill")
    for number in range(20):
        list(watch(b"w" * (1 + number * 20)))
        fill(iter([b"f" * (1 + number * 100)] * 2))


def grpc_calls(act: Callable[[grpc.Channel], None]) -> None:
    """A server and a client of grpc's C core."""
    server = grpc.server(futures.ThreadPoolExecutor(12))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("shop.Cart", HANDLERS),))
    server.add_insecure_port(f"127.0.0.1:{PORT}")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{PORT}") as channel:
        act(channel)
    server.stop(None).wait()


def h2load() -> None:
    """Requests of h2load, fifty at once on each of two connections; every other path is missing."""
    with TemporaryDirectory() as root:
        Path(root, "a").write_text("shop\n")
        command = ["nghttpd", "--no-tls", "-d", root, str(PORT)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
            time.sleep(0.5)
            url = f"http://127.0.0.1:{PORT}"
            load = ["h2load", "-n", "400", "-c", "2", "-m", "50", f"{url}/a", f"{url}/missing"]
            subprocess.run(load, check=True, timeout=20, stdout=subprocess.DEVNULL)
            server.terminate()


def main() -> None:
    """All cases."""
    subprocess.run(["ip", "link", "set", "lo", "up", "mtu", "1500"], check=True)
    for name, act in {
        "grpc-one-by-one": lambda: grpc_calls(one_by_one),
        "grpc-at-once": lambda: grpc_calls(at_once),
        "grpc-streams": lambda: grpc_calls(streams),
        "h2load": h2load,
    }.items():
        with recorded(HERE / f"{name}.pcap", f"tcp port {PORT}"):
            act()
    for path in sorted(HERE.glob("*.pcap")):
        print(path.stem, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
