"""SIP over UDP and TCP. Follows RFC 3261 7; keep-alives before a message as in RFC 5626."""

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
from sniffdiag.identify.text import begins_as_line
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Text
from sniffdiag.model import Transport

_MESSAGE = lazy(
    rb"[A-Z]{3,16} (?:sips?|tel|im|urn):[^\r\n]* SIP/2\.0\r?\n"  # a request
    rb"|SIP/2\.0 [1-6]\d\d "  # a status
)
KEEP_ALIVE = b"\r\n\x00 "
UPPER = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@beginning((Text(0, 3, UPPER),), (Text(0, 1, KEEP_ALIVE),))
def _message(data: bytes) -> Clue:
    text = data.lstrip(KEEP_ALIVE)
    if _MESSAGE.match(text):
        return proof("SIP start line")
    line, end, _ = text.partition(b"\n")
    return AGAINST if end or not begins_as_line(line) else OPEN


_side = datagrams(_message)

DETECTOR = Detector(
    protocol="sip",
    title="SIP",
    transports=frozenset({Transport.UDP, Transport.TCP}),
    probe=probe_sides(_side, _side),
    evidence="Request or status line with SIP/2.0.",
    midstream=True,
)
