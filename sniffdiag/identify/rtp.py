"""RTP: one datagram is only a version number, so several must count up.

Follows RFC 3550 5.1, 5761 4.
"""

from __future__ import annotations

from itertools import pairwise

from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Beginnings,
    Clue,
    Sounding,
    hint,
    proof,
    weigh,
)
from sniffdiag.identify.verdict import Answer, Detector, Heads, Side, Verdict, possible
from sniffdiag.identify.wire import byte
from sniffdiag.model import Transport
from sniffdiag.records import dataclass

HEADER_LEN = 12
_CSRC_COUNT = 0x0F
VERSION_2, VERSION_BITS = 0x80, 0xC0
RTCP_TYPES = range(64, 96)
"""Payload types that would be RTCP packet types (RFC 5761 4)."""
ENOUGH = 3
LARGEST_STEP = 32


@dataclass(frozen=True, slots=True)
class Packet:
    """What must hold still or count up."""

    payload_type: int
    sequence: int
    ssrc: bytes


def parse_packet(data: bytes) -> Packet | None:
    """The header, None where it is cut or none."""
    if len(data) < HEADER_LEN or data[0] & VERSION_BITS != VERSION_2:
        return None
    payload_type = data[1] & 0x7F
    if payload_type in RTCP_TYPES:
        return None
    return Packet(payload_type, int.from_bytes(data[2:4]), data[8:12])


def hear(side: Side) -> Clue:
    """A side whose datagrams count up under one source identifier."""
    if not side.head or len(side.head) < HEADER_LEN:
        wrong = side.head and side.head[0] & VERSION_BITS != VERSION_2
        return AGAINST if wrong else OPEN
    datagrams = (side.head, *(sample.data for sample in side.samples))
    packets = [parse_packet(data) for data in datagrams]
    first = packets[0]
    if first is None:
        return AGAINST
    steps = sum(a is not None and b is not None and _follows(a, b) for a, b in pairwise(packets))
    if steps >= ENOUGH:
        return proof("RTP sequence numbers counting up under one source")
    return hint("RTP packets in order") if steps else OPEN


def _follows(one: Packet, other: Packet) -> bool:
    step = (other.sequence - one.sequence) & 0xFFFF
    return one.ssrc == other.ssrc and step in range(1, LARGEST_STEP)


def _only_packet(side: Side) -> Packet | None:
    """The first packet, unless something speaks against it; mixers are rare."""
    head = side.head
    is_mixed, is_filler = head[:1] and head[0] & _CSRC_COUNT, head[4:8] == head[8:12]
    packets = [parse_packet(data) for data in (head, *(s.data for s in side.samples))]
    first = packets[0]
    if first is None or is_mixed or is_filler or not any(first.ssrc):
        return None
    same = all(
        p is not None and (p.ssrc, p.payload_type) == (first.ssrc, first.payload_type)
        for p in packets
    )
    return first if same else None


_PACKETS = Beginnings(((byte(0, range(0x80, 0xC0)),),))


def probe(heads: Heads) -> Verdict:
    """Both sides apart; packets of one payload type both ways make it possible."""
    verdict = weigh(heads, hear(heads.client), hear(heads.server))
    one, other = _only_packet(heads.client), _only_packet(heads.server)
    both = one is not None and other is not None and one.payload_type == other.payload_type
    if verdict.answer is Answer.NEED_MORE and both:
        return possible("RTP headers of one payload type both ways")
    return verdict


DETECTOR = Detector(
    protocol="rtp",
    title="RTP",
    transports=frozenset({Transport.UDP}),
    probe=Sounding(probe, _PACKETS, _PACKETS),
    evidence="Version 2 and sequence numbers that count up under one source over datagrams.",
    midstream=True,
)
