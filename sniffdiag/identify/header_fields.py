"""Fields of HTTP/2 header blocks, also where the dynamic table began before the capture (RFC 7541).

Decoding is the `hpack` library's. A connection joined mid-stream is given a table full of entries
that nobody can know: what the peer adds from then on has the right index, what it added before is
`UNKNOWN`, and nothing is guessed. The library is imported when the first block is decoded.
"""

from __future__ import annotations

from sniffdiag.records import dataclass

MAX_TABLE_BYTES = 1 << 16
"""What Chromium allows; tables of servers and proxies have 4,096 bytes."""
DEFAULT_TABLE_BYTES, ENTRY_OVERHEAD = 4_096, 32
"""RFC 9113 6.5.2 and RFC 7541 4.1."""
MAX_LIST_BYTES = 1 << 16
"""Fields decoded from one block; a byte of it can name an entry of kilobytes."""
UNKNOWN = b""
"""Name or value of an entry from before the capture. No field has an empty name (RFC 9110 5.1)."""
MAX_INTEGER_BYTES = 5

Field = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Fields:
    """What could be read of one block."""

    known: tuple[Field, ...]
    unknown: int = 0
    """Fields whose name or value is in an entry from before the capture."""
    whole: bool = True
    """Nothing of the block is missing or undecodable."""

    def value(self, name: bytes) -> bytes | None:
        """Value of the first field of that name."""
        return next((value for key, value in self.known if key == name), None)


class FieldReader:
    """Reads the blocks of one direction, in order. Never raises."""

    def __init__(self, *, from_start: bool) -> None:
        """`from_start`: the first block read is the first that was sent."""
        from hpack import Decoder  # noqa: PLC0415, TID251 - only captures with HTTP/2 pay for it

        self._decoder = Decoder(MAX_LIST_BYTES)
        self._decoder.max_allowed_table_size = MAX_TABLE_BYTES
        if not from_start:
            for _ in range(DEFAULT_TABLE_BYTES // ENTRY_OVERHEAD):
                self._decoder.header_table.add(UNKNOWN, UNKNOWN)
        self.broken = False
        """A block could not be read to its end: what it would have added is missing from here."""

    def read(self, block: bytes, *, whole: bool = True) -> Fields:
        """The fields of a block, of which the end is missing unless `whole`."""
        known: list[Field] = []
        unknown = size = at = 0
        while at < len(block):
            end = _representation_end(block, at)
            field = None if end is None else self._field(block[at:end])
            if end is None or field is None or size > MAX_LIST_BYTES:
                self.broken = True
                return Fields(tuple(known), unknown, whole=False)
            at = end
            size += sum(map(len, field))
            if UNKNOWN in field[:1]:
                unknown += 1
            elif field:
                known.append((field[0], field[1]))
        self.broken |= not whole
        return Fields(tuple(known), unknown, whole)

    def _field(self, representation: bytes) -> tuple[bytes, ...] | None:
        """Name and value; empty for a change of the table's size, None where it is invalid."""
        from hpack import HPACKError  # noqa: PLC0415, TID251 - loaded by now

        try:
            decoded = list(self._decoder.decode(representation, raw=True))
        # What the library promises to raise, and what its parsers have been seen to.
        except (HPACKError, ValueError, IndexError, TypeError):
            return None
        return tuple(bytes(part) for part in decoded[0]) if decoded else ()


def _representation_end(block: bytes, at: int) -> int | None:
    """Where the representation that begins at `at` ends (RFC 7541 6); None if it is cut."""
    first = block[at]
    if first & 0x80:  # indexed field
        return _behind_integer(block, at, 7)[1]
    if first & 0xE0 == 0x20:  # noqa: PLR2004, the pattern 001 of a table size update
        return _behind_integer(block, at, 5)[1]
    index, end = _behind_integer(block, at, 6 if first & 0x40 else 4)
    for _ in range(1 if index else 2):
        if end is None or end >= len(block):
            return None
        length, end = _behind_integer(block, end, 7)
        end = None if end is None else end + length
    return end if end is not None and end <= len(block) else None


def _behind_integer(block: bytes, at: int, prefix_bits: int) -> tuple[int, int | None]:
    """(value, offset behind it) of an integer (RFC 7541 5.1); no offset if it is cut or absurd."""
    most = (1 << prefix_bits) - 1
    value = block[at] & most
    at += 1
    if value < most:
        return value, at
    for shift, byte in enumerate(block[at : at + MAX_INTEGER_BYTES]):
        value += (byte & 0x7F) << (7 * shift)
        if not byte & 0x80:
            return value, at + shift + 1
    return value, None
