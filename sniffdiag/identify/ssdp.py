"""SSDP: HTTP/1.1 messages in datagrams. Follows UPnP Device Architecture 2.0, 1.2-1.3."""

from __future__ import annotations

from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    beginning,
    datagrams,
    probe_sides,
    proof,
)
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Literal, Text
from sniffdiag.model import Transport

_SEARCH = lazy(rb"(?i:M-SEARCH) \* HTTP/1\.[01]\r?\n|NOTIFY \* HTTP/1\.[01]\r?\n")
_ANSWER = lazy(rb"HTTP/1\.[01] 200 OK\r?\n(?:[^\r\n]+\r?\n)*?(?i:ST|USN|NTS?|EXT) ?:")
ANSWER_READ_BYTES = 1024


@beginning((Text(0, 1, b"MmN"),))
def _search(data: bytes) -> Clue:
    if _SEARCH.match(data):
        return proof("SSDP request line")
    return AGAINST if b"\n" in data or not b"MmNn".count(data[:1]) else OPEN


@beginning((Literal(0, b"HTTP/1."),))
def _answer(data: bytes) -> Clue:
    if _ANSWER.match(data[:ANSWER_READ_BYTES]):
        return proof("SSDP answer")
    cut = b"HTTP/1.".startswith(data[:7]) and len(data) < ANSWER_READ_BYTES
    return OPEN if cut else AGAINST


DETECTOR = Detector(
    protocol="ssdp",
    title="SSDP (UPnP)",
    transports=frozenset({Transport.UDP}),
    probe=probe_sides(datagrams(_search), datagrams(_answer)),
    evidence="M-SEARCH or NOTIFY * HTTP/1.1, or an answer with ST or USN, in a datagram.",
    midstream=True,
)
