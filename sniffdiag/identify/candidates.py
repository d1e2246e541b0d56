"""Which detectors a flow is worth showing to: those that its first bytes do not rule out.

Every detector tells how anything begins of which it has a word to say (`clue.Beginnings`). All
those layouts are compared with the beginning of a piece at once, one bit a layout: for each offset
a table tells which layouts each byte value leaves standing. What stands is a superset of the
detectors that claim the flow, and the detectors decide.
"""

from __future__ import annotations

from dataclasses import field
from functools import cache

from sniffdiag.identify.clue import ANYHOW, Beginnings, Begins, Sounding
from sniffdiag.identify.detectors import DETECTORS
from sniffdiag.identify.verdict import Detector, Heads, Side
from sniffdiag.identify.wire import ANY_BYTE, ByteSet, Layout, byte_sets
from sniffdiag.model import Transport
from sniffdiag.records import dataclass

OFFSETS = 24
"""So many bytes are compared; behind them hardly a layout has a field left."""


def candidates(heads: Heads, transport: Transport) -> tuple[Detector, ...]:
    """Detectors of `transport` that may make a claim, in the list's order."""
    index = _index(transport)
    standing = index.standing(heads.client, index.client)
    standing |= index.standing(heads.server, index.server)
    return index.named(standing)


@dataclass(slots=True)
class _Role:
    """Bits of the layouts that one side may begin with, by the kind of piece."""

    start: int = 0
    """Heads seen from their start."""
    joined: int = 0
    """Heads joined mid-stream."""
    later: int = 0
    """Later pieces of a side joined mid-stream."""
    at_any_time: int = 0
    """Later pieces of a side seen from its start."""


class _Index:
    """The layouts of one transport's detectors."""

    def __init__(self, detectors: list[Detector]) -> None:
        self._layouts: list[Layout] = []
        self._masks: list[tuple[Detector, int]] = []
        self.client, self.server = _Role(), _Role()
        for detector in detectors:
            client, server = _beginnings(detector)
            bits: dict[int, int] = {}
            self._add(self.client, client, bits)
            self._add(self.server, server, bits)
            self._masks.append((detector, sum(bits.values())))
        self._offsets = _offsets(self._layouts)

    def standing(self, side: Side, role: _Role) -> int:
        """The layouts that fit any piece of the side."""
        bits, later = (
            (role.start, role.at_any_time) if side.from_start else (role.joined, role.later)
        )
        if not side.head:
            return 0
        found = self._fitting(side.head, bits)
        if later:
            for sample in side.samples:
                found |= self._fitting(sample.data, later & ~found)
        return found

    def named(self, standing: int) -> tuple[Detector, ...]:
        """The detectors whose layouts these are."""
        return tuple([detector for detector, mask in self._masks if standing & mask])

    def _fitting(self, piece: bytes, bits: int) -> int:
        found = 0
        for offset, value in zip(self._offsets, piece, strict=False):
            bits &= offset.standing[value]
            found |= bits & offset.ending
            bits &= ~offset.ending
            if not bits:
                break
        return found | bits

    def _add(self, role: _Role, begins: Beginnings, known: dict[int, int]) -> None:
        start, later = self._take(begins.start, known), self._take(begins.later, known)
        role.start |= start
        role.joined |= start | later
        role.later |= later
        role.at_any_time |= later if begins.at_any_time else 0

    def _take(self, begins: Begins, known: dict[int, int]) -> int:
        """Their bits; a detector begins most pieces alike, and `known` are its bits so far."""
        for layout in begins:
            if id(layout) not in known:
                known[id(layout)] = 1 << len(self._layouts)
                self._layouts.append(layout)
        return sum({known[id(layout)] for layout in begins})


def _beginnings(detector: Detector) -> tuple[Beginnings, Beginnings]:
    if isinstance(detector.probe, Sounding):
        return detector.probe.client, detector.probe.server
    return _ANYHOW, _ANYHOW


_ANYHOW = Beginnings(ANYHOW, ANYHOW)


class _Standing(dict[int, int]):
    """The layouts that each value of the byte at one offset leaves standing, told when asked.

    A run meets few values at few offsets before no layout stands.
    """

    def __init__(self) -> None:
        super().__init__()
        self.free = 0
        """Layouts that allow any value."""
        self._one_value: dict[int, int] = {}
        self._several: dict[ByteSet, int] = {}

    def allow(self, allowed: ByteSet, bit: int) -> None:
        """One more layout, with the values that it allows here."""
        self.free ^= bit
        if len(allowed) == 1:
            (value,) = allowed
            self._one_value[value] = self._one_value.get(value, 0) | bit
        else:
            self._several[allowed] = self._several.get(allowed, 0) | bit

    def __missing__(self, value: int) -> int:
        bits = self.free | self._one_value.get(value, 0)
        for allowed, some in self._several.items():
            if value in allowed:
                bits |= some
        self[value] = bits
        return bits


@dataclass(slots=True)
class _Offset:
    """What one offset tells of the layouts."""

    standing: _Standing = field(default_factory=_Standing)
    ending: int = 0
    """Layouts that ask for nothing behind it."""


def _offsets(layouts: list[Layout]) -> list[_Offset]:
    found = [_Offset() for _ in range(OFFSETS)]
    every = (1 << len(layouts)) - 1
    for offset in found:
        offset.standing.free = every
    for number, layout in enumerate(layouts):
        bit = 1 << number
        asked = _by_offset(layout)
        for at, allowed in asked.items():
            found[at].standing.allow(allowed, bit)
        found[max(asked, default=0)].ending |= bit
    return found


def _by_offset(layout: Layout) -> dict[int, ByteSet]:
    """The values that a layout allows at each offset where it does not allow all."""
    found: dict[int, ByteSet] = {}
    for asked in layout:
        for at, allowed in enumerate(byte_sets(asked), asked.at):
            if at >= OFFSETS or allowed is ANY_BYTE:
                continue
            also = found.get(at)
            found[at] = allowed if also is None else frozenset(also).intersection(allowed)
    return found


def prepare() -> None:
    """What the first flow of a capture would wait for."""
    for transport in (Transport.TCP, Transport.UDP):
        _index(transport)


@cache
def _index(transport: Transport) -> _Index:
    return _Index([d for d in DETECTORS if transport in d.transports])
