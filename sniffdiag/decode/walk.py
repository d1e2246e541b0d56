"""`Walk`: where each row of a chunk stands in its chain of headers, as columns.

A step takes the rows that stand before one kind of header, reads it for all of them at once, and
moves them on. It never loops over rows. Reading past the end is impossible by construction: `whole`
settles the rows whose header is not there, and `window` clips.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sniffdiag.decode.chain import TUNNEL_NAMES, Header
from sniffdiag.decode.headers import DecodeStatus
from sniffdiag.records import dataclass

Bytes = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

NAMES_LIMIT = 255
MANY_TUNNELS = "other"
"""Stands for every chain of tunnels after the 254th different one in a chunk (uint8 column)."""


class TunnelNames:
    """The encapsulations met so far; index 0 is no tunnel."""

    __slots__ = ("_codes", "_names")

    def __init__(self) -> None:
        self._names = [""]
        self._codes = {"": 0}

    @property
    def names(self) -> tuple[str, ...]:
        """All names, in the order of their codes."""
        return tuple(self._names)

    def code(self, name: str) -> int:
        """The code of a name, given at its first use."""
        known = self._codes.get(name)
        if known is not None:
            return known
        if len(self._names) >= NAMES_LIMIT:
            name = MANY_TUNNELS
        if name not in self._codes:
            self._codes[name] = len(self._names)
            self._names.append(name)
        return self._codes[name]

    def inside(self, outer_code: int, name: str) -> int:
        """The code of `name` within an encapsulation."""
        outer = self._names[outer_code]
        return self.code(f"{outer}>{name}" if outer else name)


@dataclass(slots=True)
class Columns:
    """The columns of a `HeaderTable` that decoding fills, still open for writing."""

    status: npt.NDArray[np.uint8]
    src_hi: npt.NDArray[np.uint64]
    src_lo: npt.NDArray[np.uint64]
    dst_hi: npt.NDArray[np.uint64]
    dst_lo: npt.NDArray[np.uint64]
    src_port: npt.NDArray[np.uint16]
    dst_port: npt.NDArray[np.uint16]
    transport: npt.NDArray[np.uint8]
    tcp_flags: npt.NDArray[np.uint8]
    seq: npt.NDArray[np.uint32]
    ack: npt.NDArray[np.uint32]
    network_at: npt.NDArray[np.int64]
    payload_at: npt.NDArray[np.int64]
    payload_len: npt.NDArray[np.int32]
    payload_wirelen: npt.NDArray[np.int32]

    @classmethod
    def zeros(cls, rows: int) -> Columns:
        """Columns in which nothing is known."""
        return cls(
            status=np.zeros(rows, np.uint8),
            src_hi=np.zeros(rows, np.uint64),
            src_lo=np.zeros(rows, np.uint64),
            dst_hi=np.zeros(rows, np.uint64),
            dst_lo=np.zeros(rows, np.uint64),
            src_port=np.zeros(rows, np.uint16),
            dst_port=np.zeros(rows, np.uint16),
            transport=np.zeros(rows, np.uint8),
            tcp_flags=np.zeros(rows, np.uint8),
            seq=np.zeros(rows, np.uint32),
            ack=np.zeros(rows, np.uint32),
            network_at=np.zeros(rows, np.int64),
            payload_at=np.zeros(rows, np.int64),
            payload_len=np.zeros(rows, np.int32),
            payload_wirelen=np.zeros(rows, np.int32),
        )

    def clear(self, rows: Rows | Mask) -> None:
        """Zero every column but the status."""
        for name in COLUMNS_BUT_STATUS:
            getattr(self, name)[rows] = 0

    def put(self, rows: Rows, other: Columns, chosen: Mask) -> None:
        """Copy the chosen rows of `other` to these rows."""
        for name in ("status", *COLUMNS_BUT_STATUS):
            getattr(self, name)[rows] = getattr(other, name)[chosen]


COLUMNS_BUT_STATUS = tuple(name for name in Columns.__slots__ if name != "status")


@dataclass(slots=True)
class Walk:
    """Cursors of all rows of a chunk, and the columns that they fill."""

    data: Bytes
    at: Ints
    """Where the next header begins in `data`."""
    end: Ints
    """End of what was captured, padding excluded once an IP header said how much that is."""
    wire_end: Ints
    """Where `end` would be had everything been captured; never smaller."""
    header: npt.NDArray[np.uint8]
    """The next `Header`."""
    encapsulation: npt.NDArray[np.uint8]
    columns: Columns
    tunnels: TunnelNames
    odd: Mask
    """Rows for the scalar decoder."""
    headers_left: int

    def window(self, rows: Rows, width: int) -> Bytes:
        """The next `width` bytes of each row, shape `(rows, width)`; clipped, so check first."""
        return gather(self.data, self.at[rows], width)

    def whole(self, rows: Rows, need: int | Ints) -> Mask:
        """Which rows have `need` more bytes; the others are settled as cut or contradictory."""
        until = self.at[rows] + need
        whole = until <= self.end[rows]
        if not whole.all():
            missing = ~whole
            cut = until[missing] <= self.wire_end[rows[missing]]
            status = np.where(cut, DecodeStatus.HEADERS_CUT, DecodeStatus.MALFORMED)
            self.settle(rows[missing], status.astype(np.uint8))
        return whole

    def take(self, rows: Rows, need: int) -> tuple[Rows, Bytes]:
        """The rows that have `need` more bytes, and those bytes."""
        whole = self.whole(rows, need)
        if not whole.all():
            rows = rows[whole]
        return rows, self.window(rows, need)

    def settle(self, rows: Rows, status: DecodeStatus | npt.NDArray[np.uint8]) -> None:
        """Nothing more is read of these rows."""
        self.columns.status[rows] = status
        self.header[rows] = Header.DONE

    def hand_over(self, rows: Rows) -> None:
        """Leave these rows to the scalar decoder, which starts over from the frame."""
        self.odd[rows] = True
        self.header[rows] = Header.DONE

    def bound(self, rows: Rows, wire_end: Ints) -> None:
        """What follows ends here at the latest."""
        bounded = np.minimum(wire_end, self.wire_end[rows])
        self.wire_end[rows] = bounded
        self.end[rows] = np.minimum(self.end[rows], bounded)

    def name(self, rows: Rows, header: Header) -> None:
        """Add the tunnel that a header opens to the encapsulation of these rows."""
        self.name_tunnel(rows, TUNNEL_NAMES[header])

    def name_tunnel(self, rows: Rows, name: str) -> None:
        """Add a tunnel to the encapsulation of these rows."""
        inside = np.zeros(256, np.uint8)
        outer = self.encapsulation[rows]
        for code in np.flatnonzero(np.bincount(outer)):
            inside[code] = self.tunnels.inside(int(code), name)
        self.encapsulation[rows] = inside[outer]


def gather(data: Bytes, at: Ints, width: int) -> Bytes:
    """`width` bytes from each place in one C call, shape `(at.size, width)`.

    A place too near to the end of the buffer is moved back: such rows are cut anyway.
    """
    last = data.shape[0] - width
    if last < 0:
        return np.zeros((at.shape[0], width), np.uint8)
    windows: npt.NDArray[np.void] = np.ndarray(
        shape=(last + 1,), dtype=f"V{width}", buffer=data, strides=(1,)
    )
    rows: Bytes = windows[np.minimum(at, last)].view(np.uint8)
    return rows.reshape(-1, width)


def be16(window: Bytes, at: int) -> Ints:
    """Big-endian 16-bit field."""
    return (window[:, at].astype(np.int64) << 8) | window[:, at + 1]


def be32(window: Bytes, at: int) -> npt.NDArray[np.uint32]:
    """Big-endian 32-bit field."""
    field = np.ascontiguousarray(window[:, at : at + 4]).view(">u4")[:, 0]
    return field.astype(np.uint32)


def be64(window: Bytes, at: int) -> npt.NDArray[np.uint64]:
    """Big-endian 64-bit field."""
    field = np.ascontiguousarray(window[:, at : at + 8]).view(">u8")[:, 0]
    return field.astype(np.uint64)


def lookup(table: dict[int, Header], size: int, otherwise: Header) -> npt.NDArray[np.uint8]:
    """A table as an array to index with a whole column."""
    array = np.full(size, otherwise, np.uint8)
    for number, header in table.items():
        array[number] = header
    return array
