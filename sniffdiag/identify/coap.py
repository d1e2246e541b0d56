"""CoAP over UDP: version, token, code, and known options up to a path in clear.

Follows RFC 7252 3, 5.10, 12.1, 12.2, RFC 8132. A request without a path, as proxies send it, is not
recognised.
"""

from __future__ import annotations

from sniffdiag.identify import wire
from sniffdiag.identify.clue import (
    Clue,
    beginning,
    datagrams,
    faint,
    hint,
    one_of,
    probe_sides,
    when,
)
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Layout, be16, byte, fit
from sniffdiag.model import Transport

HEADER_LEN = 4
VERSION_1, LONGEST_TOKEN, LENGTH_BITS = 0x40, 8, 0x0F
_FIRST = frozenset(
    VERSION_1 | kind << 4 | token for kind in range(4) for token in range(LONGEST_TOKEN + 1)
)
REQUEST: Layout = (byte(0, _FIRST), byte(1, range(1, 8)), be16(2, wire.ANY_U16))
ANSWER: Layout = (
    byte(0, _FIRST),
    byte(1, {0, *range(0x41, 0x46), 0x5F, *range(0x80, 0x90), *range(0xA0, 0xA9)}),
    be16(2, wire.ANY_U16),
)
BEFORE_PATH = frozenset({1, 3, 4, 5, 6, 7, 8, 9})
"""Options are sorted by number: these may come before the path."""
URI_HOST, URI_PATH = 3, 11
_EXTENSION_WIDTHS = {13: 1, 14: 2}
_EXTENSION_BASES = {13: 13, 14: 13 + 256}
_RESERVED = 15


def _extended(data: bytes, at: int, nibble: int) -> tuple[int, int] | None:
    """An option's delta or length and the offset behind it; None where it is cut."""
    width = _EXTENSION_WIDTHS.get(nibble, 0)
    more = wire.number(data, at, width)
    return None if more is None else (_EXTENSION_BASES.get(nibble, nibble) + more, at + width)


def _names_a_path(data: bytes, at: int) -> bool | None:
    """Whether the options from `at` on come to a path of text; None where they are cut before."""
    number = 0
    while at < len(data):
        first = data[at]
        if _RESERVED in {first >> 4, first & LENGTH_BITS}:
            return False
        delta = _extended(data, at + 1, first >> 4)
        length = _extended(data, delta[1], first & LENGTH_BITS) if delta else None
        if delta is None or length is None:
            return None
        number, end = number + delta[0], length[1] + length[0]
        value = data[length[1] : end]
        if number not in BEFORE_PATH | {URI_PATH}:
            return False
        if number in {URI_HOST, URI_PATH} and not wire.is_printable(value):
            return False
        if number == URI_PATH and value and end <= len(data):
            return True
        at = end
    return None


@beginning(REQUEST)
def _request(data: bytes) -> Clue:
    fits = fit(data, REQUEST)
    if fits:
        fits = _names_a_path(data, HEADER_LEN + (data[0] & LENGTH_BITS))
    return when(fits, hint("a CoAP request for a path"))


_answer = one_of((ANSWER, faint("a CoAP answer")))

DETECTOR = Detector(
    protocol="coap",
    title="CoAP",
    transports=frozenset({Transport.UDP}),
    probe=probe_sides(datagrams(_request), datagrams(_answer)),
    evidence="Version, token length and code, and known options up to a path in clear.",
)
