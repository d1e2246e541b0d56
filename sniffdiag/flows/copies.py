"""`Copies`: which packets were captured before, at another place.

What is the same packet, and what is the same place, is told in numbers (`decode.fingerprint`).
Packets of one number that follow each other closely are a run. The k-th packet that a place shows
of a run is the same as the k-th of any other place; whichever is captured first counts, the others
are copies. So a retransmission, which passes all places again, stays a packet of its own.

Nearness is measured between neighbours, in frames and in capture time, and no clock is trusted for
longer than that. So the answer does not depend on how a capture is cut (law 3), and what must be
remembered is bounded (law 9).
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from sniffdiag.flows.chunk import grouped
from sniffdiag.records import dataclass

if TYPE_CHECKING:
    from sniffdiag.flows.tuples import Ints, Mask

U64s: TypeAlias = npt.NDArray[np.uint64]

MOST_NS_APART = 100_000_000
"""Less than Linux' shortest retransmission timeout (200 ms, net/tcp.h TCP_RTO_MIN), and more than
the clocks of nodes that NTP keeps differ."""
MOST_FRAMES_APART = 8_192
MOST_REMEMBERED = 16 * MOST_FRAMES_APART
"""Only packets made up to pass ever new places get there; then the oldest are forgotten."""
NO_PLACE = 0
"""As in `decode.fingerprint`: any two packets without a place may be of different ones."""

_APART = 1 << 32
"""Runs are set apart by more than any ordinal, so one running maximum serves all of them."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """Packets, equal ones adjacent in capture order or all in capture order, as columns."""

    packet: U64s
    place: U64s
    frame: Ints
    ts_ns: Ints
    ordinal: Ints
    """How many packets of its run the place showed before; not known of new ones."""
    most: Ints
    """The greatest ordinal of the run so far; `NEW` of those not remembered."""

    def take(self, rows: Ints | Mask) -> _Seen:
        return _Seen(*(getattr(self, field.name)[rows] for field in fields(self)))

    def followed_by(self, later: _Seen) -> _Seen:
        names = [field.name for field in fields(self)]
        return _Seen(*(np.concatenate([getattr(self, n), getattr(later, n)]) for n in names))


NEW = -1


class Copies:
    """A fold over packets in capture order."""

    __slots__ = ("_remembered",)

    def __init__(self) -> None:
        none = np.zeros(0, np.int64)
        self._remembered = _Seen(none.view(np.uint64), none.view(np.uint64), *[none] * 4)
        """Of every run that may go on the latest packet of each place, in capture order."""

    @property
    def remembered(self) -> int:
        """How many packets may still decide about later ones."""
        return int(self._remembered.frame.shape[0])

    def among(self, packet: U64s, place: U64s, frame: Ints, ts_ns: Ints) -> Mask:
        """Whether each of the packets that follow those before is a copy."""
        if not frame.size:
            return np.zeros(0, np.bool_)
        new = np.full(frame.shape[0], NEW)
        seen = self._remembered.followed_by(_Seen(packet, place, frame, ts_ns, new, new))
        order = grouped(_numbered(seen.packet))
        seen = seen.take(order)
        run = _runs(seen)
        seen = replace(seen, ordinal=_ordinals(seen, run))
        most = np.maximum.accumulate(run * _APART + np.maximum(seen.ordinal, seen.most))
        most -= run * _APART
        before = np.full(run.shape[0], NEW)
        follows = np.flatnonzero(run[1:] == run[:-1]) + 1
        before[follows] = most[follows - 1]
        copied = np.zeros(order.shape[0], np.bool_)
        copied[order] = seen.ordinal <= before
        self._remember(replace(seen, most=most), run, int(frame[-1]))
        return copied[-frame.shape[0] :]

    def _remember(self, seen: _Seen, run: Ints, last_frame: int) -> None:
        """What may decide about later packets, the last of which is `last_frame`."""
        last = _lasts(run)
        may_go_on = seen.frame[last] >= last_frame - MOST_FRAMES_APART
        may_go_on[:-1] &= seen.packet[last[1:]] != seen.packet[last[:-1]]
        most = seen.most[last][run]
        rows = np.flatnonzero(may_go_on[run])
        rows = rows[np.lexsort((seen.place[rows], run[rows]))]
        changes = np.ones(rows.shape[0], np.bool_)
        changes[:-1] = (run[rows[1:]] != run[rows[:-1]]) | (
            seen.place[rows[1:]] != seen.place[rows[:-1]]
        )
        rows = rows[changes]
        rows = rows[np.argsort(seen.frame[rows])][-MOST_REMEMBERED:]
        self._remembered = replace(seen, most=most).take(rows)


def _numbered(values: U64s) -> Ints:
    """A small number for each value, equal where they are."""
    order = np.argsort(values)
    begins = np.zeros(order.shape[0], np.bool_)
    begins[1:] = values[order[1:]] != values[order[:-1]]
    numbers = np.empty(order.shape[0], np.int64)
    numbers[order] = np.cumsum(begins)
    return numbers


def _runs(seen: _Seen) -> Ints:
    """The run of each packet. Of one number, only the latest run is remembered."""
    begins = np.ones(seen.frame.shape[0], np.bool_)
    begins[1:] = np.abs(np.diff(seen.ts_ns)) > MOST_NS_APART
    begins[1:] |= np.diff(seen.frame) > MOST_FRAMES_APART
    begins[1:] &= seen.most[1:] == NEW
    begins[1:] |= seen.packet[1:] != seen.packet[:-1]
    return np.cumsum(begins) - 1


def _ordinals(seen: _Seen, run: Ints) -> Ints:
    """How many packets of its run its place showed before each packet."""
    order = np.lexsort((seen.place, run))
    first = np.ones(order.shape[0], np.bool_)
    first[1:] = (np.diff(run[order]) != 0) | (seen.place[order[1:]] != seen.place[order[:-1]])
    at = np.arange(order.shape[0])
    begun = np.maximum.accumulate(np.where(first, at, 0))
    ordinal = np.empty(order.shape[0], np.int64)
    ordinal[order] = np.maximum(seen.ordinal[order[begun]], 0) + at - begun
    ordinal[seen.place == NO_PLACE] = 0
    return ordinal


def _lasts(run: Ints) -> Ints:
    """The last row of each run."""
    return np.flatnonzero(np.append(run[1:] != run[:-1], np.ones(1, np.bool_)))
