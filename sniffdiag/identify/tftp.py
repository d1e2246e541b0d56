"""TFTP: read and write requests, data and acknowledgement on both sides.

Follows RFC 1350 5, 2347.
"""

from __future__ import annotations

from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    any_of,
    beginning,
    datagrams,
    faint,
    hint,
    one_of,
    probe_sides,
    proof,
)
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Literal, byte
from sniffdiag.model import Transport

_REQUEST = lazy(rb"\x00[\x01\x02][\x20-\x7e]{1,255}\x00(?i:netascii|octet|mail)\x00")
REQUEST_LIMIT = 280
_ERROR = lazy(rb"\x00\x05\x00[\x00-\x08][\x20-\x7e]{4}")


@beginning((Literal(0, b"\x00"), byte(1, {1, 2})))
def _request(data: bytes) -> Clue:
    if _REQUEST.match(data):
        return proof("TFTP request")
    text = data[2:REQUEST_LIMIT].replace(b"\x00", b"").isascii()
    fits = data[:1] == b"\x00" and data[1:2] in b"\x01\x02" and text
    return OPEN if fits and len(data) < REQUEST_LIMIT else AGAINST


_transfer = one_of(
    ((Literal(0, b"\x00\x03\x00\x01"),), faint("TFTP data block 1")),
    ((Literal(0, b"\x00\x04\x00\x00"),), faint("a TFTP acknowledgement")),
    ((Literal(0, b"\x00\x04\x00\x01"),), faint("a TFTP acknowledgement")),
)


@beginning((Literal(0, b"\x00\x05\x00"),))
def _error(data: bytes) -> Clue:
    if _ERROR.match(data):
        return hint("a TFTP error")
    return AGAINST if len(data) >= len(b"\x00\x05\x00\x01text") or data[:1] != b"\x00" else OPEN


_side = datagrams(any_of(_request, _transfer, _error))

DETECTOR = Detector(
    protocol="tftp",
    title="TFTP",
    transports=frozenset({Transport.UDP}),
    probe=probe_sides(_side, _side),
    evidence="Request with file name and mode; data block 1 with its acknowledgement.",
)
