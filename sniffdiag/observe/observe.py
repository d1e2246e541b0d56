"""Where packets and declarations meet: flows to declared ports, one `PortObservation` each.

Everything that grows with the number of flows is done in columns; Python objects are made once for
each distinct server endpoint and for a bounded number of connections a port.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sniffdiag.catalog.services import Catalog, ServicePort
from sniffdiag.flows.flow import is_loopback
from sniffdiag.identify.detectors import DETECTORS
from sniffdiag.mesh.treated import Treated
from sniffdiag.model import Direction, Leg, Shown, Treatment
from sniffdiag.observe.assignment import LOOKED_AT_PER_PORT, Assignment
from sniffdiag.observe.handshakes import conduct
from sniffdiag.observe.http_tally import HttpTally
from sniffdiag.observe.identified import IdentifiedFlows
from sniffdiag.observe.legs import HIDING, LEGS
from sniffdiag.observe.port_legs import port_legs
from sniffdiag.observe.port_marks import PortMarks
from sniffdiag.observe.port_observation import (
    PortObservation,
    PortShown,
    Sighting,
    UnmatchedEndpoint,
)
from sniffdiag.observe.rivals import READING, contradictions, neighbours_of
from sniffdiag.observe.sightings import PortTally
from sniffdiag.observe.treatment_change import treatment_change
from sniffdiag.records import dataclass

if TYPE_CHECKING:
    from sniffdiag.observe.early_tallies import PortTallies

NONE_LEFT: Mapping[ServicePort, PortTallies] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Observations:
    """All declared ports, and the traffic that belongs to none of them."""

    ports: tuple[PortObservation, ...]
    """In the catalog's order."""
    unmatched: tuple[UnmatchedEndpoint, ...]
    """Most connections first."""
    unmatched_flows: int


def observe(
    flows: IdentifiedFlows,
    catalog: Catalog,
    treated: dict[ServicePort, Treated],
    left: Mapping[ServicePort, PortTallies] = NONE_LEFT,
) -> Observations:
    """One observation for each port of `treated`, with every flow of the capture accounted for.

    `left`: what was counted of flows that are no longer among `flows`.
    """
    assignment = Assignment(flows, catalog)
    contradicted = contradictions(catalog, treated)
    neighbours = neighbours_of(treated)
    ports = tuple(
        _observe_port(
            port,
            treated[port],
            assignment,
            (contradicted.get(port, ()), neighbours.get(port, ())),
            left.get(port),
        )
        for port in catalog.ports
        if port in treated
    )
    return Observations(ports, assignment.unmatched(), len(assignment.unmatched_rows))


def _observe_port(
    port: ServicePort,
    treated: Treated,
    assignment: Assignment,
    others: tuple[tuple[ServicePort, ...], tuple[ServicePort, ...]],
    left: PortTallies | None,
) -> PortObservation:
    contradicted_by, neighbours = others
    rows = np.array(sorted(assignment.rows.get(port, ())), dtype=np.int64)
    tally = PortTally(assignment)
    nearest = _nearest_to_the_client(rows, assignment, tally)
    for row in nearest.tolist():
        tally.add(row)
    flows = assignment.flows
    marks = PortMarks(assignment.shown, port, rows, assignment.leg)
    sightings = tally.sightings()
    http = HttpTally(assignment.identified, nearest, left)
    tunnelled = assignment.tunnelled.get(port, [])
    hidden = {leg: [r for r in tunnelled if LEGS[int(assignment.leg[r])] is leg] for leg in HIDING}
    shown = marks.shown()
    signs = [marks.signs(direction, treated, assignment.requests) for direction in Direction]
    changes = (treatment_change(flows, assignment.leg, s, http.answers) for s in signs)
    return PortObservation(
        port,
        treated,
        inferred=() if sightings else _credible(marks.inferred(), treated, shown),
        named_protocols=_named_protocols(port),
        shown=shown,
        legs=port_legs(marks, assignment.proxies, port, hidden),
        hops=marks.hops(),
        releases=marks.releases(),
        replies=marks.replies(),
        sightings=sightings,
        undecided=tally.undecided(),
        mesh_mtls_flows=tally.mesh_mtls,
        tunnelled_flows=0 if nearest.size else len(tunnelled),  # else they carry what was read
        superseded_flows=len(rows) - len(nearest) + assignment.twins[port],
        shared_with=tuple(sorted(assignment.shared.get(port, ()), key=lambda p: p.key)),
        contradicted_by=contradicted_by,
        one_sided_flows=int((flows.packets[nearest] == 0).any(axis=1).sum()),
        cut_flows=int((flows.cut_segments[nearest].sum(axis=1) > 0).sum()),
        conduct=conduct(flows, rows, nearest, assignment.http_rows, assignment.quote),
        neighbours=neighbours,
        dialled_pods=not port.headless and assignment.dialled_pods(rows),
        http=http.counts(),
        timeline=http.timeline(signs[0].shown or signs[1].shown),
        changes=tuple(change for change in changes if change is not None),
    )


def _credible(
    inferred: tuple[Sighting, ...], treated: Treated, shown: PortShown
) -> tuple[Sighting, ...]:
    """Without what the handling of the client's proxy rules out, where nothing but sizes says so.

    HTTP filters send on nothing but HTTP; and HTTP that sniffing knows does not leave as TCP.
    """
    filtered = treated.outbound.as_ in READING
    missed = treated.outbound.as_ is Treatment.SNIFFED and shown.outbound.as_ is Shown.OPAQUE
    return tuple(
        s
        for s in inferred
        if not (filtered and not s.is_http)
        and not (missed and s.is_http and treated.sniffed_as(s.protocol) in READING)
    )


_WORD = re.compile(r"[a-z][a-z0-9]*")


def _named_protocols(port: ServicePort) -> frozenset[str]:
    """`mongo` in "tcp-mongo" or in a Service called "mongodb"."""
    texts = (port.name, port.app_protocol or "", port.service)
    words = {word for text in texts for word in _WORD.findall(text.lower())}
    return frozenset(d.protocol for d in DETECTORS for word in words if word.startswith(d.protocol))


def _nearest_to_the_client(
    rows: npt.NDArray[np.int64], assignment: Assignment, tally: PortTally
) -> npt.NDArray[np.int64]:
    """Rows without those that only repeat, behind a proxy, what a nearer leg already shows.

    A connection on the wire, or one that ztunnel hands on from its client's address, is left out
    where the same client's own leg was captured; a server-side loopback connection where readable
    ones came in on the wire, unless the application answered its proxy in another protocol: what it
    really speaks shows nowhere else.
    """
    if not rows.size:
        return rows
    flows, leg = assignment.flows, assignment.leg[rows]
    app = rows[leg == LEGS.index(Leg.APP_TO_PROXY)]
    app = app[[tally.readable(r) for r in app.tolist()]] if app.size else app
    seen_clients = set(
        zip(flows.client_hi[app].tolist(), flows.client_lo[app].tolist(), strict=True)
    )
    clients = zip(flows.client_hi[rows].tolist(), flows.client_lo[rows].tolist(), strict=True)
    loopback = is_loopback(flows.client_hi[rows], flows.client_lo[rows])
    repeated = (
        (leg != LEGS.index(Leg.APP_TO_PROXY))
        & ~loopback
        & np.fromiter((c in seen_clients for c in clients), dtype=np.bool_, count=len(rows))
    )
    wire = rows[(leg == LEGS.index(Leg.WIRE)) & ~repeated]
    if any(tally.readable(r) for r in wire.tolist()):
        behind = np.flatnonzero(leg == LEGS.index(Leg.PROXY_TO_APP))
        few = behind[:LOOKED_AT_PER_PORT].tolist()
        repeated[behind] = True
        repeated[[at for at in few if tally.contradicts(int(rows[at]))]] = False
    nearest: npt.NDArray[np.int64] = rows[~repeated]
    return nearest
