"""ASN.1 BER as far as LDAP and SNMP need it: SEQUENCE { INTEGER, tagged value }.

Follows ITU-T X.690 8.1. Indefinite lengths are not used by either protocol (RFC 4511 5.1).
"""

from __future__ import annotations

from sniffdiag.identify import wire
from sniffdiag.identify.wire import Layout, byte
from sniffdiag.records import dataclass

SEQUENCE, INTEGER, OCTET_STRING = 0x30, 0x02, 0x04
LONG_FORM = 0x80
MOST_LENGTH_BYTES = 4
INTEGER_LENGTHS = range(1, 6)
LONGEST_ENVELOPE_BYTES = 1 << 28


def _envelope(width: int) -> Layout:
    """An envelope whose length takes `width` bytes more than its first."""
    first = {LONG_FORM | width} if width else range(LONG_FORM)
    return (
        byte(0, {SEQUENCE}),
        byte(1, first),
        byte(2 + width, {INTEGER}),
        byte(3 + width, {*INTEGER_LENGTHS, *range(LONG_FORM + 1, LONG_FORM + 5)}),
    )


ENVELOPES = tuple(_envelope(width) for width in range(MOST_LENGTH_BYTES + 1))


@dataclass(frozen=True, slots=True)
class Element:
    """Tag, length and where the contents begin."""

    tag: int
    length: int
    at: int

    @property
    def end(self) -> int:
        """Offset behind the contents."""
        return self.at + self.length


@dataclass(frozen=True, slots=True)
class Envelope:
    """A sequence that begins with an integer: what that is, and the element behind it."""

    number: int
    tag: int
    length: int
    contents_at: int


def parse_element(data: bytes, at: int) -> Element | bool | None:
    """The element at `at`; False where its length is not definite, None while it is cut."""
    tag, first = wire.u8(data, at), wire.u8(data, at + 1)
    if tag is None or first is None:
        return None
    if first < LONG_FORM:
        return Element(tag, first, at + 2)
    width = first & ~LONG_FORM
    if width not in range(1, MOST_LENGTH_BYTES + 1):
        return False
    length = wire.number(data, at + 2, width)
    return None if length is None else Element(tag, length, at + 2 + width)


def parse_envelope(data: bytes) -> Envelope | bool | None:
    """The envelope at the beginning; False where there is none, None while it is cut."""
    if data[:1] not in {b"", bytes([SEQUENCE])}:
        return False
    outer = parse_element(data, 0)
    if not isinstance(outer, Element):
        return outer
    number = parse_element(data, outer.at)
    if not isinstance(number, Element):
        return number
    if number.tag != INTEGER or number.length not in INTEGER_LENGTHS:
        return False
    return _inner(data, outer, number)


def _inner(data: bytes, outer: Element, number: Element) -> Envelope | bool | None:
    inner = parse_element(data, number.end)
    if not isinstance(inner, Element):
        return inner
    if inner.end > outer.end or outer.length > LONGEST_ENVELOPE_BYTES:
        return False
    value = int.from_bytes(data[number.at : number.end])
    return Envelope(value, inner.tag, inner.length, inner.at)
