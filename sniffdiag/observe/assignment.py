"""`Assignment`: which flows belong to which declared port, and which to none.

In columns: Python objects are made once for each distinct server endpoint.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from sniffdiag.addresses import address_text
from sniffdiag.catalog.services import Catalog, Match, ServicePort, Via, host_key
from sniffdiag.flows.flow import NO_TWIN, Flows, Orientation
from sniffdiag.marks.families import mesh_tls
from sniffdiag.marks.mark import MeshTls
from sniffdiag.model import HTTP_FAMILY, Endpoint, Leg, Transport
from sniffdiag.observe.identified import IdentifiedFlows
from sniffdiag.observe.legs import HIDING, LEGS, hbone_rows, leg_codes
from sniffdiag.observe.port_observation import Exemplar, UnmatchedEndpoint
from sniffdiag.observe.proxies import Proxies
from sniffdiag.observe.shown import ShownFlows

LOOKED_AT_PER_PORT = 2_000
"""Connections of one declared port that are looked at; the rest count by what columns say."""
_DIAL_PROXIES = frozenset({"linkerd", "consul"})
"""Linkerd 4143 from 2.18 on, and before that for opaque ports; Consul 20000."""
_GUESSED = (int(Orientation.PORT), int(Orientation.FIRST))


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


class Assignment:
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
        """Servers of no declared port, most connections first."""
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
