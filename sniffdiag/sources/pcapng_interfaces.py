"""The interfaces of a pcapng section and how their timestamps count (sections 4.2 and 4.6)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from sniffdiag.records import dataclass
from sniffdiag.sources.pcapng_blocks import ByteOrder

OPT_END = 0
IF_TSRESOL, IF_TSOFFSET = 9, 14
ISB_IFDROP, ISB_OSDROP = 5, 7

INTERFACE_OPTIONS_AT = 16
STATISTICS_OPTIONS_AT = 20
OPTION_HEAD_BYTES = 4
BASE_TWO = 0x80
DEFAULT_RESOLUTION = 6
"""if_tsresol when the option is missing: microseconds."""

NS_DIGITS = 9
NS_PER_SECOND = 10**NS_DIGITS
LATEST_NS = (1 << 63) - 1
LARGEST_SHIFT = 63
EXACT_FRACTION_BITS = 34
"""2^34 * 10^9 is the largest such product that 64 bits hold; finer fractions are far below 1 ns."""


@dataclass(frozen=True, slots=True)
class Clock:
    """How an interface's 64-bit timestamps become nanoseconds."""

    resolution: int = DEFAULT_RESOLUTION
    """if_tsresol: a negative power of ten, of two if the top bit is set."""
    offset_seconds: int = 0

    def nanoseconds(self, units: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
        """Since 1970; what no 64-bit number of nanoseconds holds becomes the greatest that does."""
        digits = self.resolution & ~BASE_TWO
        ns = _of_power_of_two if self.resolution & BASE_TWO else _of_power_of_ten
        offset_ns = max(-LATEST_NS, min(self.offset_seconds * NS_PER_SECOND, LATEST_NS))
        latest = LATEST_NS - max(0, offset_ns)
        absolute: npt.NDArray[np.int64] = np.minimum(ns(units, digits), latest) + offset_ns
        return absolute


def _of_power_of_ten(units: npt.NDArray[np.uint64], digits: int) -> npt.NDArray[np.int64]:
    if digits <= NS_DIGITS:
        factor = 10 ** (NS_DIGITS - digits)
        return _clipped(units, LATEST_NS // factor) * np.int64(factor)
    divisor = 10 ** min(digits - NS_DIGITS, 19)  # 10**19 is the last that 64 bits hold
    return _clipped(units // np.uint64(divisor), LATEST_NS)


def _clipped(units: npt.NDArray[np.uint64], greatest: int) -> npt.NDArray[np.int64]:
    clipped: npt.NDArray[np.uint64] = np.minimum(units, np.uint64(greatest))
    return clipped.astype(np.int64)


def _of_power_of_two(units: npt.NDArray[np.uint64], bits: int) -> npt.NDArray[np.int64]:
    if bits > LARGEST_SHIFT:  # what is shifted out is far below 1 ns
        return _of_power_of_two(units >> np.uint64(min(bits - LARGEST_SHIFT, 63)), LARGEST_SHIFT)
    seconds = _clipped(units >> np.uint64(bits), LATEST_NS // NS_PER_SECOND - 1)
    fraction = units & np.uint64((1 << bits) - 1)
    kept_bits = min(bits, EXACT_FRACTION_BITS)
    fraction >>= np.uint64(bits - kept_bits)
    fraction_ns = fraction * np.uint64(NS_PER_SECOND) >> np.uint64(kept_bits)
    ns: npt.NDArray[np.int64] = seconds * NS_PER_SECOND + fraction_ns.astype(np.int64)
    return ns


@dataclass(frozen=True, slots=True)
class Interface:
    """An Interface Description Block."""

    index: int
    """In the list of interfaces of the whole run."""
    linktype: int
    snaplen: int
    """0 is no limit."""
    clock: Clock


def _options(block: bytes, at: int, byte_order: ByteOrder) -> Iterator[tuple[int, bytes]]:
    """Code and value of the options of a whole block, as far as they can be read."""
    end = len(block) - 4
    while at + OPTION_HEAD_BYTES <= end:
        code, length = struct.unpack_from(byte_order + "HH", block, at)
        at += OPTION_HEAD_BYTES
        if code == OPT_END or at + length > end:
            return
        yield code, block[at : at + length]
        at += length + (-length & 3)


def interface_from(block: bytes, byte_order: ByteOrder, index: int) -> Interface | None:
    """The interface a block describes, None if the block is too short."""
    if len(block) < INTERFACE_OPTIONS_AT + 4:
        return None
    linktype, _, snaplen = struct.unpack_from(byte_order + "HHI", block, 8)
    resolution, offset_seconds = DEFAULT_RESOLUTION, 0
    for code, value in _options(block, INTERFACE_OPTIONS_AT, byte_order):
        if code == IF_TSRESOL and value:
            resolution = value[0]
        elif code == IF_TSOFFSET and len(value) == 8:  # noqa: PLR2004 - an int64
            (offset_seconds,) = struct.unpack(byte_order + "q", value)
    return Interface(index, linktype, snaplen, Clock(resolution, offset_seconds))


def drops_from(block: bytes, byte_order: ByteOrder) -> tuple[int, int] | None:
    """Interface number and lost packets of an Interface Statistics Block that tells them."""
    if len(block) < STATISTICS_OPTIONS_AT + 4:
        return None
    (number,) = struct.unpack_from(byte_order + "I", block, 8)
    counts = [
        struct.unpack(byte_order + "Q", value)[0]
        for code, value in _options(block, STATISTICS_OPTIONS_AT, byte_order)
        if code in (ISB_IFDROP, ISB_OSDROP) and len(value) == 8  # noqa: PLR2004 - a uint64
    ]
    return (number, sum(counts)) if counts else None
