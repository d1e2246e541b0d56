"""DHCPv6: message type and options that chain. Relay messages are not read.

Follows RFC 8415 8 and 21.
"""

from __future__ import annotations

from sniffdiag.identify import wire
from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    beginning,
    chained,
    datagrams,
    lean,
    probe_sides,
    proof,
)
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Layout, Literal, byte, fit
from sniffdiag.model import Transport

TYPES = range(1, 14)
OPTIONS_AT = 4
OPTIONS = range(1, 150)
LONGEST_OPTION = 1024
HEADER: Layout = (byte(0, TYPES),)
# Most client messages begin with an identifier, most of a server's with one of the two.
FIRST_OPTION: Layout = (Literal(0, b"\x00"), byte(1, {1, 2, 3, 6, 8, 14, 25}))
CHAIN = 3
DUIDS, DUID_KINDS = frozenset({1, 2}), range(1, 5)


def _option_len(data: bytes, at: int) -> int | None:
    code, length = wire.u16(data, at), wire.u16(data, at + 2)
    if code is None or length is None:
        return None if code is None or code in OPTIONS else 0
    return 4 + length if code in OPTIONS and length <= LONGEST_OPTION else 0


@beginning((*HEADER, Literal(OPTIONS_AT, b"\x00")))
def _message(data: bytes) -> Clue:
    if not fit(data, HEADER):
        return AGAINST
    options = data[OPTIONS_AT:]
    chain = chained(options, _option_len, CHAIN)
    if chain is False:
        return AGAINST
    identified = _is_identified(options)
    if not chain:
        return lean("a DHCPv6 client identifier") if identified else OPEN
    fits = identified or fit(options, FIRST_OPTION)
    return proof("DHCPv6 options") if fits else AGAINST


def _is_identified(options: bytes) -> bool:
    """One of the first options is a DUID of a kind there is (RFC 8415 11), all of it."""
    at = 0
    for _ in range(CHAIN):
        length = _option_len(options, at)
        if not length or at + length > len(options):
            return False
        if options[at + 1] in DUIDS and wire.u16(options, at + 4) in DUID_KINDS:
            return True
        at += length
    return False


_side = datagrams(_message)

DETECTOR = Detector(
    protocol="dhcpv6",
    title="DHCPv6",
    transports=frozenset({Transport.UDP}),
    probe=probe_sides(_side, _side),
    evidence="Message type and options that chain, one of the first an identifier.",
    midstream=True,
)
