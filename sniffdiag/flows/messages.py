"""Messages of flows, each with the few before it: repeats, answers, resets without an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sniffdiag.nominate.messages import FIRST_FINAL_STATUS, SWITCHING_PROTOCOLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sniffdiag.flows.tuples import Ints, Mask

EVENT = np.dtype(
    [
        ("ts_ns", np.int64),
        ("seq", np.uint32),
        ("owner", np.int32),  # the fragment or flow that it belongs to
        ("code", np.uint16),
        ("side", np.uint8),
        ("counted", np.bool_),
    ]
)
Events = npt.NDArray[np.void]
_BLOB = np.dtype(f"V{EVENT.itemsize}")
"""Moved as so many bytes: numpy is fifteen times slower where it knows of fields."""

RESET = 20
"""Codes go on with these between methods and statuses (`nominate.messages`): the first RST of a
flow,"""
RESET_UNANSWERED = 21
"""and one that came instead of an answer."""
CONTEXT = 4
"""Messages that are looked back at: three retransmissions, and the request of an answer."""
STEP_BITS = 4
"""16 latencies are told apart between one and its double."""
_FRACTION_BITS, _EXPONENT_OF_ONE = 52, 1023


def events_of(events: Events, rows: npt.NDArray[Any]) -> Events:
    """The given rows (indices or a mask)."""
    found: Events = events.view(_BLOB)[rows].view(EVENT)
    return found


def together(parts: Sequence[Events]) -> Events:
    """All of them, one after the other."""
    return np.concatenate([part.view(_BLOB) for part in parts]).view(EVENT)


class Context:
    """What the messages before each message tell of it. All columns have a row for each."""

    __slots__ = ("_events", "_latest", "holds_reset", "holds_same", "is_piped", "is_waiting")

    def __init__(self, events: Events, place: Ints) -> None:
        """`place`: how many messages of its owner there are before each; owners are adjacent."""
        code = events["code"].copy()
        asks, is_reset = code < RESET, code == RESET
        counts = asks | is_final(code)
        repeats = _repeats(events, is_reset)
        self._events = events
        self.holds_same = repeats[CONTEXT]
        """One of them has the same sequence number: this one repeats it."""
        self.holds_reset = np.zeros(place.shape[0], np.bool_)
        self.is_waiting = np.zeros(place.shape[0], np.bool_)
        """The latest of them is a request."""
        self.is_piped = np.zeros(place.shape[0], np.bool_)
        """And so is the one before: which of them will be answered first is not known here."""
        self._latest = np.zeros(place.shape[0], np.uint8)
        """How far back the latest of them is; 0 for none."""
        has_second = np.zeros(place.shape[0], np.bool_)
        for back in range(1, CONTEXT + 1):
            there = place >= back
            self.holds_reset |= there & _before(is_reset, back)
            found = there & _before(counts & ~repeats[CONTEXT - back], back)
            asked = _before(asks, back)
            first = found & (self._latest == 0)
            second = found & ~first & ~has_second
            self.is_waiting |= first & asked
            self.is_piped |= second & asked
            self._latest[first] = back
            has_second |= second

    def answers(self, rows: Mask) -> tuple[Ints, Ints]:
        """Which of `rows` answer the one request before them, and after how many ns."""
        events = self._events
        final = is_final(events["code"]) & self.is_waiting & ~self.is_piped & ~self.holds_same
        answers = np.flatnonzero(final & rows)
        asked = answers - self._latest[answers]
        taken = events["ts_ns"][answers] - events["ts_ns"][asked]
        good = (events["side"][answers] != events["side"][asked]) & (taken >= 0)
        return answers[good], taken[good]


def _before(column: Mask, back: int) -> Mask:
    """The value so many rows before each."""
    moved = np.zeros_like(column)
    moved[back:] = column[:-back]
    return moved


def _repeats(events: Events, is_reset: Mask) -> list[Mask]:
    """For `n` up to `CONTEXT` whether each message repeats one of the `n` before it.

    A repetition has the owner, the side and the sequence number of the first.
    """
    key = (events["owner"].astype(np.int64) << 33) | events["seq"]
    key |= events["side"].astype(np.int64) << 32
    key[is_reset] = -1 - np.arange(np.count_nonzero(is_reset))
    repeats = [np.zeros(key.shape[0], np.bool_)]
    for back in range(1, CONTEXT + 1):
        more = repeats[-1].copy()
        more[back:] |= key[back:] == key[:-back]
        repeats.append(more)
    return repeats


def is_final(code: npt.NDArray[np.uint16]) -> Mask:
    """Statuses that answer a request; 100 Continue and its like only announce one."""
    final: Mask = (code >= FIRST_FINAL_STATUS) | (code == SWITCHING_PROTOCOLS)
    return final


def places(groups: npt.NDArray[np.int32]) -> tuple[Ints, Ints]:
    """For each row how many there are before it in its group, and how many from it on.

    Equal groups are adjacent.
    """
    first = np.flatnonzero(np.diff(groups, prepend=-1))
    size = np.diff(first, append=groups.shape[0])
    place = np.arange(groups.shape[0]) - np.repeat(first, size)
    return place, np.repeat(size, size) - place


def is_one_sided(events: Events, place: Ints) -> Mask:
    """Messages of owners all of whose messages come from one side; owners are adjacent."""
    side, goes_on = events["side"], place > 0
    turns = np.zeros(side.shape[0], np.int64)
    turns[1:] = goes_on[1:] & (side[1:] != side[:-1])
    first = np.flatnonzero(~goes_on)
    size = np.diff(first, append=side.shape[0])
    so_far = np.cumsum(turns)
    alike = so_far[first + size - 1] == so_far[first]
    return np.repeat(alike, size)


def steps_of(latency: Ints) -> Ints:
    """The step of each latency in ns: exponent of two, then the first `STEP_BITS` of its fraction.

    As IEEE 754 has them in the upper bits of a double.
    """
    double = np.maximum(latency, 1 << STEP_BITS).astype(np.float64).view(np.int64)
    steps: Ints = (double >> (_FRACTION_BITS - STEP_BITS)) - (_EXPONENT_OF_ONE << STEP_BITS)
    return steps


def latency_ns(step: Ints) -> Ints:
    """The middle of each step."""
    exponent, within = step >> STEP_BITS, step & ((1 << STEP_BITS) - 1)
    middle = (2 * ((1 << STEP_BITS) + within) + 1) << np.maximum(exponent - STEP_BITS - 1, 0)
    latency: Ints = np.where(exponent > STEP_BITS, middle, middle >> 1)
    return latency
