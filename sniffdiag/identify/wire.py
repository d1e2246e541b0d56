"""Reading wire bytes without ever raising: numbers, literals and tables of header fields.

A reader answers `None` where the bytes end too early. A `Layout` is a table of header fields and
the values each may have; `fit` compares it with the beginning of a message and answers True, False
or None (fits so far), so a detector built from layouts is total and monotone by construction.
Knows no protocol.
"""

from __future__ import annotations

from collections.abc import Container
from functools import cache
from typing import Literal as Choice

from sniffdiag.records import dataclass

ByteOrder = Choice["big", "little"]

ANY_U8 = range(1 << 8)
ANY_U16 = range(1 << 16)


def number(data: bytes, at: int, width: int, order: ByteOrder = "big") -> int | None:
    """The unsigned number of `width` bytes at `at`."""
    piece = data[at : at + width]
    return int.from_bytes(piece, order) if len(piece) == width else None


def u8(data: bytes, at: int) -> int | None:
    """One byte."""
    return data[at] if at < len(data) else None


def u16(data: bytes, at: int) -> int | None:
    """Two bytes, big endian."""
    return number(data, at, 2)


def u32(data: bytes, at: int) -> int | None:
    """Four bytes, big endian."""
    return number(data, at, 4)


def u32le(data: bytes, at: int) -> int | None:
    """Four bytes, little endian."""
    return number(data, at, 4, "little")


_CONTINUES = 0x80
_VARINT_BITS = 7


def varint(data: bytes, at: int, most_bytes: int) -> tuple[int, int] | bool | None:
    """A little-endian base-128 number as (value, offset behind it).

    None where the bytes end inside it, False where it is longer than `most_bytes`.
    """
    value = 0
    for index in range(most_bytes):
        byte = u8(data, at + index)
        if byte is None:
            return None
        value |= (byte & ~_CONTINUES) << (_VARINT_BITS * index)
        if not byte & _CONTINUES:
            return value, at + index + 1
    return False


_QUIC_WIDTH_SHIFT = 6


def quic_varint(data: bytes, at: int) -> tuple[int, int] | None:
    """A number of QUIC (RFC 9000 16) as (value, offset behind it)."""
    first = u8(data, at)
    if first is None:
        return None
    width = 1 << (first >> _QUIC_WIDTH_SHIFT)
    value = number(data, at, width)
    return None if value is None else (value & (1 << 8 * width - 2) - 1, at + width)


def is_printable(data: bytes) -> bool:
    """Whether all bytes are ASCII that a human could have typed, tabs and line ends included."""
    return data.isascii() and not data.translate(None, _PRINTABLE)


_PRINTABLE = bytes(range(0x20, 0x7F)) + b"\t\r\n"


@dataclass(frozen=True, slots=True)
class Number:
    """A field that holds a number out of `allowed`."""

    at: int
    width: int
    allowed: Container[int]
    order: ByteOrder = "big"

    def fits(self, data: bytes) -> bool | None:
        """Whether the field has an allowed value; None before its last byte was seen."""
        piece = data[self.at : self.at + self.width]
        if len(piece) < self.width:
            return None
        return int.from_bytes(piece, self.order) in self.allowed


@dataclass(frozen=True, slots=True)
class Literal:
    """A field that always holds the same bytes."""

    at: int
    text: bytes

    def fits(self, data: bytes) -> bool | None:
        """Whether the bytes are there; None while those seen agree."""
        if data.startswith(self.text, self.at):
            return True
        seen = data[self.at : self.at + len(self.text)]
        return None if len(seen) < len(self.text) and self.text.startswith(seen) else False


@dataclass(frozen=True, slots=True)
class Text:
    """A field of `length` characters that are all in `allowed`."""

    at: int
    length: int
    allowed: bytes = _PRINTABLE

    def fits(self, data: bytes) -> bool | None:
        """Whether all characters are allowed; None while those seen are."""
        seen = data[self.at : self.at + self.length]
        if seen.translate(None, self.allowed):
            return False
        return True if len(seen) == self.length else None


Field = Number | Literal | Text
Layout = tuple[Field, ...]

ByteSet = frozenset[int] | range
ANY_BYTE: ByteSet = ANY_U8


def byte_sets(field: Field) -> list[ByteSet]:
    """The values that each byte of a field may have; wider where its numbers depend on more."""
    if isinstance(field, Literal):
        return [_ONLY[value] for value in field.text]
    if isinstance(field, Text):
        return [_characters(field.allowed)] * field.length
    shifts = range(0, 8 * field.width, 8)
    sets = [_byte_of_numbers(field.allowed, shift) for shift in shifts]
    return sets if field.order == "little" else sets[::-1]


_ONLY = [frozenset({value}) for value in ANY_U8]


@cache
def _characters(allowed: bytes) -> frozenset[int]:
    return frozenset(allowed)


def _byte_of_numbers(allowed: Container[int], shift: int) -> ByteSet:
    if isinstance(allowed, range):
        low, high = allowed[0] >> shift, allowed[-1] >> shift
        shared = low >> 8 == high >> 8
        return range(low & 0xFF, (high & 0xFF) + 1) if shared else ANY_BYTE
    if isinstance(allowed, set | frozenset):
        return frozenset(value >> shift & 0xFF for value in allowed)
    return ANY_BYTE


def byte(at: int, allowed: Container[int]) -> Number:
    """A field of one byte."""
    return Number(at, 1, allowed)


def be16(at: int, allowed: Container[int]) -> Number:
    """A big-endian field of two bytes."""
    return Number(at, 2, allowed)


def be24(at: int, allowed: Container[int]) -> Number:
    """A big-endian field of three bytes."""
    return Number(at, 3, allowed)


def be32(at: int, allowed: Container[int]) -> Number:
    """A big-endian field of four bytes."""
    return Number(at, 4, allowed)


def le24(at: int, allowed: Container[int]) -> Number:
    """A little-endian field of three bytes."""
    return Number(at, 3, allowed, "little")


def le32(at: int, allowed: Container[int]) -> Number:
    """A little-endian field of four bytes."""
    return Number(at, 4, allowed, "little")


def fit(data: bytes, layout: Layout) -> bool | None:
    """True where every field fits, False where one cannot, None while bytes are missing."""
    answer: bool | None = True
    for field in layout:
        fits = field.fits(data)
        if fits is False:
            return False
        if fits is None:
            answer = None
    return answer
