"""Flows that had to make room for others: identified when they left, counted by server endpoint.

What they were observed to be joins what is observed of the flows that stayed. Those are the first
of every kind and the latest of all, so there is a sighting with evidence for almost all that is
counted here; what has none is undecided and says so.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from sniffdiag.addresses import address_text
from sniffdiag.catalog.services import Catalog, ServicePort
from sniffdiag.flows.flow import NO_TWIN
from sniffdiag.model import Endpoint, Leg, Transport
from sniffdiag.observe.early_tallies import EarlyTallies
from sniffdiag.observe.observe import Observations
from sniffdiag.observe.port_observation import (
    PortObservation,
    Sighting,
    Undecided,
    UnmatchedEndpoint,
)
from sniffdiag.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sniffdiag.observe.early_tallies import PortTallies
    from sniffdiag.observe.identified import IdentifiedFlows

    Ints = npt.NDArray[np.int64]

MOST_KINDS = 65_536
"""Server endpoints and protocols that are counted apart; the rest counts together."""
MOST_TALLIED = 1_024
"""Of those with requests, so many whose requests are counted by time, status and latency."""
NO_NUMBER = -1
UNKNOWN = "unknown"


class Kind(NamedTuple):
    """What flows have in common that are counted together."""

    address: str
    port: int
    transport: Transport
    protocol: str
    reason: str
    """Why the protocol is unknown, if it is."""


THE_REST = Kind("", 0, Transport.TCP, UNKNOWN, "")


@dataclass(slots=True)
class SealedEarly:
    """How many flows left, and what they were."""

    flows: Counter[Kind] = field(default_factory=Counter)
    requests: Counter[Kind] = field(default_factory=Counter)
    numbers: dict[Kind, int] = field(default_factory=dict)
    """Of kinds, in `tallies`."""
    tallies: EarlyTallies | None = None
    twins: int = 0
    """Flows that show one of the others once more, which counts."""

    @property
    def total(self) -> int:
        """All flows that were sealed early."""
        return self.flows.total() + self.twins

    def add(self, identified: IdentifiedFlows) -> None:
        """Count flows that leave."""
        flows = identified.flows
        first, which = _groups(identified)
        once = flows.twin_of == NO_TWIN
        self.twins += int(np.count_nonzero(~once))
        counts = np.bincount(which, weights=once)
        tallied = flows.tallied
        asked = np.zeros(flows.rows) if tallied is None else tallied.requests(flows.rows)
        requests = np.bincount(which, weights=asked * once)
        has_tallies = _have_tallies(identified, which)
        kinds = [_kind(identified, row) for row in first.tolist()]
        for number, kind in enumerate(kinds):
            self._add(kind, int(counts[number]), int(requests[number]))
        told = [kind if has_tallies[number] else THE_REST for number, kind in enumerate(kinds)]
        group = np.where(once, self._numbered(told)[which], NO_NUMBER)
        self._tally(EarlyTallies.of_flows(identified, group))

    def _numbered(self, kinds: Sequence[Kind]) -> Ints:
        """The number of each kind, for as many as there may be."""
        for kind in kinds:
            if kind != THE_REST and len(self.numbers) < MOST_TALLIED:
                self.numbers.setdefault(kind, len(self.numbers))
        return np.array([self.numbers.get(kind, NO_NUMBER) for kind in kinds], np.int64)

    def _tally(self, later: EarlyTallies | None) -> None:
        if self.tallies is None or later is None:
            self.tallies = self.tallies or later
        else:
            self.tallies = self.tallies.with_later(later)

    def _add(self, kind: Kind, flows: int, requests: int) -> None:
        if kind not in self.flows and len(self.flows) >= MOST_KINDS:
            kind = THE_REST
        self.flows[kind] += flows
        self.requests[kind] += requests

    def include(self, later: SealedEarly) -> None:
        """Add flows that left later."""
        for kind, flows in later.flows.items():
            self._add(kind, flows, later.requests[kind])
        if later.tallies is not None and later.numbers:
            self._tally(later.tallies.renumbered(self._numbered(list(later.numbers))))
        self.twins += later.twins

    @staticmethod
    def unknown(flows: int) -> SealedEarly:
        """So many flows of which nothing is known."""
        return SealedEarly(Counter({THE_REST: flows}))


def _have_tallies(identified: IdentifiedFlows, which: Ints) -> npt.NDArray[np.bool_]:
    """Of which groups anything was tallied."""
    found = np.zeros(int(which.max(initial=-1)) + 1, np.bool_)
    tallied = identified.flows.tallied
    for each in (tallied, tallied.streams) if tallied is not None else ():
        if each is not None:
            found[which[each.row]] = True
    return found


def _groups(identified: IdentifiedFlows) -> tuple[Ints, Ints]:
    """The first row of each group of flows that are counted together, and each row's group."""
    flows = identified.flows
    port = flows.server_port.astype(np.uint64) << np.uint64(8) | flows.transport
    code = identified.code.astype(np.uint64)
    columns = (flows.server_hi, flows.server_lo, port << np.uint64(32) | code)
    order = np.lexsort(columns)
    begins = np.zeros(order.shape[0], np.bool_)
    begins[:1] = True
    for column in columns:
        begins[1:] |= column[order[1:]] != column[order[:-1]]
    which = np.zeros(order.shape[0], np.int64)
    which[order] = np.cumsum(begins) - 1
    return order[begins], which


def _kind(identified: IdentifiedFlows, row: int) -> Kind:
    flows, found = identified.flows, identified.brief(row)
    return Kind(
        address_text(int(flows.server_hi[row]), int(flows.server_lo[row])),
        int(flows.server_port[row]),
        Transport(int(flows.transport[row])),
        found.protocol,
        found.reason.value if found.reason else "",
    )


class AssignedEarly:
    """Flows that left, by declared port."""

    def __init__(self, early: SealedEarly, catalog: Catalog) -> None:
        self._early = early
        self._by_port: dict[ServicePort, list[Kind]] = {}
        self._unmatched: list[Kind] = []
        for kind in early.flows:
            found = catalog.matches(kind.address, kind.port, kind.transport) if kind.address else []
            ports = {match.service_port for match in found if match.via is found[0].via}
            for port in ports:
                self._by_port.setdefault(port, []).append(kind)
            self._unmatched += [] if ports else [kind]

    def tallies(self, flows: IdentifiedFlows) -> dict[ServicePort, PortTallies]:
        """Requests of ports, in the same buckets of time as those of `flows`."""
        early, like = self._early, flows.flows.tallied
        if early.tallies is None or like is None or not like.buckets:
            return {}
        found = {}
        for port, kinds in self._by_port.items():
            told = {
                early.numbers[kind]: (kind.protocol, early.flows[kind])
                for kind in kinds
                if kind in early.numbers
            }
            if told:
                found[port] = early.tallies.of(told, like)
        return found

    def counted_in(self, seen: Observations) -> Observations:
        """The observations with these flows among them."""
        early, unmatched = self._early, self._unmatched
        by_port = self._by_port
        return Observations(
            tuple(_counted_in(port, by_port.get(port.declared, []), early) for port in seen.ports),
            _endpoints(seen.unmatched, unmatched, early),
            seen.unmatched_flows + sum(early.flows[kind] for kind in unmatched),
        )


def _counted_in(seen: PortObservation, kinds: list[Kind], early: SealedEarly) -> PortObservation:
    if not kinds:
        return seen
    sightings = list(seen.sightings)
    undecided = Counter({each.reason: each.flows for each in seen.undecided})
    of_the_mesh = 0
    for kind in sorted(kinds):
        flows = early.flows[kind]
        like = [n for n, sighting in enumerate(sightings) if sighting.protocol == kind.protocol]
        if like:
            sightings[like[0]] = _more(sightings[like[0]], flows, early.requests[kind])
        elif kind.protocol == "tls" and seen.mesh_mtls_flows:
            of_the_mesh += flows
        elif kind.protocol == UNKNOWN:
            undecided[kind.reason] += flows
        else:
            undecided[f"sealed early as {kind.protocol}, without evidence"] += flows
    return replace(
        seen,
        sightings=tuple(sorted(sightings, key=lambda s: (-s.flows, s.exemplars[0].frame))),
        undecided=tuple(
            Undecided(reason, flows)
            for reason, flows in sorted(undecided.items(), key=lambda item: (-item[1], item[0]))
        ),
        mesh_mtls_flows=seen.mesh_mtls_flows + of_the_mesh,
    )


def _more(sighting: Sighting, flows: int, requests: int) -> Sighting:
    return replace(sighting, flows=sighting.flows + flows, requests=sighting.requests + requests)


def _endpoints(
    seen: tuple[UnmatchedEndpoint, ...], kinds: list[Kind], early: SealedEarly
) -> tuple[UnmatchedEndpoint, ...]:
    """Endpoints that nobody declares, most connections first; `THE_REST` has none."""
    tallies = {(each.server, each.transport): Counter(dict(each.protocols)) for each in seen}
    for kind in kinds:
        if kind.address:
            key = Endpoint(kind.address, kind.port), kind.transport
            tallies.setdefault(key, Counter())[kind.protocol] += early.flows[kind]
    legs = {(each.server, each.transport): each.leg for each in seen}
    found = [
        UnmatchedEndpoint(
            server,
            transport,
            tally.total(),
            tuple(sorted(tally.items(), key=lambda item: (-item[1], item[0]))),
            legs.get((server, transport), Leg.WIRE),
        )
        for (server, transport), tally in tallies.items()
    ]
    return tuple(sorted(found, key=lambda u: (-u.flows, str(u.server), u.transport)))
