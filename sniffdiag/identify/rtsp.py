"""RTSP 1.0 and 2.0, and the media interleaved with it. Follows RFC 2326 4-6, 10.12, RFC 7826."""

from __future__ import annotations

from sniffdiag.identify import wire
from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    any_of,
    anywhere,
    beginning,
    chain_of,
    hint,
    probe_sides,
    proof,
)
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.text import begins_as_line
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Layout, Text, byte
from sniffdiag.model import Transport

_START_LINE = lazy(
    rb"[A-Z_]{3,16} (?:rtspu?://[^\r\n ]*|\*|[^\r\n ]+) RTSP/[12]\.0\r?\n|RTSP/[12]\.0 [1-6]\d\d ",
)
INTERLEAVED = ord("$")
INTERLEAVED_HEADER_LEN = 4
CHANNELS = range(16)
RTP_VERSION_2 = 0x80
FRAME: Layout = (byte(0, {INTERLEAVED}), byte(1, CHANNELS), byte(4, range(0x80, 0xC0)))
UPPER = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
CHAIN = 3


@beginning((Text(0, 3, UPPER),), (Text(0, 1, b"\r\n"),))
def _message(data: bytes) -> Clue:
    text = data.lstrip(b"\r\n")
    if _START_LINE.match(text):
        return proof("RTSP start line")
    line, end, _ = text.partition(b"\n")
    return AGAINST if end or not begins_as_line(line) else OPEN


def _interleaved_len(data: bytes, at: int) -> int | None:
    mark, channel = wire.u8(data, at), wire.u8(data, at + 1)
    length, media = wire.u16(data, at + 2), wire.u8(data, at + INTERLEAVED_HEADER_LEN)
    if mark not in {None, INTERLEAVED} or channel not in {None, *CHANNELS}:
        return 0
    if length is None or media is None:
        return None
    return INTERLEAVED_HEADER_LEN + length if media & 0xC0 == RTP_VERSION_2 else 0


_later = any_of(
    _message,
    chain_of(_interleaved_len, CHAIN, hint("chained interleaved RTP frames"), FRAME),
)

DETECTOR = Detector(
    protocol="rtsp",
    title="RTSP",
    transports=frozenset({Transport.TCP, Transport.UDP}),
    probe=probe_sides(anywhere(_message, _later), anywhere(_message, _later)),
    evidence="Request or status line with RTSP/1.0 or 2.0; interleaved RTP frames mid-stream.",
    midstream=True,
)
