"""`PortObservation`: all four words about one declared port, in one record without arrays.

Rules read this and nothing below it: no packets, no flows, no bytes.
"""

from __future__ import annotations

from sniffdiag.catalog.services import ServicePort
from sniffdiag.mesh.treated import Treated
from sniffdiag.model import (
    HTTP1_PROTOCOLS,
    HTTP2_PROTOCOLS,
    HTTP_FAMILY,
    Direction,
    Endpoint,
    Leg,
    MeshSide,
    Shown,
    Transport,
)
from sniffdiag.observe.change import TreatmentChange
from sniffdiag.observe.conduct import NO_CONDUCT, Conduct
from sniffdiag.observe.http_counts import HttpCounts, Timeline
from sniffdiag.records import dataclass


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One frame that proves a sighting. `what` is wire text, unescaped."""

    frame: int
    ts_ns: int
    client: Endpoint
    server: Endpoint
    leg: Leg
    what: str


@dataclass(frozen=True, slots=True)
class Shape:
    """What matters for judging a connection; connections of one shape are judged together."""

    protocol: str
    http_1_0: bool = False
    """The client speaks HTTP/1.0 or older, which proxies treat differently from 1.1."""
    grpc_over_http1: bool = False
    """gRPC content in HTTP/1 requests: a proxy before this leg turned HTTP/2 into HTTP/1."""
    prelude: str | None = None
    """A PROXY protocol header came first."""
    answered: str | None = None
    """What the server spoke, where it is another protocol than the client's."""
    alpn_http: bool = False
    """A TLS client that offers "http/1.1" in its ALPN list."""
    server_first: bool = False
    """The server spoke before the client did."""
    unusual_method: bool = False
    """An HTTP/1 request whose method no registry has: parsers with a table do not know it."""
    alert: str | None = None
    """The fatal TLS alert in clear that ended the handshake, by its RFC name."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """Connections of one shape on one declared port."""

    shape: Shape
    flows: int
    requests: int
    """HTTP/1 requests, counted in columns (`http_counts.Counted`); 0 for other protocols."""
    confidence: float
    """Of the weakest identification among the exemplars, 0 to 1."""
    exemplars: tuple[Exemplar, ...]
    """The first few, in frame order."""
    inferred: str = ""
    """From what a protocol inside the mesh's own TLS was inferred; empty where bytes were read."""

    @property
    def protocol(self) -> str:
        """Protocol id of the shape."""
        return self.shape.protocol

    @property
    def is_http(self) -> bool:
        """HTTP of any version, and what rides on it."""
        return self.shape.protocol in HTTP_FAMILY

    @property
    def is_http1(self) -> bool:
        """HTTP/1 by nature, not HTTP/2 that a proxy turned into it."""
        return self.shape.protocol in HTTP1_PROTOCOLS and not self.was_http2

    @property
    def is_http2(self) -> bool:
        """HTTP/2 by nature, even where this leg shows it turned into HTTP/1."""
        return self.shape.protocol in HTTP2_PROTOCOLS or self.was_http2

    @property
    def was_http2(self) -> bool:
        """HTTP/1 requests that a proxy made of HTTP/2: gRPC in them, or HTTP/2 for an answer."""
        answered_in_http2 = self.shape.answered in HTTP2_PROTOCOLS
        is_http1 = self.shape.protocol in HTTP1_PROTOCOLS
        return is_http1 and (self.shape.grpc_over_http1 or answered_in_http2)


@dataclass(frozen=True, slots=True)
class Undecided:
    """Connections of a declared port that say nothing about its protocol, by reason."""

    reason: str
    flows: int


@dataclass(frozen=True, slots=True)
class DirectionShown:
    """What marks show of the proxies of one side, the client's (outbound) or the server's."""

    as_: Shown = Shown.UNKNOWN
    because: str = "no mark was seen"
    """One clause: the mark that decides, or what is missing."""
    untouched: bool = False
    """Unknown because no HTTP filter touched the bytes, and nothing tells if a proxy is there."""
    sure: bool = False
    """By marks that no application can imitate."""
    flows: tuple[tuple[Shown, int], ...] = ()
    """Connections by what their marks show, most first."""
    exemplars: tuple[Exemplar, ...] = ()
    """Frames that bear the deciding marks, in frame order."""

    @property
    def confidence(self) -> float:
        """Of a finding that rests on it."""
        return 1.0 if self.sure else 0.8


@dataclass(frozen=True, slots=True)
class PortShown:
    """What marks show of the proxies of both sides."""

    outbound: DirectionShown = DirectionShown()
    inbound: DirectionShown = DirectionShown()

    def of(self, direction: Direction) -> DirectionShown:
        """One direction."""
        return self.outbound if direction is Direction.OUTBOUND else self.inbound

    @property
    def as_(self) -> Shown:
        """Both directions as one word: that of the one that is known, mixed where they differ."""
        known = {d.as_ for d in (self.outbound, self.inbound)} - {Shown.UNKNOWN}
        if len(known) > 1:
            return Shown.MIXED
        return next(iter(known), Shown.UNKNOWN)

    @property
    def because(self) -> str:
        """One clause for each direction that is known, else why none is."""
        told = [(d, self.of(d)) for d in Direction]
        known = [(d, shown) for d, shown in told if shown.as_ is not Shown.UNKNOWN] or told[:1]
        return "; ".join(f"{direction}: {shown.because}" for direction, shown in known)


@dataclass(frozen=True, slots=True)
class SideShown:
    """What of a mesh stands at one end of the connections on one leg."""

    as_: MeshSide = MeshSide.UNKNOWN
    because: str = ""
    flows: tuple[tuple[MeshSide, int], ...] = ()
    """Connections that were looked at by what stands there, most first."""


@dataclass(frozen=True, slots=True)
class LegShown:
    """All connections of the port on one leg, superseded ones included, and what they show."""

    leg: Leg
    flows: int
    outbound: Shown
    inbound: Shown
    first_frame: int
    because: str = ""
    """How the leg is known."""
    client_side: SideShown = SideShown()
    server_side: SideShown = SideShown()


@dataclass(frozen=True, slots=True)
class ReleaseShown:
    """Which releases of the mesh write a mark that was seen."""

    because: str
    since: tuple[int, int] | None
    before: tuple[int, int] | None
    exemplars: tuple[Exemplar, ...]
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class HopShown:
    """Connections found by their content on two legs, with proxies between."""

    before: Leg
    after: Leg
    same: int
    """Byte for byte, or in sums of TLS records: no HTTP filter is between."""
    rewritten: int
    """Written anew on the way: HTTP handling begins or ends here."""
    frames: tuple[int, int]
    """The first pair, of the kind that most are."""


@dataclass(frozen=True, slots=True)
class ProxyReply:
    """Answers that a proxy made in the server's place, by kind."""

    status: int
    flag: str
    """Envoy's response flag (DPE, NR, UF, UC, UH, UT, UO, UPE, RBAC), or the mark's name."""
    text: str
    """The proxy's own words; nothing of an application's body."""
    by: Direction
    """Whose proxy answered: the client's (outbound) or the server's (inbound)."""
    flows: int
    exemplars: tuple[Exemplar, ...]
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class PortObservation:
    """One declared port: declared, treated, observed, and what could not be seen."""

    declared: ServicePort
    treated: Treated
    sightings: tuple[Sighting, ...] = ()
    """Most connections first. Only connections whose bytes are the client application's own, or
    the nearest to them that the capture holds."""
    undecided: tuple[Undecided, ...] = ()
    mesh_mtls_flows: int = 0
    """Connections between sidecars whose bytes are the mesh's own TLS."""
    tunnelled_flows: int = 0
    """Connections to the port's pods that hide which port they are for (HBONE, a proxy's own port),
    where nothing of the port itself was captured."""
    superseded_flows: int = 0
    """Connections left out because a leg nearer to the client application was seen."""
    shared_with: tuple[ServicePort, ...] = ()
    """Other declared ports that the same packets may belong to."""
    contradicted_by: tuple[ServicePort, ...] = ()
    """Declared ports on the same pod port that say something else, oldest first."""
    one_sided_flows: int = 0
    cut_flows: int = 0
    """Connections with payload that the snapshot length cut."""
    shown: PortShown = PortShown()
    legs: tuple[LegShown, ...] = ()
    """Legs on which the port was captured, nearest to the client application first."""
    releases: tuple[ReleaseShown, ...] = ()
    """Marks that only some releases of the mesh write, by first frame."""
    hops: tuple[HopShown, ...] = ()
    """Legs of which the same connections were captured, and what became of them between."""
    replies: tuple[ProxyReply, ...] = ()
    """What proxies answered in the server's place, most connections first."""
    conduct: Conduct = NO_CONDUCT
    """How connections began and ended."""
    neighbours: tuple[ServicePort, ...] = ()
    """Ports of other Services with the same number that the mesh reads as HTTP while it passes this
    one on unread."""
    dialled_pods: bool = False
    """Applications dialled pods, past the address that their Service has: their proxies pass such
    connections on, whatever the port is declared."""
    inferred: tuple[Sighting, ...] = ()
    """What travels inside the mesh's own TLS, as far as ALPN, or sizes and turns, tell; only where
    nothing readable was captured."""
    named_protocols: frozenset[str] = frozenset()
    """Protocol ids that the names of the port and of its Service contain as words."""
    http: HttpCounts | None = None
    """Requests and what became of them; None where there are none."""
    timeline: Timeline | None = None
    changes: tuple[TreatmentChange, ...] = ()
    """At most one for each side."""

    @property
    def decided_flows(self) -> int:
        """Connections whose protocol is known."""
        return sum(s.flows for s in self.sightings)

    @property
    def observed(self) -> dict[str, int]:
        """Protocol to connections, most first; "unknown" for those that say nothing, last."""
        tally: dict[str, int] = {}
        for sighting in self.sightings:
            tally[sighting.protocol] = tally.get(sighting.protocol, 0) + sighting.flows
        tally = dict(sorted(tally.items(), key=lambda item: (-item[1], item[0])))
        unknown = sum(u.flows for u in self.undecided)
        return {**tally, "unknown": unknown} if unknown else tally

    @property
    def requests(self) -> int:
        """HTTP/1 requests of all that was observed."""
        return sum(s.requests for s in self.sightings)

    @property
    def flows(self) -> int:
        """All connections that belong to the port and were not superseded."""
        hidden = self.mesh_mtls_flows + self.tunnelled_flows
        return self.decided_flows + sum(u.flows for u in self.undecided) + hidden

    @property
    def judged(self) -> tuple[Sighting, ...]:
        """What was read, or else what was inferred."""
        return self.sightings or self.inferred

    def share(self, sightings: tuple[Sighting, ...]) -> float:
        """Part of the judged connections that `sightings` are, 0 to 1."""
        judged = sum(s.flows for s in self.judged)
        return sum(s.flows for s in sightings) / judged if judged else 0.0


@dataclass(frozen=True, slots=True)
class UnmatchedEndpoint:
    """Traffic to a server endpoint that no declaration covers."""

    server: Endpoint
    transport: Transport
    flows: int
    protocols: tuple[tuple[str, int], ...]
    """Protocol and connections, most first."""
    leg: Leg = Leg.WIRE
    """Of its first connection."""
