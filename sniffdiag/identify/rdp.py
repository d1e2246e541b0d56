"""RDP: the X.224 connection that opens it. TPKT alone also carries S7, H.323 and MMS.

Does not look into what follows, usually TLS. Follows MS-RDPBCGR 2.2.1.1-2.2.1.2, RFC 1006, X.224.
"""

from __future__ import annotations

from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    at_start,
    beginning,
    hint,
    probe_sides,
    proof,
)
from sniffdiag.identify.verdict import NO_FACTS, Detector, Facts
from sniffdiag.identify.wire import Layout, Literal, be16, fit
from sniffdiag.model import Transport

TPKT: Layout = (Literal(0, b"\x03\x00"), be16(2, range(11, 512)))
CONNECT_REQUEST, CONNECT_CONFIRM = b"\xe0", b"\xd0"
VARIABLE_PART_AT = 11
COOKIE = b"Cookie: "
NEGOTIATION_REQUEST, NEGOTIATION_RESPONSE, NEGOTIATION_FAILURE = 1, 2, 3
NEGOTIATION_LEN = b"\x08\x00"
TLS_RECORD = b"\x16\x03"


def _connects(code: bytes) -> Layout:
    return (*TPKT, Literal(5, code), Literal(6, b"\x00\x00"))


def _connection(data: bytes, code: bytes) -> Clue:
    fits = fit(data, _connects(code))
    if not fits or len(data) < VARIABLE_PART_AT:
        return AGAINST if fits is False else OPEN
    length, indicator = int.from_bytes(data[2:4]), data[4]
    if indicator != length - 5:
        return AGAINST
    return _variable_part(data, length)


def _variable_part(data: bytes, length: int) -> Clue:
    facts = Facts(switched_to="tls") if data.startswith(TLS_RECORD, length) else NO_FACTS
    if length == VARIABLE_PART_AT:
        return hint("an X.224 connection without parameters", facts)
    part = data[VARIABLE_PART_AT:length]
    if part.startswith(COOKIE) or _negotiates(part):
        return proof("RDP negotiation", facts)
    # c0, c1, c2: TSAP parameters of ISO transport users other than RDP.
    return OPEN if len(part) < min(8, length - VARIABLE_PART_AT) else AGAINST


def _negotiates(part: bytes) -> bool:
    kinds = {NEGOTIATION_REQUEST, NEGOTIATION_RESPONSE, NEGOTIATION_FAILURE}
    return part[0:1] != b"" and part[0] in kinds and part[2:4] == NEGOTIATION_LEN


@beginning(_connects(CONNECT_REQUEST))
def _request(data: bytes) -> Clue:
    return _connection(data, CONNECT_REQUEST)


@beginning(_connects(CONNECT_CONFIRM))
def _confirm(data: bytes) -> Clue:
    return _connection(data, CONNECT_CONFIRM)


DETECTOR = Detector(
    protocol="rdp",
    title="RDP",
    transports=frozenset({Transport.TCP}),
    probe=probe_sides(at_start(_request), at_start(_confirm)),
    evidence="X.224 connection request or confirm with RDP's cookie or negotiation.",
)
