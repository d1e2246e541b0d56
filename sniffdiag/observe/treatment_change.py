"""The change of a declared port's shown treatment, found in the marks of its connections."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from sniffdiag.flows.flow import Flows
from sniffdiag.model import Direction, Leg, Shown
from sniffdiag.observe.change import Answers, Moment, Split, TreatmentChange, replaced, split
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
    requests: Callable[[int], int] = lambda _row: 1
    """How many a row has, at least."""
    by_first_bytes: bool = False
    """The proxies decide anew for each connection."""


def treatment_change(
    flows: Flows, leg: npt.NDArray[np.uint8], signs: Signs, answers: Callable[[int], list[Answers]]
) -> TreatmentChange | None:
    """The one change that the connections show, if they show one.

    `answers`: how connections fared that began before a row, and from it on.
    """
    rows = sorted(signs.shown, key=lambda row: _place(flows, row))
    found = split([signs.shown[row].value for row in rows])
    if found is None:
        found = _in_few_connections(flows, leg, signs, rows)
    if found is None:
        return None
    last, first = _narrowed(flows, signs, found, _borders(found, rows, signs.shown))
    before = [row for row in rows[: found.at] if signs.shown[row] == found.before]
    return TreatmentChange(
        signs.direction,
        before=Shown(found.before),
        after=Shown(found.after),
        last_before=_latest(flows, leg, {last, *before}, first),
        first_after=_moment(flows, leg, first),
        connections=len(rows),
        misfits=found.misfits,
        chance=found.chance,
        answers=tuple(answers(first)),
    )


def _in_few_connections(
    flows: Flows, leg: npt.NDArray[np.uint8], signs: Signs, rows: list[int]
) -> Split | None:
    """Between connections of the same client and server, of which all requests come in turn.

    Only from or to HTTP filters, where each connection is handled by configuration alone, and not
    by what the proxy made of its first bytes. Many clients share a loopback address, whose own
    proxies may differ.
    """
    shown = signs.shown
    if signs.unread or signs.by_first_bytes or Shown.HTTP not in {shown[row] for row in rows}:
        return None
    if signs.direction is Direction.OUTBOUND and any(_is_handed_on(leg, row) for row in rows):
        return None
    found = replaced([shown[row].value for row in rows], [signs.requests(row) for row in rows])
    if found is None:
        return None
    before, after = rows[: found.at], rows[found.at :]
    both = {_pair(flows, row) for row in before} & {_pair(flows, row) for row in after}
    before, after = ([r for r in part if _pair(flows, r) in both] for part in (before, after))
    if not both or _ends(flows, before) > _place(flows, after[0])[0]:
        return None
    mine = [*before, *after]
    again = replaced([shown[row].value for row in mine], [signs.requests(row) for row in mine])
    return found if again is not None else None


def _is_handed_on(leg: npt.NDArray[np.uint8], row: int) -> bool:
    return LEGS[int(leg[row])] is Leg.PROXY_TO_APP


def _pair(flows: Flows, row: int) -> tuple[str, str]:
    client, server = flows.endpoints(row)
    return client.address, str(server)


def _ends(flows: Flows, rows: list[int]) -> int:
    """Frame of the last that the clients said."""
    return max(int(flows.last_payload_frame[row, 0]) for row in rows)


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


def _latest(flows: Flows, leg: npt.NDArray[np.uint8], rows: set[int], first: int) -> Moment:
    """The last that was asked on one of these connections before another one began.

    Of one that went on afterwards only the first request is known.
    """
    until, _ = _place(flows, first)
    moments = [_moment(flows, leg, row) for row in rows]
    moments += [_moment(flows, leg, row, last=True) for row in rows]
    before = [moment for moment in moments if moment.frame < until]
    return max(before or moments, key=lambda moment: moment.frame)


def _moment(flows: Flows, leg: npt.NDArray[np.uint8], row: int, *, last: bool = False) -> Moment:
    frames = flows.last_payload_frame if last else flows.first_payload_frame
    times = flows.last_payload_ts_ns if last else flows.first_payload_ts_ns
    asked = bool(frames[row, 0])
    return Moment(
        int(frames[row, 0] if asked else flows.first_frame[row]),
        int(times[row, 0] if asked else flows.first_ts_ns[row]),
        *flows.endpoints(row),
        LEGS[int(leg[row])],
    )
