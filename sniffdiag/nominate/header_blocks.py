"""HTTP/2 header blocks in columns: what each says without the peer's dynamic table (RFC 7541 6).

All blocks are read one field at a time. What stands in the static table or as a literal is known;
what was put into the dynamic table by an earlier block is not.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sniffdiag.nominate.messages import (
    GRPC_UNTOLD,
    LOWEST_STATUS,
    METHODS,
    NOT_ADDED,
    OTHER_METHOD,
    STATUS_UNTOLD,
    UNTOLD,
    UNTOLD_METHOD,
    Codes,
)
from sniffdiag.nominate.windows import Bytes, Mask, Offsets, Words, byte, mask_of, word_of, words
from sniffdiag.records import dataclass

MOST_FIELDS = 48
"""Fields that are read of a block; what a proxy adds stands at its end."""
GET_INDEX, POST_INDEX, FIRST_STATUS_INDEX = 2, 3, 8
STATIC_STATUSES = np.array([200, 204, 206, 304, 400, 404, 500], np.uint16)
"""Indices 8 to 14 of the static table (RFC 7541 A); 1 to 7 are a request's."""
FIRST_DYNAMIC_INDEX = 62
FARTHEST = 127
"""Entries back that are looked for: a table of 4,096 bytes holds no more (RFC 7541 4.1)."""
_LARGE = 1_024
"""Bytes of an entry, by its coded strings, which every table is taken to hold."""
_INTEGER_BYTES = 4
_DIGITS = (0x00, 0x01, 0x02, 0x19, 0x1A, 0x1B, 0x1C, 0x1D, 0x1E, 0x1F)
"""Huffman codes of 0 to 9: five bits below 3, else six (RFC 7541 B)."""
_CODED_METHODS = {
    "GET": "c5837f",
    "HEAD": "c7821bff",
    "POST": "d7ab76ff",
    "PUT": "d7c37f",
    "DELETE": "bf833e0df83f",
    "PATCH": "d70efbd8ff",
    "OPTIONS": "d5af7e4d5a777f",
    "CONNECT": "bdab4e9c17b7ff",
    "TRACE": "dfb61bd83f",
}
"""The same of whole words; a test makes them with the hpack library."""
_GRPC_STATUS, _CODED_GRPC_STATUS = b"grpc-status", bytes.fromhex("9acac8b21234da8f")
MOST_GRPC_STATUS = 16


def _coded(digits: str) -> bytes:
    """A number in Huffman's code, padded with ones."""
    bits = "".join(format(_DIGITS[int(d)], "05b" if int(d) < 3 else "06b") for d in digits)  # noqa: PLR2004
    whole = -(-len(bits) // 8) * 8
    return int(bits.ljust(whole, "1"), 2).to_bytes(whole // 8)


@dataclass(frozen=True, slots=True)
class _Words:
    """Short values and what they stand for: looked up in columns."""

    key: Words
    """Ascending: the value as `words` reads it, up to seven bytes, its length as the eighth."""
    code: Codes

    @classmethod
    def of(cls, meaning: dict[bytes, int]) -> _Words:
        """A table of values of at most seven bytes."""
        keys = {int(word_of(value)) | len(value) << 56: code for value, code in meaning.items()}
        order = sorted(keys)
        return cls(np.array(order, np.uint64), np.array([keys[key] for key in order], np.uint16))

    def look_up(self, value: Words, length: Offsets, otherwise: int) -> Codes:
        """The code of each value, of which the first eight bytes are given."""
        kept = np.minimum(length, 7)
        keep = np.array([int(mask_of(n)) for n in range(8)], np.uint64)
        key = (value & keep[kept]) | (np.minimum(length, 255).astype(np.uint64) << np.uint64(56))
        at = np.minimum(np.searchsorted(self.key, key), self.key.shape[0] - 1)
        return np.where(self.key[at] == key, self.code[at], otherwise).astype(np.uint16)


_PLAIN_METHODS = _Words.of({name.encode(): code for code, name in enumerate(METHODS, 1)})
_HUFFMAN_METHODS = _Words.of(
    {bytes.fromhex(_CODED_METHODS[name]): code for code, name in enumerate(METHODS, 1)}
)
_PLAIN_STATUSES = _Words.of({b"%d" % status: status for status in range(100, 600)})
_HUFFMAN_STATUSES = _Words.of({_coded(str(status)): status for status in range(100, 600)})
_PLAIN_GRPC = _Words.of({b"%d" % status: status for status in range(MOST_GRPC_STATUS + 1)})
_HUFFMAN_GRPC = _Words.of({_coded(str(s)): s for s in range(MOST_GRPC_STATUS + 1)})


@dataclass(frozen=True, slots=True)
class TableUse:
    """What header blocks do with their side's dynamic table, one row each."""

    inserts: npt.NDArray[np.uint8]
    """Entries added."""
    ref: npt.NDArray[np.uint8]
    """How long before the block an entry was added (1: the last one) that may be `grpc-status`, or
    whose name may be, if the block has a value for it; 0 for none."""
    place: npt.NDArray[np.uint8]
    """Which entry that it adds is its gRPC status, if it is; else `NOT_ADDED`."""
    is_whole: Mask
    """All of the block was read, and what it adds fits into the table."""

    @classmethod
    def of(cls, blocks: int) -> TableUse:
        """Nothing said yet."""
        return cls(
            inserts=np.zeros(blocks, np.uint8),
            ref=np.zeros(blocks, np.uint8),
            place=np.full(blocks, NOT_ADDED, np.uint8),
            is_whole=np.zeros(blocks, np.bool_),
        )


@dataclass(frozen=True, slots=True)
class Blocks:
    """What header blocks say, one row each."""

    code: Codes
    """A method, a status, `UNTOLD_METHOD`, `STATUS_UNTOLD`, or `UNTOLD`: either, or trailers."""
    grpc_status: npt.NDArray[np.uint8]
    """`GRPC_UNTOLD` where no literal tells it."""
    table: TableUse


@dataclass(frozen=True, slots=True)
class _Fields:
    """One field of each of some blocks."""

    index: Offsets
    """Of field or name in both tables; 0 where the name is spelt out."""
    is_indexed: Mask
    name: tuple[Offsets, Offsets, Mask]
    """Where a string begins, its length, and whether it is Huffman-coded."""
    value: tuple[Offsets, Offsets, Mask]
    behind: Offsets
    is_whole: Mask
    """Not cut by the end of what was captured."""
    is_added: Mask
    is_misfit: Mask
    """It may be too large for a table, or leaves little room in it."""


def read_blocks(data: Bytes, at: Offsets, end: Offsets) -> Blocks:
    """Blocks from `at` to `end`, or as far as they were captured."""
    blocks = Blocks(
        np.full(at.shape, UNTOLD, np.uint16),
        np.full(at.shape, GRPC_UNTOLD, np.uint8),
        TableUse.of(at.shape[0]),
    )
    references = np.zeros(at.shape, np.uint8)
    is_fit = np.ones(at.shape, np.bool_)
    rows = np.flatnonzero(at < end)
    place = at[rows]
    for _ in range(MOST_FIELDS):
        if not rows.size:
            break
        fields = _next(data, place, end[rows])
        _hear_message(data, blocks.code, rows, fields)
        _hear_references(blocks, references, rows, fields)
        _hear_grpc_status(data, blocks, rows, fields)
        is_fit[rows] &= ~fields.is_misfit
        blocks.table.inserts[rows] += fields.is_added & (blocks.table.inserts[rows] < FARTHEST)
        is_end = fields.behind == end[rows]
        blocks.table.is_whole[rows[is_end]] = is_fit[rows[is_end]]
        on = fields.behind < end[rows]
        rows, place = rows[on], fields.behind[on]
    return blocks


def _next(data: Bytes, at: Offsets, end: Offsets) -> _Fields:
    start = words(data, at)
    first = byte(start, 0).astype(np.int64)
    is_indexed = first >= 0x80  # noqa: PLR2004 - the patterns of RFC 7541 6 begin here
    is_update = (first & 0xE0) == 0x20  # noqa: PLR2004
    is_added = (first & 0xC0) == 0x40  # noqa: PLR2004
    bits = np.select([is_indexed, is_added, is_update], [7, 6, 5], 4)
    index, width = _integer(start, bits)
    behind = at + width
    is_literal = ~is_indexed & ~is_update
    name, behind = _string(data, behind, is_literal & (index == 0))
    value, behind = _string(data, behind, is_literal)
    is_misfit = np.where(is_update, index < _LARGE, name[1] + value[1] > _LARGE)
    index = np.where(is_update, -1, index)
    return _Fields(
        index, is_indexed, name, value, behind, behind <= end, is_added & is_literal, is_misfit
    )


def _string(
    data: Bytes, at: Offsets, is_there: Mask
) -> tuple[tuple[Offsets, Offsets, Mask], Offsets]:
    start = words(data, at)
    length, width = _integer(start, np.full(at.shape, 7))
    begin = at + width
    is_coded: Mask = byte(start, 0) >= 0x80  # noqa: PLR2004 - the H bit (RFC 7541 5.2)
    length = np.where(is_there, length, 0)
    return (begin, length, is_coded), np.where(is_there, begin + length, at)


def _integer(start: Words, bits: Offsets) -> tuple[Offsets, Offsets]:
    """Value and width of integers with prefixes of so many bits (RFC 7541 5.1)."""
    most = (1 << bits) - 1
    value = byte(start, 0).astype(np.int64) & most
    width = np.ones(start.shape, np.int64)
    goes_on = value == most
    for number in range(1, _INTEGER_BYTES):
        if not goes_on.any():
            break
        more = byte(start, number).astype(np.int64)
        value += np.where(goes_on, (more & 0x7F) << (7 * (number - 1)), 0)
        width += goes_on
        goes_on = goes_on & (more >= 0x80)  # noqa: PLR2004 - the next byte belongs to it, too
    return value, width


def _hear_message(data: Bytes, code: Codes, rows: Offsets, fields: _Fields) -> None:
    """Pseudo-fields stand first (RFC 9113 8.3): the first of them tells, :method tells more."""
    index = fields.index
    known = code[rows]
    is_request = (index >= 1) & (index < FIRST_STATUS_INDEX) & (known == UNTOLD)
    known[is_request] = UNTOLD_METHOD
    is_method = ((index == GET_INDEX) | (index == POST_INDEX)) & (known == UNTOLD_METHOD)
    known[is_method & fields.is_indexed & (index == GET_INDEX)] = METHODS.index("GET") + 1
    known[is_method & fields.is_indexed & (index == POST_INDEX)] = METHODS.index("POST") + 1
    spelt = np.flatnonzero(is_method & ~fields.is_indexed & fields.is_whole)
    known[spelt] = _spelt(data, fields, spelt, (_PLAIN_METHODS, _HUFFMAN_METHODS), OTHER_METHOD)
    status = index - FIRST_STATUS_INDEX
    is_status = (status >= 0) & (status < STATIC_STATUSES.shape[0]) & (known == UNTOLD)
    listed = np.flatnonzero(is_status & fields.is_indexed)
    spelt = np.flatnonzero(is_status & ~fields.is_indexed & fields.is_whole)
    tables = (_PLAIN_STATUSES, _HUFFMAN_STATUSES)
    known[is_status] = STATUS_UNTOLD
    known[listed] = STATIC_STATUSES[status[listed]]
    known[spelt] = _spelt(data, fields, spelt, tables, STATUS_UNTOLD)
    code[rows] = known


def _hear_references(
    blocks: Blocks, references: npt.NDArray[np.uint8], rows: Offsets, fields: _Fields
) -> None:
    """Of trailers the first dynamic field may be the gRPC status; of an answer the second may."""
    depth = fields.index - (FIRST_DYNAMIC_INDEX - 1) - blocks.table.inserts[rows]
    dynamic = np.flatnonzero(fields.is_indexed & (fields.index >= FIRST_DYNAMIC_INDEX))
    at = rows[dynamic]
    references[at] += references[at] < FARTHEST
    is_answer = blocks.code[at] >= LOWEST_STATUS
    wanted = (references[at] == 1) | ((references[at] == 2) & is_answer)  # noqa: PLR2004
    wanted &= (depth[dynamic] >= 1) & (depth[dynamic] <= FARTHEST)
    wanted &= blocks.grpc_status[at] == GRPC_UNTOLD
    blocks.table.ref[at[wanted]] = depth[dynamic[wanted]]


def _hear_grpc_status(data: Bytes, blocks: Blocks, rows: Offsets, fields: _Fields) -> None:
    at, length, is_coded = fields.name
    coded = is_coded & (length == len(_CODED_GRPC_STATUS))
    plain = ~is_coded & (length == len(_GRPC_STATUS))
    spelt = fields.is_whole & ~fields.is_indexed
    spelt &= blocks.grpc_status[rows] == GRPC_UNTOLD
    named = np.flatnonzero((fields.index == 0) & spelt & (coded | plain))
    for text, of in ((_GRPC_STATUS, plain), (_CODED_GRPC_STATUS, coded)):
        begins = words(data, at[named]) == word_of(text[:8])
        ends = words(data, at[named] + len(text) - 8) == word_of(text[-8:])
        found = named[of[named] & begins & ends]
        _tell(data, blocks, (rows, fields), found, np.zeros(found.shape, np.int64))
    depth = fields.index - (FIRST_DYNAMIC_INDEX - 1) - blocks.table.inserts[rows]
    named = np.flatnonzero(spelt & (fields.index > 0) & (depth >= 1) & (depth <= FARTHEST))
    _tell(data, blocks, (rows, fields), named, depth[named])


def _tell(
    data: Bytes, blocks: Blocks, of: tuple[Offsets, _Fields], found: Offsets, ref: Offsets
) -> None:
    """`found` have gRPC statuses as values; how long ago their names were added, 0 if spelt out.

    `of`: rows of `blocks`, and a field of each.
    """
    rows, fields = of
    if not found.size:
        return
    status = _spelt(data, fields, found, (_PLAIN_GRPC, _HUFFMAN_GRPC), GRPC_UNTOLD)
    is_known = status != GRPC_UNTOLD
    found, status, ref = found[is_known], status[is_known], ref[is_known]
    at = rows[found]
    blocks.grpc_status[at], blocks.table.ref[at] = status, ref
    added = fields.is_added[found]
    blocks.table.place[at[added]] = blocks.table.inserts[at[added]]


def _spelt(
    data: Bytes, fields: _Fields, rows: Offsets, tables: tuple[_Words, _Words], otherwise: int
) -> Codes:
    """What the literal values of some fields stand for, by the plain table and Huffman's."""
    at, length, is_coded = fields.value[0][rows], fields.value[1][rows], fields.value[2][rows]
    value = words(data, at)
    plain, coded = (table.look_up(value, length, otherwise) for table in tables)
    return np.where(is_coded, coded, plain)
