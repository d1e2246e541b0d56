"""The ceiling on a capture that goes on for days (law 9): who is idle for longest makes room.

Who leaves is identified and counted by a forked child from its copy of the table. The capture waits
only as long as it takes to forget them; the kernel's ring is made for more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from sniffdiag.flows.redirect import join_redirected
from sniffdiag.flows.retire import leaving
from sniffdiag.flows.seal import finish
from sniffdiag.flows.table import FlowTable
from sniffdiag.flows.tuples import Mask
from sniffdiag.flows.twins import find_twins
from sniffdiag.identify.verdict import Identification, Reason
from sniffdiag.observe.identified import IdentifiedFlows
from sniffdiag.observe.sealed_early import SealedEarly
from sniffdiag.pipeline.forks import Fork, begun
from sniffdiag.pipeline.reading import Reading
from sniffdiag.records import dataclass

MOST_FLOWS = 200_000
STAY = 2
"""A half stays, so that the work of choosing is done seldom."""
MOST_AT_WORK = 2
"""Children, each with a copy of the flows that it counts."""
PATIENCE = 1.5
"""A table may grow so far beyond the ceiling before the capture waits for a child."""
NICENESS = 10
"""Capturing comes first."""
_NOT_READ = Identification(
    "unknown",
    "flows left faster than they could be looked at",
    confidence=0.0,
    reason=Reason.NOT_READ,
)


@dataclass(frozen=True, slots=True)
class _Leaving:
    """Flows on their way out."""

    child: Fork
    fragments: int


class Ceiling:
    """How many flows a reading may hold, and those that had to leave it."""

    def __init__(self, reading: Reading, most_flows: int = MOST_FLOWS) -> None:
        self._reading = reading
        self._most_flows = most_flows
        self._at_work: list[_Leaving] = []

    @property
    def is_busy(self) -> bool:
        """Some flows are neither in the table nor counted yet."""
        return bool(self._at_work)

    def hold(self) -> None:
        """Let flows leave if there are too many."""
        table = self._reading.table
        if table.fragments.rows <= self._most_flows:
            return
        self.collect()
        if len(self._at_work) >= MOST_AT_WORK:
            if table.fragments.rows <= PATIENCE * self._most_flows:
                return
            self._fetch(self._at_work.pop())  # the latest: it looks at nothing and ends soon
        leaves = leaving(table, self._most_flows // STAY)
        self._count(table, leaves)
        table.keep(~leaves)

    def _count(self, table: FlowTable, leaves: Mask) -> None:
        """Begin to count who leaves; only by columns where others are still looked at."""
        work = partial(_counted, table, leaves, looks=not self._at_work)
        child = begun(work, NICENESS)
        if child is None:
            self._include(work())
            return
        fragments = int(leaves[table.fragments["slot"]].sum())
        self._at_work.append(_Leaving(child, fragments))

    def collect(self) -> None:
        """Add what has been counted."""
        for each in tuple(self._at_work):
            if each.child.ended():
                self._at_work.remove(each)
                self._fetch(each)

    def settle(self) -> None:
        """Wait until all who left are counted."""
        while self._at_work:
            self._fetch(self._at_work.pop(0))

    def _fetch(self, leaving: _Leaving) -> None:
        """What a child counted; of one that died only how many flows it had is known."""
        found = leaving.child.result()
        leaving.child.stop()
        counted = found if isinstance(found, SealedEarly) else None
        self._include(counted or SealedEarly.unknown(leaving.fragments))

    def _include(self, counted: SealedEarly) -> None:
        self._reading.early = self._reading.early or SealedEarly()
        self._reading.early.include(counted)


def _counted(table: FlowTable, leaves: Mask, *, looks: bool) -> SealedEarly:
    """Who leaves a table, which stays as it is.

    Unless it `looks`, flows that columns do not settle are left unread.
    """
    flows = join_redirected(finish(table.part(leaves)))
    find_twins(flows)
    identified = IdentifiedFlows(flows) if looks else IdentifiedFlows(flows, _unread)
    counted = SealedEarly()
    counted.add(identified)
    return counted


def _unread(_: Callable[[int], Identification], rows: Sequence[int]) -> list[Identification]:
    """A `Spread` that looks at nothing."""
    return [_NOT_READ] * len(rows)
