"""Small captures of a few connections, in every format, and the manifest that declares them."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.capture_files import COMPRESS, NANOSECONDS, START_NS, Frame, pcap, pcapng
from tests.support.conversations import ANSWER, End, connection
from tests.support.hellos import CLIENT_HELLO, SERVER_HELLO_12

CLIENT, WEB, STORE = "10.0.0.1", End("10.0.0.7", 8080), End("10.0.0.8", 6379)
DECLARED = ("shop/web:8080/tcp-web=10.0.0.7", "shop/store:6379/http-store=10.0.0.8")


def conversation_frames() -> list[Frame]:
    """HTTP, TLS and Redis, IPv4 and IPv6, interleaved, a millisecond apart."""
    talks = [
        connection(End(CLIENT, 40001), WEB),
        connection(End(CLIENT, 40002), STORE, [(0, b"*1\r\n$4\r\nPING\r\n"), (1, b"+PONG\r\n")]),
        connection(
            End("fd00::1", 40003), End("fd00::7", 8443), [(0, CLIENT_HELLO), (1, SERVER_HELLO_12)]
        ),
        connection(
            End(CLIENT, 40004),
            WEB,
            [(0, b"POST /x HT"), (0, b"TP/1.1\r\nHost: a\r\n\r\n"), (1, ANSWER)],
            handshake=False,
        ),
        connection(End(CLIENT, 40001), WEB, isn=77_000),
    ]
    rounds = max(map(len, talks))
    mixed = [talk[turn] for turn in range(rounds) for talk in talks[:4] if turn < len(talk)]
    mixed += talks[4]
    return [Frame(data, START_NS + at * 1_000_000) for at, data in enumerate(mixed)]


FRAMES = conversation_frames()


@dataclass(frozen=True, slots=True)
class Format:
    """A way to write the frames."""

    name: str
    content: bytes


PLAIN = pcap(FRAMES)
FORMATS = (
    Format("pcap", PLAIN),
    Format("pcap nanoseconds", pcap(FRAMES, magic=NANOSECONDS)),
    Format("pcap big-endian", pcap(FRAMES, order=">")),
    Format("pcapng", pcapng(FRAMES)),
    Format("pcapng big-endian", pcapng(FRAMES, ">")),
    *(Format(name, compress(PLAIN)) for name, compress in COMPRESS.items()),
)
