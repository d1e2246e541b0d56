"""Where packets and declarations meet: flows to declared ports, one `PortObservation` each.

Everything that grows with the number of flows is done in columns; Python objects are made once for
each distinct server endpoint and for a bounded number of connections a port.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sniffdiag.addresses import address_text
from sniffdiag.catalog.services import Catalog, Match, ServicePort, Via, host_key
from sniffdiag.flows.flow import NO_TWIN, Flows, Orientation, is_loopback
from sniffdiag.identify.detectors import DETECTORS
from sniffdiag.identify.verdict import Identification, Reason
from sniffdiag.marks.families import mesh_tls
from sniffdiag.marks.mark import MeshTls
from sniffdiag.mesh.treated import Treated
from sniffdiag.model import (
    HTTP_FAMILY,
    Direction,
    Endpoint,
    Leg,
    Shown,
    Transport,
    Treatment,
)
from sniffdiag.observe.handshakes import conduct
from sniffdiag.observe.http_tally import HttpTally
from sniffdiag.observe.identified import IdentifiedFlows
from sniffdiag.observe.legs import HIDING, LEGS, hbone_rows, leg_codes
from sniffdiag.observe.port_legs import port_legs
from sniffdiag.observe.port_observation import (
    Exemplar,
    PortObservation,
    PortShown,
    Shape,
    Sighting,
    Undecided,
    UnmatchedEndpoint,
)
from sniffdiag.observe.proxies import Proxies
from sniffdiag.observe.shown import PortMarks, ShownFlows
from sniffdiag.observe.treatment_change import treatment_change
from sniffdiag.records import dataclass

if TYPE_CHECKING:
    from sniffdiag.observe.early_tallies import PortTallies

NONE_LEFT: Mapping[ServicePort, PortTallies] = MappingProxyType({})
LOOKED_AT_PER_PORT = 2_000
"""Connections of one declared port that are looked at; the rest count by what columns say."""
EXEMPLARS = 5
"""Frames quoted for one sighting."""

BAD_REQUEST = 400
_HANDSHAKE_BYTES = 16_384
"""A chain of certificates and all around it."""
_DIAL_PROXIES = frozenset({"linkerd", "consul"})
"""Linkerd 4143 from 2.18 on, and before that for opaque ports; Consul 20000."""
_SERVER_FIRST = frozenset(d.protocol for d in DETECTORS if d.server_first)
_GUESSED = (int(Orientation.PORT), int(Orientation.FIRST))


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
    assignment = _Assignment(flows, catalog)
    contradictions = _contradictions(catalog, treated)
    neighbours = _neighbours(treated)
    ports = tuple(
        _observe_port(
            port,
            treated[port],
            assignment,
            (contradictions.get(port, ()), neighbours.get(port, ())),
            left.get(port),
        )
        for port in catalog.ports
        if port in treated
    )
    return Observations(ports, assignment.unmatched(), len(assignment.unmatched_rows))


def _contradictions(
    catalog: Catalog, treated: dict[ServicePort, Treated]
) -> dict[ServicePort, tuple[ServicePort, ...]]:
    """Declared ports on one pod port that this mesh would treat in different ways."""
    found: dict[ServicePort, tuple[ServicePort, ...]] = {}
    for contradicting in catalog.contradictions():
        claims = [c for c in contradicting if c in treated]
        for port in claims:
            others = [c for c in claims if _ways(treated[c]) != _ways(treated[port])]
            found[port] = tuple(dict.fromkeys((*found.get(port, ()), *others)))
    return found


def _neighbours(
    treated: dict[ServicePort, Treated],
) -> dict[ServicePort, tuple[ServicePort, ...]]:
    """For ports that clients' proxies pass on unread: others on that number that they read.

    Listeners of clients' proxies may be bound to 0.0.0.0 and a port number (headless Services,
    Services without an address), and then catch the connections to every Service of that number.
    """
    readers: dict[int, list[ServicePort]] = defaultdict(list)
    for port, ways in treated.items():
        if port.transport is Transport.TCP and ways.outbound.as_ in _READING:
            readers[port.port].append(port)
    by_number = {number: tuple(ports) for number, ports in readers.items()}
    return {
        port: by_number[port.port]
        for port, ways in treated.items()
        if ways.outbound.as_ is Treatment.OPAQUE and port.port in by_number
    }


_READING = (Treatment.HTTP, Treatment.HTTP2)


def _ways(treated: Treated) -> tuple[Treatment, Treatment]:
    return treated.outbound.as_, treated.inbound.as_


def ports_named(identified: IdentifiedFlows) -> tuple[tuple[str, int], ...]:
    """Hosts and ports of the Services that the mesh's own TLS names, in order of first frame."""
    named = ((t.host, t.service_port) for _, t in _mesh_tls_rows(identified))
    return tuple(dict.fromkeys((h, p) for h, p in named if h is not None and p is not None))


def _mesh_tls_rows(identified: IdentifiedFlows) -> Iterable[tuple[int, MeshTls]]:
    """Rows between sidecars whose ClientHello or certificate shows the mesh's own TLS."""
    for row in np.flatnonzero(identified.speak({"tls"})).tolist():
        found = mesh_tls(identified.brief(row).facts)
        if found is not None:
            yield row, found


class _Assignment:
    """Which rows of the flow table belong to which declared port."""

    def __init__(self, identified: IdentifiedFlows, catalog: Catalog) -> None:
        self.identified = identified
        self.flows: Flows = identified.flows
        self.catalog = catalog
        self.rows: dict[ServicePort, list[int]] = defaultdict(list)
        self.shared: dict[ServicePort, set[ServicePort]] = defaultdict(set)
        self.tunnelled: dict[ServicePort, list[int]] = defaultdict(list)
        """Rows to pods of a port that hide which port they are for."""
        self.unmatched_rows: list[int] = []
        tallied = self.flows.tallied
        none = np.zeros(self.flows.rows, np.int64)
        self.requests = none if tallied is None else tallied.requests(self.flows.rows)
        self._orient_by_declarations()
        self.leg = leg_codes(self.flows, hbone_rows(identified))
        self.proxies = Proxies(self.flows, self.leg, catalog)
        self.shown = ShownFlows(identified, self.leg, self.proxies)
        self._by_sni = self._ports_named_by_sni()
        self.http_rows = identified.speak(HTTP_FAMILY)
        for rows in _groups(_endpoint_ids(self.flows, "server")):
            self._assign(rows)
        self.twins: Counter[ServicePort] = Counter()
        """Rows left out because they show a connection once more."""
        if (self.flows.twin_of != NO_TWIN).any():
            self._count_connections_once()

    def _assign(self, rows: npt.NDArray[np.int64]) -> None:
        by_address = _ports(self._matches(int(rows[0]), "server"))
        for row in rows.tolist() if self._by_sni else ():
            named = self._by_sni.get(row)
            if named is not None:
                self.rows[named].append(row)
        plain = [r for r in rows.tolist() if r not in self._by_sni]
        if not by_address:
            self.unmatched_rows.extend(self._without_tunnels(plain))
        for port in by_address:
            self.rows[port].extend(plain)
            self.shared[port].update(p for p in by_address if p != port)

    def _without_tunnels(self, rows: list[int]) -> list[int]:
        """The same rows but for tunnels to pods of declared ports, which are kept with these."""
        left = []
        for row in rows:
            if self._is_for_a_proxy(row):
                self.leg[row] = LEGS.index(Leg.PROXY_PORT)
            hides = LEGS[int(self.leg[row])] in HIDING
            ports = self.proxies.ports_at(self.flows.endpoints(row)[1].address) if hides else ()
            for port in ports:
                self.tunnelled[port].append(row)
            if not ports:
                left.append(row)
        return left

    def _is_for_a_proxy(self, row: int) -> bool:
        """TLS of a mesh whose proxies dial each other's own ports."""
        if self.identified.names[int(self.identified.code[row])] != "tls":
            return False
        found = mesh_tls(self.identified.brief(row).facts)
        return found is not None and found.mesh in _DIAL_PROXIES

    def _count_connections_once(self) -> None:
        """Of twins only the first that is declared stays, or the first, if none is.

        It was seen nearer to the client: who dialled a Service's own address did not mean another
        Service that has the same pods.
        """
        twin_of = self.flows.twin_of
        connection = np.where(twin_of == NO_TWIN, np.arange(self.flows.rows), twin_of)
        declared = np.zeros(self.flows.rows, np.bool_)
        declared[[row for rows in self.rows.values() for row in rows]] = True
        preferred = np.lexsort((np.arange(self.flows.rows), ~declared, connection))
        begins = np.diff(connection[preferred], prepend=-1) != 0
        stays = np.zeros(self.flows.rows, np.bool_)
        stays[preferred[begins]] = True
        for port, rows in self.rows.items():
            kept = [row for row in rows if stays[row]]
            self.twins[port] = len(rows) - len(kept)
            self.rows[port] = kept
        self.unmatched_rows = [row for row in self.unmatched_rows if stays[row]]
        for port, rows in self.tunnelled.items():
            self.tunnelled[port] = [row for row in rows if twin_of[row] == NO_TWIN]

    def _matches(self, row: int, side: str) -> list[Match]:
        hi, lo, number = (
            int(getattr(self.flows, f"{side}_{part}")[row]) for part in ("hi", "lo", "port")
        )
        transport = Transport(int(self.flows.transport[row]))
        matches = self.catalog.matches(address_text(hi, lo), number, transport)
        return [m for m in matches if m.via is matches[0].via]

    def dialled_pods(self, rows: npt.NDArray[np.int64]) -> bool:
        """All applications whose own leg is among `rows` dialled pods, not their Service."""
        app = rows[self.leg[rows] == LEGS.index(Leg.APP_TO_PROXY)][:LOOKED_AT_PER_PORT]
        servers = np.stack(
            (self.flows.server_hi[app], self.flows.server_lo[app], self.flows.server_port[app]),
            axis=1,
        )
        _, first = np.unique(servers, axis=0, return_index=True)
        ways = {m.via for row in app[first].tolist() for m in self._matches(row, "server")}
        return bool(ways) and ways <= {Via.POD, Via.HOST}

    def _orient_by_declarations(self) -> None:
        """Where neither handshake nor bytes say who is the server, a declared address does."""
        guessed = np.isin(self.flows.oriented_by, _GUESSED)
        if not guessed.any():
            return
        swap = np.zeros(self.flows.rows, dtype=np.bool_)
        for row in np.nonzero(guessed)[0].tolist():
            swap[row] = not self._matches(row, "server") and bool(self._matches(row, "client"))
        self.flows.reorient(swap, Orientation.PORT)

    def _ports_named_by_sni(self) -> dict[int, ServicePort]:
        """Rows of the mesh's own TLS whose SNI names a declared port."""
        named: dict[int, ServicePort] = {}
        for row, tls in _mesh_tls_rows(self.identified):
            if tls.host is None or tls.service_port is None:
                continue
            port = self.catalog.by_host.get((host_key(tls.host), tls.service_port))
            if port is not None:
                named[row] = port
        return named

    def quote(self, row: int, frame: int, ts_ns: int, what: str) -> Exemplar:
        """A frame of one flow as evidence."""
        flows = self.flows
        return Exemplar(
            frame,
            ts_ns,
            client=Endpoint(
                address_text(int(flows.client_hi[row]), int(flows.client_lo[row])),
                int(flows.client_port[row]),
            ),
            server=Endpoint(
                address_text(int(flows.server_hi[row]), int(flows.server_lo[row])),
                int(flows.server_port[row]),
            ),
            leg=LEGS[int(self.leg[row])],
            what=what,
        )

    def unmatched(self) -> tuple[UnmatchedEndpoint, ...]:
        groups: dict[tuple[str, int, int], Counter[str]] = defaultdict(Counter)
        leg: dict[tuple[str, int, int], Leg] = {}
        flows = self.flows
        for row in self.unmatched_rows:
            key = (
                address_text(int(flows.server_hi[row]), int(flows.server_lo[row])),
                int(flows.server_port[row]),
                int(flows.transport[row]),
            )
            groups[key][self.identified.names[int(self.identified.code[row])]] += 1
            leg.setdefault(key, LEGS[int(self.leg[row])])
        found = [
            UnmatchedEndpoint(
                Endpoint(key[0], key[1]),
                Transport(key[2]),
                tally.total(),
                tuple(sorted(tally.items(), key=lambda item: (-item[1], item[0]))),
                leg[key],
            )
            for key, tally in groups.items()
        ]
        return tuple(sorted(found, key=lambda u: (-u.flows, str(u.server), u.transport)))


def _ports(matches: list[Match]) -> list[ServicePort]:
    """Declared ports behind the matches, all of them.

    On loopback only the port number speaks: Services that share it cannot be told apart.
    """
    return list(dict.fromkeys(m.service_port for m in matches))


def _observe_port(
    port: ServicePort,
    treated: Treated,
    assignment: _Assignment,
    others: tuple[tuple[ServicePort, ...], tuple[ServicePort, ...]],
    left: PortTallies | None,
) -> PortObservation:
    contradicted_by, neighbours = others
    rows = np.array(sorted(assignment.rows.get(port, ())), dtype=np.int64)
    tally = _Tally(assignment)
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
    filtered = treated.outbound.as_ in _READING
    missed = treated.outbound.as_ is Treatment.SNIFFED and shown.outbound.as_ is Shown.OPAQUE
    return tuple(
        s
        for s in inferred
        if not (filtered and not s.is_http)
        and not (missed and s.is_http and treated.sniffed_as(s.protocol) in _READING)
    )


_WORD = re.compile(r"[a-z][a-z0-9]*")


def _named_protocols(port: ServicePort) -> frozenset[str]:
    """`mongo` in "tcp-mongo" or in a Service called "mongodb"."""
    texts = (port.name, port.app_protocol or "", port.service)
    words = {word for text in texts for word in _WORD.findall(text.lower())}
    return frozenset(d.protocol for d in DETECTORS for word in words if word.startswith(d.protocol))


def _nearest_to_the_client(
    rows: npt.NDArray[np.int64], assignment: _Assignment, tally: _Tally
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


class _Tally:
    """Connections of one declared port, grouped by shape."""

    def __init__(self, assignment: _Assignment) -> None:
        self._assignment = assignment
        self._looked_at = 0
        self._flows: Counter[Shape] = Counter()
        self._requests: Counter[Shape] = Counter()
        self._confidence: dict[Shape, float] = {}
        self._exemplars: dict[Shape, list[Exemplar]] = defaultdict(list)
        self._undecided: Counter[str] = Counter()
        self.mesh_mtls = 0

    def readable(self, row: int) -> bool:
        """The row's bytes are a service's own and of a known protocol."""
        identified = self._assignment.identified
        if identified.names[int(identified.code[row])] == "unknown":
            return False
        found = identified.brief(row)
        return not self._is_mesh_tls(row, found) and self._undecidable(row, found) is None

    def contradicts(self, row: int) -> bool:
        """The server answered in another protocol than it was spoken to in."""
        return self._assignment.identified.brief(row).answered is not None

    def add(self, row: int) -> None:
        """Counts one connection."""
        found = self._identification(row)
        if self._is_mesh_tls(row, found):
            self.mesh_mtls += 1
        elif (reason := self._undecidable(row, found)) is not None:
            self._undecided[reason] += 1
        else:
            self._sight(row, found)

    def _undecidable(self, row: int, found: Identification) -> str | None:
        """Why the bytes do not tell what the service speaks; None where they do."""
        if found.protocol == "unknown":
            return (found.reason or Reason.TOO_SHORT).value
        if self._may_be_mesh_tls(row, found):
            return "TLS without its ClientHello: the mesh's or the application's"
        if _only_refused(found):
            return "only a 400 was captured, which a proxy gives to any bytes"
        return None

    def _identification(self, row: int) -> Identification:
        identified = self._assignment.identified
        self._looked_at += 1
        if self._looked_at > LOOKED_AT_PER_PORT:
            return identified.brief(row)
        return identified.of(row)

    def _is_mesh_tls(self, row: int, found: Identification) -> bool:
        on_wire = self._assignment.leg[row] == LEGS.index(Leg.WIRE)
        is_tls = found.protocol == "tls"
        return is_tls and bool(on_wire) and mesh_tls(found.facts) is not None

    def _may_be_mesh_tls(self, row: int, found: Identification) -> bool:
        on_wire = self._assignment.leg[row] == LEGS.index(Leg.WIRE)
        hello_seen = found.facts.sni or found.facts.alpn_offered or found.facts.tls_version
        return found.protocol == "tls" and bool(on_wire) and not hello_seen

    def _sight(self, row: int, found: Identification) -> None:
        flows = self._assignment.flows
        if found.protocol == "tls" and self._may_have_failed(row):
            found = self._assignment.identified.detailed(row)
        shape = _shape(row, found, flows)
        self._flows[shape] += 1
        self._requests[shape] += int(self._assignment.requests[row])
        self._confidence[shape] = min(found.confidence, self._confidence.get(shape, 1.0))
        if len(self._exemplars[shape]) < EXEMPLARS:
            self._exemplars[shape].append(self._exemplar(row))

    def _may_have_failed(self, row: int) -> bool:
        """Too few bytes for more than a handshake, so that an alert in it matters."""
        few = int(self._assignment.flows.payload_bytes[row].sum()) <= _HANDSHAKE_BYTES
        return few and self._looked_at <= LOOKED_AT_PER_PORT

    def _exemplar(self, row: int) -> Exemplar:
        flows = self._assignment.flows
        side = 0 if flows.first_payload_frame[row, 0] else 1
        return self._assignment.quote(
            row,
            int(flows.first_payload_frame[row, side]),
            int(flows.first_payload_ts_ns[row, side]),
            _what(self._assignment.identified.detailed(row)),
        )

    def sightings(self) -> tuple[Sighting, ...]:
        """Most connections first; ties by the earliest frame."""
        found = [
            Sighting(
                shape,
                flows,
                self._requests[shape],
                self._confidence[shape],
                tuple(sorted(self._exemplars[shape], key=lambda e: e.frame)),
            )
            for shape, flows in self._flows.items()
        ]
        return tuple(sorted(found, key=lambda s: (-s.flows, s.exemplars[0].frame)))

    def undecided(self) -> tuple[Undecided, ...]:
        """Most connections first."""
        ordered = sorted(self._undecided.items(), key=lambda item: (-item[1], item[0]))
        return tuple(Undecided(reason, flows) for reason, flows in ordered)


def _only_refused(found: Identification) -> bool:
    """HTTP by nothing but a 400: what HTTP filters say to bytes that are not HTTP."""
    return (
        found.protocol == "http"
        and found.facts.method is None
        and found.facts.status == BAD_REQUEST
    )


def _shape(row: int, found: Identification, flows: Flows) -> Shape:
    facts = found.facts
    first_c, first_s = flows.first_payload_ts_ns[row].tolist()
    spoke_first = first_s >= 0 and (first_c < 0 or first_s < first_c)
    is_http1 = found.protocol == "http"
    content_type = (facts.content_type or "").lower()
    return Shape(
        protocol=found.protocol,
        http_1_0=is_http1 and facts.http_version in {"0.9", "1.0"},
        grpc_over_http1=is_http1
        and content_type.startswith("application/grpc")
        and not content_type.startswith("application/grpc-web"),
        prelude=facts.prelude,
        answered=found.answered,
        alpn_http=found.protocol == "tls" and "http/1.1" in facts.alpn_offered,
        server_first=found.protocol in _SERVER_FIRST or bool(spoke_first and not is_http1),
        unusual_method=is_http1 and facts.method is not None and facts.method not in _METHODS,
        alert=next((a.description for a in facts.alerts if a.level == "fatal"), None),
    )


_METHODS = frozenset(
    [
        "ACL",
        "BASELINE-CONTROL",
        "BIND",
        "CHECKIN",
        "CHECKOUT",
        "CONNECT",
        "COPY",
        "DELETE",
        "GET",
        "HEAD",
        "LABEL",
        "LINK",
        "LOCK",
        "M-SEARCH",
        "MERGE",
        "MKACTIVITY",
        "MKCALENDAR",
        "MKCOL",
        "MKREDIRECTREF",
        "MKWORKSPACE",
        "MOVE",
        "NOTIFY",
        "OPTIONS",
        "ORDERPATCH",
        "PATCH",
        "POST",
        "PRI",
        "PROPFIND",
        "PROPPATCH",
        "PURGE",
        "PUT",
        "REBIND",
        "REPORT",
        "SEARCH",
        "SOURCE",
        "SUBSCRIBE",
        "TRACE",
        "UNBIND",
        "UNCHECKOUT",
        "UNLINK",
        "UNLOCK",
        "UNSUBSCRIBE",
        "UPDATE",
        "UPDATEREDIRECTREF",
        "VERSION-CONTROL",
    ]
)
"""IANA's registry of methods and what http_parser knows beyond it."""


def _what(found: Identification) -> str:
    facts = found.facts
    if facts.method:
        version = f" HTTP/{facts.http_version}" if facts.http_version else ""
        failed = f", grpc-status {facts.grpc_status}" if facts.grpc_status else ""
        return f"{facts.method} {facts.target or ''}{version}{failed}".strip()
    if facts.status is not None:
        return f"HTTP/{facts.http_version or '1.1'} {facts.status}"
    if not facts.sni:
        return found.why
    fatal = next((alert for alert in facts.alerts if alert.level == "fatal"), None)
    refused = f", {fatal.by}'s alert {fatal.description}" if fatal else ""
    return f"{found.protocol.upper()} ClientHello{refused}, SNI {facts.sni}"


def _endpoint_ids(flows: Flows, side: str) -> npt.NDArray[np.uint64]:
    """A number for each row, equal where address, port and transport of that side are equal."""
    hi, lo = getattr(flows, f"{side}_hi"), getattr(flows, f"{side}_lo")
    port = getattr(flows, f"{side}_port").astype(np.uint64)
    packed = (port << np.uint64(8)) | flows.transport.astype(np.uint64)
    order = np.lexsort((packed, lo, hi))
    keys = np.stack((hi[order], lo[order], packed[order]), axis=1)
    new = np.ones(len(order), dtype=np.bool_)
    new[1:] = (keys[1:] != keys[:-1]).any(axis=1)
    ids = np.empty(len(order), dtype=np.uint64)
    ids[order] = np.cumsum(new)
    return ids


def _groups(ids: npt.NDArray[np.uint64]) -> Iterable[npt.NDArray[np.int64]]:
    """Row numbers of equal ids together, each group in row order."""
    if not ids.size:
        return []
    order = np.argsort(ids, kind="stable")
    borders = np.nonzero(np.diff(ids[order]))[0] + 1
    return np.split(order, borders)
