"""The first bytes of many segments at once: as one 8-byte number a row, or as rows of bytes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Offsets = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

WORD_LEN = 8


def words(data: Bytes, at: Offsets) -> Words:
    """The eight bytes at each offset, the first as the least significant; zeros past the end."""
    return windows(data, at, WORD_LEN).view("<u8").reshape(-1)


def windows(data: Bytes, at: Offsets, width: int) -> Bytes:
    """Shape `(rows, width)`: the bytes from each offset on, zeros past the end of `data`."""
    last = data.size - width
    past = at > last
    if not past.any():
        return _gather(data, at, width)
    found = np.empty((at.size, width), np.uint8)
    found[~past] = _gather(data, at[~past], width)
    near_end = np.minimum(at[past], data.size)
    begin = int(near_end.min())
    tail = np.concatenate([data[begin:], np.zeros(width, np.uint8)])
    found[past] = _gather(tail, near_end - begin, width)
    return found


def _gather(data: Bytes, at: Offsets, width: int) -> Bytes:
    # An overlapping view of the buffer, indexed: one C call copies `width` bytes a row.
    count = max(data.size - width + 1, 0)
    every = np.ndarray((count,), "<u8" if width == WORD_LEN else f"V{width}", data, 0, (1,))
    return every[at].view(np.uint8).reshape(-1, width)


def byte(of: Words, number: int) -> Words:
    """Byte `number` (0 is the first) of each word."""
    return (of >> np.uint64(8 * number)) & np.uint64(0xFF)


def word_of(text: bytes) -> np.uint64:
    """Up to eight bytes as `words` reads them."""
    return np.uint64(int.from_bytes(text, "little"))


def mask_of(count: int) -> np.uint64:
    """Selects the first `count` bytes of a word."""
    return np.uint64((1 << 8 * count) - 1)


def begins_with(of: Words, text: bytes) -> Mask:
    """Rows whose first bytes are `text` (at most eight)."""
    found: Mask = (of & mask_of(len(text))) == word_of(text)
    return found


def first_true(mask: Mask) -> Offsets:
    """Column of the first true value of each row; the number of columns where there is none."""
    found: Offsets = mask.argmax(axis=1)
    found[~mask[np.arange(mask.shape[0]), found]] = mask.shape[1]
    return found
