"""The change of a declared port's shown treatment, found in the marks of its connections."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from sniffdiag.flows.flow import Flows
from sniffdiag.model import Direction, Shown
from sniffdiag.observe.change import Answers, Moment, Split, TreatmentChange, split
from sniffdiag.observe.legs import LEGS
from sniffdiag.records import dataclass

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Signs:
    """What the connections on one leg show of one side's proxies, as far as it was read."""

    direction: Direction
    shown: dict[int, Shown]
    """By row of `Flows`; `unknown` where no HTTP filter touched the bytes. Rows whose marks say
    nothing at all are left out."""
    unread: list[int]
    """Rows of the leg that were not read: too many."""
    read: Callable[[int], Shown | None]


def treatment_change(
    flows: Flows, leg: npt.NDArray[np.uint8], signs: Signs, answers: Callable[[int], list[Answers]]
) -> TreatmentChange | None:
    """The one change that the connections show, if they show one.

    `answers`: how connections fared that began before a row, and from it on.
    """
    rows = sorted(signs.shown, key=lambda row: _place(flows, row))
    found = split([signs.shown[row].value for row in rows])
    if found is None:
        return None
    last, first = _narrowed(flows, signs, found, _borders(found, rows, signs.shown))
    return TreatmentChange(
        signs.direction,
        before=Shown(found.before),
        after=Shown(found.after),
        last_before=_moment(flows, leg, last),
        first_after=_moment(flows, leg, first),
        connections=len(rows),
        misfits=found.misfits,
        chance=found.chance,
        answers=tuple(answers(first)),
    )


def _borders(found: Split, rows: list[int], shown: dict[int, Shown]) -> tuple[int, int]:
    """The last row of the earlier kind before the split, and the first of the later from it on."""
    last = next(row for row in reversed(rows[: found.at]) if shown[row] == found.before)
    first = next(row for row in rows[found.at :] if shown[row] == found.after)
    return last, first


def _narrowed(
    flows: Flows, signs: Signs, found: Split, borders: tuple[int, int]
) -> tuple[int, int]:
    """Where a port has more connections than are read, those between are asked by halves."""
    last, first = borders
    low, high = _place(flows, last), _place(flows, first)
    between = [row for row in signs.unread if low < _place(flows, row) < high]
    between.sort(key=lambda row: _place(flows, row))
    while between:
        middle = len(between) // 2
        row, said = between[middle], signs.read(between[middle])
        if said == found.before:
            last, between = row, between[middle + 1 :]
        elif said == found.after:
            first, between = row, between[:middle]
        else:
            del between[middle]
    return last, first


def _place(flows: Flows, row: int) -> tuple[int, int]:
    """Where a connection stands in time: at its first request."""
    asked = int(flows.first_payload_frame[row, 0])
    return asked or int(flows.first_frame[row]), row


def _moment(flows: Flows, leg: npt.NDArray[np.uint8], row: int) -> Moment:
    frame, _ = _place(flows, row)
    asked = int(flows.first_payload_ts_ns[row, 0])
    ts_ns = asked if asked >= 0 else int(flows.first_ts_ns[row])
    return Moment(frame, ts_ns, *flows.endpoints(row), LEGS[int(leg[row])])
