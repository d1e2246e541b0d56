"""The ceiling on a capture that goes on for days (law 9): who is idle for longest makes room."""

from __future__ import annotations

from sniffdiag.flows.redirect import join_redirected
from sniffdiag.flows.retire import leaving
from sniffdiag.flows.seal import finish
from sniffdiag.flows.twins import find_twins
from sniffdiag.observe.identified import IdentifiedFlows
from sniffdiag.observe.sealed_early import SealedEarly
from sniffdiag.pipeline.reading import Reading
from sniffdiag.records import dataclass

MOST_FLOWS = 200_000
STAY = 2
"""A half stays, so that the work of choosing is done seldom."""


@dataclass(frozen=True, slots=True)
class Ceiling:
    """How many flows a table may hold."""

    most_flows: int = MOST_FLOWS

    def hold(self, reading: Reading) -> None:
        """Seal flows early if there are too many."""
        table = reading.table
        if table.fragments.rows <= self.most_flows:
            return
        gone = table.take_out(leaving(table, self.most_flows // STAY))
        reading.early = reading.early or SealedEarly()
        flows = join_redirected(finish(gone))
        find_twins(flows)
        reading.early.add(IdentifiedFlows(flows))


USUAL = Ceiling()
"""What a capture is held to unless somebody says otherwise."""
