"""HTTP/2: preface, server SETTINGS, h2c upgrade, and chains of valid frames mid-stream (RFC 9113).

Frame headers are judged by the table of RFC 9113 6 alone. There is no HPACK state here, and
extension frames are accepted only inside a chain that already stands. HTTP/2 inside TLS is `tls`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import Enum
from itertools import islice

from sniffdiag.identify import http1
from sniffdiag.identify.chains import CUT, NOT_A_FRAME, Chain, chains, follow, pieces
from sniffdiag.identify.clue import ANYHOW, Beginnings, Sounding
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.sides import judge
from sniffdiag.identify.verdict import (
    NEED_MORE,
    NO,
    Answer,
    Detector,
    Heads,
    Side,
    Verdict,
    certain,
    possible,
)
from sniffdiag.identify.wire import Literal
from sniffdiag.model import Transport
from sniffdiag.records import dataclass

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""RFC 9113 3.4."""
PREFACE_LINE_LEN = 16
HEADER_LEN = 9
LENGTH_WIDTH = 3
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0, 1, 2, 3, 4
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 5, 6, 7, 8, 9
ACK = 0x1
MAX_FRAME_LEN = 16384
"""SETTINGS_MAX_FRAME_SIZE may raise it, which is rarely done (RFC 9113 6.5.2)."""
SETTING_LEN = 6
SETTING_IDS = frozenset({1, 2, 3, 4, 5, 6, 8, 9, 0x4D44, 0xFE03, 0xFE04})
"""RFC 9113 6.5.2, RFC 8441 (8) and RFC 9218 (9); METADATA of Envoy (0x4d44), and what gRPC's C core
sends always (grpc src/core/ext/transport/chttp2/transport/http2_settings.h)."""
MAX_ERROR_CODE = 0xD
"""RFC 9113 7."""
CONTROL = {SETTINGS, PING, WINDOW_UPDATE}
"""Kinds of fixed shape: one of them that fills its segment says something."""
MIN_DATA_FRAMES = 3
H2C = b"h2c"
_RESYNC = lazy(
    rb"\x00\x00\x04\x08\x00"
    rb"|\x00\x00\x08\x06[\x00\x01]\x00\x00\x00\x00"
    rb"|\x00\x00\x00\x04\x01\x00\x00\x00\x00"
)
"""WINDOW_UPDATE, PING and SETTINGS ACK: where to pick up a stream that begins inside a frame."""
MAX_RESYNCS = 64


class _On(Enum):
    """Where a frame type may appear."""

    STREAM = "never stream 0"
    CONNECTION = "always stream 0"
    EITHER = "either"


@dataclass(frozen=True, slots=True)
class _Rule:
    """What RFC 9113 6 allows in the header of one frame type."""

    flags: int
    on: _On
    least: int = 0
    most: int = MAX_FRAME_LEN
    multiple_of: int = 1


_RULES = (
    _Rule(flags=0x09, on=_On.STREAM),
    _Rule(flags=0x2D, on=_On.STREAM, least=1),
    _Rule(flags=0x00, on=_On.STREAM, least=5, most=5),
    _Rule(flags=0x00, on=_On.STREAM, least=4, most=4),
    _Rule(flags=0x01, on=_On.CONNECTION, multiple_of=SETTING_LEN),
    _Rule(flags=0x0C, on=_On.STREAM, least=5),
    _Rule(flags=0x01, on=_On.CONNECTION, least=8, most=8),
    _Rule(flags=0x00, on=_On.CONNECTION, least=8),
    _Rule(flags=0x00, on=_On.EITHER, least=4, most=4),
    _Rule(flags=0x04, on=_On.STREAM),
)


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame header."""

    length: int
    kind: int
    flags: int
    stream: int


def frame_at(data: bytes, at: int) -> Frame:
    """The header at `at`, of which all nine bytes must be there."""
    length = int.from_bytes(data[at : at + 3])
    return Frame(length, data[at + 3], data[at + 4], int.from_bytes(data[at + 5 : at + HEADER_LEN]))


def measure(data: bytes, at: int) -> int:
    """A frame's whole length if its header is valid, and its payload where that has rules."""
    if len(data) - at < HEADER_LEN:
        return CUT
    if data[at] > MAX_FRAME_LEN >> 16 or data[at + 3] >= len(_RULES):
        return NOT_A_FRAME
    frame = frame_at(data, at)
    if not _is_valid_header(frame):
        return NOT_A_FRAME
    whole_len = HEADER_LEN + frame.length
    is_valid_payload = _PAYLOAD_RULES.get(frame.kind)
    if is_valid_payload is None:
        return whole_len
    payload = data[at + HEADER_LEN : at + whole_len]
    if len(payload) < frame.length:
        return CUT
    return whole_len if is_valid_payload(payload) else NOT_A_FRAME


def _is_valid_header(frame: Frame) -> bool:
    if frame.kind >= len(_RULES):
        return False
    rule = _RULES[frame.kind]
    return (
        not frame.flags & ~rule.flags
        and rule.least <= frame.length <= rule.most
        and frame.length % rule.multiple_of == 0
        and _is_stream_allowed(frame.stream, rule.on)
        and (frame.kind != SETTINGS or not frame.flags or not frame.length)
    )


def _is_stream_allowed(stream: int, on: _On) -> bool:
    """Pushed (even) streams are left out: no client in use takes them, and zeros look even."""
    if stream == 0:
        return on is not _On.STREAM
    return on is not _On.CONNECTION and stream & 1 == 1 and stream < 1 << 31


def _is_settings(payload: bytes) -> bool:
    ids = (int.from_bytes(payload[at : at + 2]) for at in range(0, len(payload), SETTING_LEN))
    return all(setting in SETTING_IDS for setting in ids)


def _is_increment(payload: bytes) -> bool:
    return 0 < int.from_bytes(payload) < 1 << 31


def _is_error_code(payload: bytes) -> bool:
    return int.from_bytes(payload) <= MAX_ERROR_CODE


def _is_goaway(payload: bytes) -> bool:
    return _is_error_code(payload[4:8])


_PAYLOAD_RULES: dict[int, Callable[[bytes], bool]] = {
    RST_STREAM: _is_error_code,
    SETTINGS: _is_settings,
    GOAWAY: _is_goaway,
    WINDOW_UPDATE: _is_increment,
}


def probe_client(side: Side) -> Verdict:
    """The preface, an HTTP/1 request that may yet be upgraded, or frames mid-stream."""
    head = side.head
    if head.startswith(PREFACE):
        return certain("HTTP/2 connection preface")
    if not side.from_start:
        return _probe_midstream(side)
    if PREFACE.startswith(head):
        if len(head) >= PREFACE_LINE_LEN:
            return possible("the first line of the HTTP/2 connection preface")
        return NEED_MORE
    return NEED_MORE if _may_upgrade(head) else NO


def probe_server(side: Side) -> Verdict:
    """SETTINGS first, a 101 that switches to h2c, or frames mid-stream."""
    if not side.from_start:
        return _probe_midstream(side)
    if side.head.startswith(b"HTTP/"[: len(side.head)]):
        return _probe_switch(side.head)
    if not _may_be_settings(side.head):
        return NO
    settings = follow(pieces(side), 0, measure)
    if len(settings.frames) > 1:
        return certain("HTTP/2 SETTINGS and more frames from the server")
    if len(side.head) < HEADER_LEN:
        return NEED_MORE
    return _probe_settings(side.head, settings)


def _probe_settings(head: bytes, settings: Chain) -> Verdict:
    first = frame_at(head, 0)
    if settings.frames and first.length:
        return certain("HTTP/2 SETTINGS from the server")
    if settings.frames and measure(head, HEADER_LEN) is not NOT_A_FRAME:
        return possible("an empty HTTP/2 SETTINGS frame from the server")
    return NEED_MORE if len(head) < HEADER_LEN + first.length else NO


def _may_be_settings(head: bytes) -> bool:
    """What is there of the first header fits SETTINGS without ACK on stream 0."""
    length, rest = head[:LENGTH_WIDTH], head[LENGTH_WIDTH:HEADER_LEN]
    length_fits = not rest or int.from_bytes(length) % SETTING_LEN == 0
    return length_fits and bytes([SETTINGS, 0, 0, 0, 0, 0]).startswith(rest) and head[:1] < b"\x01"


def _may_upgrade(head: bytes) -> bool:
    message = http1.request(head)
    if message is None:
        answer = http1.probe_client(Side(head, from_start=True)).answer
        return answer in {Answer.NEED_MORE, Answer.POSSIBLE}
    return not message.whole or _names_h2c(message)


def _names_h2c(message: http1.Message) -> bool:
    return H2C in (message.field(b"upgrade") or b"").lower()


def offers_upgrade(side: Side) -> bool:
    """The first request is HTTP/1 and offers h2c (which most servers leave unanswered)."""
    message = http1.request(side.head)
    return message is not None and _names_h2c(message)


def _probe_switch(head: bytes) -> Verdict:
    message = http1.response(head)
    if message is None:
        may_be_status = http1.probe_server(Side(head, from_start=True)) is NEED_MORE
        return NEED_MORE if may_be_status else NO
    status = message.line[2]
    if status != b"101":
        return NEED_MORE if status.startswith(b"1") else NO
    if _names_h2c(message):
        return certain("101 answer that switches to h2c", http1.response_facts(head))
    return NO if message.whole else NEED_MORE


def _probe_midstream(side: Side) -> Verdict:
    at_segments: list[Chain] = []
    for chain in chains(side, measure):
        if _is_conclusive(chain):
            return certain("chained HTTP/2 frames")
        at_segments.append(chain)
    found = [*at_segments, *_resynchronised(side)]
    if any(_is_conclusive(chain) for chain in found[len(at_segments) :]):
        return certain("chained HTTP/2 frames")
    exact = [chain for chain in at_segments if chain.exact and _kinds(chain) & CONTROL]
    if len(exact) > 1:
        return certain("segments that are exactly HTTP/2 frames")
    if exact:
        return possible("a segment that is exactly one HTTP/2 frame")
    if any(len(chain.frames) > 1 for chain in found):
        return possible("two chained HTTP/2 frame headers")
    return NEED_MORE


def resync(data: bytes) -> int | None:
    """Where the first frame of a fixed shape may lie amid other bytes."""
    found = _RESYNC.search(data)
    return found.start() if found else None


def _resynchronised(side: Side) -> Iterator[Chain]:
    kept = pieces(side)
    for found in islice(_RESYNC.finditer(side.head), MAX_RESYNCS):
        yield follow(kept, found.start(), measure)


def _kinds(chain: Chain) -> set[int]:
    return {frame_at(data, at).kind for data, at in chain.frames}


def _is_conclusive(chain: Chain) -> bool:
    """Two frames of which one is not DATA; of DATA alone three, none empty.

    A protocol with 4-byte lengths reads as DATA where a size is a multiple of 256, and zeros read
    as empty DATA.
    """
    if len(chain.frames) < 2:  # noqa: PLR2004, two make a chain
        return False
    if _kinds(chain) != {DATA}:
        return True
    lengths = [frame_at(data, at).length for data, at in chain.frames[:MIN_DATA_FRAMES]]
    return len(lengths) == MIN_DATA_FRAMES and all(lengths)


def probe(heads: Heads) -> Verdict:
    """HTTP/2 by either side; an upgrade needs the request that offers it or the 101 alone."""
    verdict = judge(heads, probe_client, probe_server)
    # Without a 101 the server speaks HTTP/2 to a client that speaks HTTP/1.
    switched = heads.server.head.startswith(http1.VERSION)
    if verdict.answer is Answer.CERTAIN and switched and offers_upgrade(heads.client):
        facts = http1.request_facts(heads.client.head).merged(verdict.facts)
        return replace(verdict, by_client=True, facts=facts)
    return verdict


_SETTINGS_HEADER = (
    Literal(0, b"\x00"),
    Literal(LENGTH_WIDTH, bytes([SETTINGS, 0, 0, 0, 0, 0])),
)
CLIENT_BEGINS = Beginnings(start=((Literal(0, PREFACE[:PREFACE_LINE_LEN]),),), later=ANYHOW)
SERVER_BEGINS = Beginnings(
    start=(_SETTINGS_HEADER, (Literal(0, http1.VERSION),)),
    later=ANYHOW,
)

DETECTOR = Detector(
    protocol="http2",
    title="HTTP/2",
    transports=frozenset({Transport.TCP}),
    probe=Sounding(probe, CLIENT_BEGINS, SERVER_BEGINS),
    refines=("http",),
    evidence="the connection preface, SETTINGS first from a server, 101 to h2c, or chained frames",
    midstream=True,
)
