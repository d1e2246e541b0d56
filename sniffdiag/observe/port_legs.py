"""Where the flows of a declared port were captured, and what of a mesh stands at their two ends.

That nothing is there is said only of pods that are declared without a proxy. Plaintext without
marks does not say so, for a proxy may have passed it on unread; nor does a Service's own address on
the wire, for proxies pass on to it what they have no route for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from sniffdiag.catalog.services import ServicePort
from sniffdiag.flows.flow import Flows, is_loopback
from sniffdiag.model import Direction, Leg, MeshSide, Shown
from sniffdiag.observe.legs import HBONE_PORT, LEGS
from sniffdiag.observe.port_marks import PortMarks
from sniffdiag.observe.port_observation import LegShown, SideShown
from sniffdiag.observe.proxies import Proxies
from sniffdiag.observe.shown import FlowShown, Sign


class _Placed(NamedTuple):
    """What stands at one end of one flow, and how that is known."""

    as_: MeshSide
    because: str


class _Ends(NamedTuple):
    client: _Placed
    server: _Placed


_DECLARED = _Placed(MeshSide.PROXY, "its pod is declared with a sidecar")
_BARE = _Placed(MeshSide.NONE, "its pod is declared without a sidecar")
_DIALLED = _Placed(
    MeshSide.UNKNOWN, "dials the Service's own address: no proxy is there, or it found no route"
)
_BEYOND = _Placed(MeshSide.UNKNOWN, "beyond this leg")
_TUNNEL = _Placed(MeshSide.AMBIENT, "speaks HBONE, as ztunnel and waypoints do")
_NO_SIGN = _Placed(MeshSide.UNKNOWN, "nothing tells if a proxy is there")
_MESH_TLS = "its TLS is the mesh's own"
_HIDDEN_ENDS = {Leg.HBONE: _TUNNEL, Leg.PROXY_PORT: _Placed(MeshSide.PROXY, _MESH_TLS)}
_WHY = {
    Leg.APP_TO_PROXY: "redirected to the proxy of the client's own pod",
    Leg.WIRE: "between pods",
    Leg.HBONE: f"TLS to port {HBONE_PORT}, which shows neither the declared port nor its protocol",
    Leg.PROXY_PORT: "TLS to the server's proxy itself, inside which the declared port is named",
    Leg.PROXY_TO_APP: "within the server's pod",
}
_ISTIO_INBOUND = frozenset({"127.0.0.6", "::6"})
_ANOTHER_PROCESS = "or another process of the pod"
_HANDED_ON = (
    "from the client's own address while the same two pods had a tunnel, as ztunnel hands on"
)


def port_legs(
    marks: PortMarks,
    proxies: Proxies,
    port: ServicePort,
    tunnelled: Mapping[Leg, Sequence[int]],
) -> tuple[LegShown, ...]:
    """Each leg that was captured; `tunnelled`: rows to pods of the port that hide it."""
    ends = _PortEnds(marks.flows, proxies, port)
    found = [*_readable(marks, ends), *_hidden(marks.flows, proxies, tunnelled)]
    return tuple(sorted(found, key=lambda leg: LEGS.index(leg.leg)))


def _readable(marks: PortMarks, port_ends: _PortEnds) -> Iterator[LegShown]:
    for leg, rows in marks.rows_by_leg():
        seen = [(row, found) for row, found in marks.looked_at if marks.leg_of[row] is leg]
        ends = [port_ends.of(row, leg, found) for row, found in seen]
        outbound, inbound = (marks.direction([(r, f.of(d)) for r, f in seen]) for d in Direction)
        yield LegShown(
            leg,
            len(rows),
            outbound.as_,
            inbound.as_,
            int(marks.flows.first_frame[rows].min()),
            because=_because(marks.flows, leg, seen),
            client_side=_together(each.client for each in ends),
            server_side=_together(each.server for each in ends),
        )


def _hidden(
    flows: Flows, proxies: Proxies, tunnelled: Mapping[Leg, Sequence[int]]
) -> Iterator[LegShown]:
    for leg, rows in tunnelled.items():
        if not rows:
            continue
        others = {port for row in rows for port in proxies.ports_at(_server(flows, row))}
        both = _together([_HIDDEN_ENDS[leg]] * len(rows))
        whose = f"; may be of any of {len(others)} ports" if len(others) > 1 else ""
        yield LegShown(
            leg,
            len(rows),
            Shown.UNKNOWN,
            Shown.UNKNOWN,
            min(int(flows.first_frame[row]) for row in rows),
            because=_WHY[leg] + whose,
            client_side=both,
            server_side=both,
        )


def _because(flows: Flows, leg: Leg, seen: Sequence[tuple[int, FlowShown]]) -> str:
    if leg is not Leg.PROXY_TO_APP:
        return _WHY[leg]
    handed_on = any(not _from_loopback(flows, row) for row, _ in seen)
    return _HANDED_ON if handed_on else _WHY[leg]


class _PortEnds:
    """The ends of the flows of one declared port."""

    def __init__(self, flows: Flows, proxies: Proxies, port: ServicePort) -> None:
        self._flows = flows
        self._proxies = proxies
        self._is_served = proxies.serve(port)

    def of(self, row: int, leg: Leg, found: FlowShown) -> _Ends:
        """Both ends of one flow."""
        if leg is Leg.APP_TO_PROXY:
            return _Ends(self._own_proxy(row), _BEYOND)
        if leg is Leg.PROXY_TO_APP:
            return _Ends(_BEYOND, self._handing_on(row, found))
        return _Ends(self._client_end(row, found), self._server_end(row, found))

    def _own_proxy(self, row: int) -> _Placed:
        if self._proxies.in_ambient(_client(self._flows, row)):
            return _Placed(MeshSide.AMBIENT, "its pod's connections go on through HBONE")
        if self._flows.redirected[row]:
            return _Placed(MeshSide.PROXY, _WHY[Leg.APP_TO_PROXY])
        return _Placed(MeshSide.UNKNOWN, f"loopback: its own proxy, {_ANOTHER_PROCESS}")

    def _handing_on(self, row: int, found: FlowShown) -> _Placed:
        if not _from_loopback(self._flows, row):
            return _Placed(MeshSide.AMBIENT, _HANDED_ON)
        client = _client(self._flows, row)
        if client in _ISTIO_INBOUND:
            return _Placed(MeshSide.PROXY, f"from {client}, Istio's own address for this leg")
        if self._is_served:
            return _DECLARED
        if found.inbound.as_ is Shown.HTTP:
            return _Placed(MeshSide.PROXY, found.inbound.because)
        return _Placed(MeshSide.UNKNOWN, f"loopback: its own proxy, {_ANOTHER_PROCESS}")

    def _client_end(self, row: int, found: FlowShown) -> _Placed:
        client, server = _client(self._flows, row), _server(self._flows, row)
        known = self._by_address(client) or _by_marks(found, found.outbound)
        if known is not None:
            return known
        if self._proxies.is_without(client):
            return _BARE
        return _DIALLED if self._proxies.is_front(server) else _undecided(found.outbound)

    def _server_end(self, row: int, found: FlowShown) -> _Placed:
        server = _server(self._flows, row)
        known = self._by_address(server) or _by_marks(found, found.inbound)
        if known is not None:
            return known
        if self._is_served:
            return _DECLARED
        return _BARE if self._proxies.is_without(server) else _undecided(found.inbound)

    def _by_address(self, address: str) -> _Placed | None:
        if self._proxies.is_declared(address):
            return _DECLARED
        if self._proxies.has_own_leg(address):
            return _Placed(MeshSide.PROXY, "its pod's own leg to a proxy was captured")
        if self._proxies.in_ambient(address):
            return _Placed(MeshSide.AMBIENT, "its pod has tunnels to others (HBONE)")
        return None


def _by_marks(found: FlowShown, sign: Sign) -> _Placed | None:
    if found.sealed:
        return _Placed(MeshSide.PROXY, _MESH_TLS)
    return _Placed(MeshSide.PROXY, sign.because) if sign.as_ is Shown.HTTP else None


def _undecided(sign: Sign) -> _Placed:
    if not sign.because:
        return _NO_SIGN
    return _Placed(MeshSide.UNKNOWN, f"{sign.because}: passed on unread, or no proxy there")


def _together(ends: Iterable[_Placed]) -> SideShown:
    """One side of all flows of a leg; what is unknown of some does not outweigh the others."""
    told = list(ends)
    tally = Counter(each.as_ for each in told)
    known: list[MeshSide] = [kind for kind in tally if kind is not MeshSide.UNKNOWN]
    as_ = MeshSide.MIXED if len(known) > 1 else next(iter(known), MeshSide.UNKNOWN)
    reasons = {each.as_: each.because for each in reversed(told)}
    shown = known or list(tally)
    return SideShown(
        as_,
        "; other connections: ".join(reasons[kind] for kind in shown),
        tuple(sorted(tally.items(), key=lambda item: (-item[1], item[0]))),
    )


def _client(flows: Flows, row: int) -> str:
    return flows.endpoints(row)[0].address


def _server(flows: Flows, row: int) -> str:
    return flows.endpoints(row)[1].address


def _from_loopback(flows: Flows, row: int) -> bool:
    return bool(is_loopback(flows.client_hi[row], flows.client_lo[row]))
