"""RTCP: compound packets whose lengths chain. Follows RFC 3550 6, RFC 4585 6."""

from __future__ import annotations

from sniffdiag.identify import wire
from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    beginning,
    chained,
    datagrams,
    hint,
    probe_sides,
    proof,
)
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import byte
from sniffdiag.model import Transport

VERSION_2, VERSION_BITS, COUNT_BITS = 0x80, 0xC0, 0x1F
SENDER_REPORT, RECEIVER_REPORT = 200, 201
TYPES = range(200, 211)
FIRST_TYPES = frozenset({SENDER_REPORT, RECEIVER_REPORT, 205, 206})
WORD = 4
BLOCK_WORDS = 6
FIXED_WORDS = {SENDER_REPORT: 6, RECEIVER_REPORT: 1}


def _packet_len(data: bytes, at: int) -> int | None:
    first, kind, words = wire.u8(data, at), wire.u8(data, at + 1), wire.u16(data, at + 2)
    if first is not None and first & VERSION_BITS != VERSION_2:
        return 0
    if kind is not None and kind not in TYPES:
        return 0
    if first is None or kind is None or words is None:
        return None
    # Reports: the count says how many blocks of six words there must be at least.
    least = FIXED_WORDS[kind] + BLOCK_WORDS * (first & COUNT_BITS) if kind in FIXED_WORDS else 1
    return WORD * (words + 1) if words in range(least, 400) else 0


@beginning((byte(0, range(0x80, 0xC0)), byte(1, FIRST_TYPES)))
def _compound(data: bytes) -> Clue:
    kind = wire.u8(data, 1)
    if kind is not None and kind not in FIRST_TYPES:
        return AGAINST
    several = chained(data, _packet_len, 2)
    if several:
        return proof("RTCP compound packet")
    one = chained(data, _packet_len, 1)
    if one:
        return hint("an RTCP report")
    return OPEN if one is None else AGAINST


_side = datagrams(_compound)

DETECTOR = Detector(
    protocol="rtcp",
    title="RTCP",
    transports=frozenset({Transport.UDP}),
    probe=probe_sides(_side, _side),
    evidence="Report with a plausible length, chained to the next packet of the compound.",
    midstream=True,
)
