"""`PortObservation`: all four words about one declared port, in one record without arrays.

Rules read this and nothing below it: no packets, no flows, no bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sniffdiag.catalog.services import ServicePort
from sniffdiag.mesh.treated import Treated
from sniffdiag.model import HTTP1_PROTOCOLS, HTTP2_PROTOCOLS, HTTP_FAMILY, Endpoint, Transport


class Leg(StrEnum):
    """Which stretch of the way a connection belongs to."""

    APP_TO_PROXY = "app to proxy"
    """The client application and its own sidecar, on loopback: the bytes are the client's own."""
    WIRE = "wire"
    """Between pods: proxy to proxy, or without a mesh on one side."""
    PROXY_TO_APP = "proxy to app"
    """The server's sidecar and its application, on loopback."""


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


@dataclass(frozen=True, slots=True)
class Sighting:
    """Connections of one shape on one declared port."""

    shape: Shape
    flows: int
    requests: int
    """HTTP/1 request lines at segment starts, counted in columns; 0 for other protocols."""
    confidence: float
    """Of the weakest identification among the exemplars, 0 to 1."""
    exemplars: tuple[Exemplar, ...]
    """The first few, in frame order."""

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
    superseded_flows: int = 0
    """Connections left out because a leg nearer to the client application was seen."""
    shared_with: tuple[ServicePort, ...] = ()
    """Other declared ports that the same packets may belong to."""
    contradicted_by: tuple[ServicePort, ...] = ()
    """Declared ports on the same pod port that say something else, oldest first."""
    one_sided_flows: int = 0
    cut_flows: int = 0
    """Connections with payload that the snapshot length cut."""

    @property
    def decided_flows(self) -> int:
        """Connections whose protocol is known."""
        return sum(s.flows for s in self.sightings)

    @property
    def flows(self) -> int:
        """All connections that belong to the port and were not superseded."""
        return self.decided_flows + sum(u.flows for u in self.undecided) + self.mesh_mtls_flows

    def share(self, sightings: tuple[Sighting, ...]) -> float:
        """Part of the decided connections that `sightings` are, 0 to 1."""
        return sum(s.flows for s in sightings) / self.decided_flows if self.decided_flows else 0.0


@dataclass(frozen=True, slots=True)
class UnmatchedEndpoint:
    """Traffic to a server endpoint that no declaration covers."""

    server: Endpoint
    transport: Transport
    flows: int
    protocols: tuple[tuple[str, int], ...]
    """Protocol and connections, most first."""
