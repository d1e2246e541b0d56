"""The vocabulary that every layer may import: declared, treated, observed, shown.

Small frozen types and enums only: no arrays, no I/O, no policy.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum

from sniffdiag.records import dataclass


class Transport(IntEnum):
    """IP protocol numbers of the transports that carry flows (IANA protocol-numbers)."""

    TCP = 6
    UDP = 17
    SCTP = 132

    @property
    def label(self) -> str:
        """The name the user sees: tcp, udp, sctp."""
        return self.name.lower()


class Treatment(StrEnum):
    """What a mesh's proxy does with the bytes of a port in one direction."""

    HTTP = "http"
    """HTTP filters, HTTP/1 upstream."""
    HTTP2 = "http2"
    """HTTP filters, HTTP/2 upstream (http2, grpc, grpc-web)."""
    TLS = "tls"
    """TLS upstream: the proxy starts it, whatever the client spoke."""
    OPAQUE = "opaque"
    """TCP proxy: the bytes are passed on unread."""
    SNIFFED = "sniffed"
    """The proxy looks at the first client bytes and decides per connection."""
    NOT_PROXIED = "not-proxied"
    """No listener is built for the port."""
    UNKNOWN = "unknown"
    """No declaration was given to judge by."""


class Direction(StrEnum):
    """Whose proxy decides: outbound the client's, inbound the server's."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"


class Shown(StrEnum):
    """What marks on the wire show that a proxy really did with the bytes."""

    HTTP = "http"
    """Parsed and written anew by HTTP filters."""
    OPAQUE = "opaque"
    """Passed on unread."""
    TLS_PASSTHROUGH = "tls-passthrough"
    """The application's own TLS, passed on unread."""
    MIXED = "mixed"
    """Some connections so, others otherwise."""
    UNKNOWN = "unknown"
    """No mark decides."""


class Leg(StrEnum):
    """Which stretch of the way a connection belongs to."""

    APP_TO_PROXY = "app to proxy"
    """The client application and its own sidecar, on loopback: the bytes are the client's own."""
    WIRE = "wire"
    """Between pods: proxy to proxy, or without a mesh on one side (`MeshSide` tells)."""
    HBONE = "hbone"
    """A tunnel of an ambient mesh, which shows neither the declared port nor its protocol."""
    PROXY_PORT = "proxy port"
    """The server's proxy was dialled itself, as in Linkerd: the declared port is inside its TLS."""
    PROXY_TO_APP = "proxy to app"
    """The server's own proxy and its application, on loopback."""


class MeshSide(StrEnum):
    """What of a mesh stands at one end of a connection."""

    PROXY = "proxy"
    """A sidecar or a gateway."""
    AMBIENT = "ambient"
    """ztunnel or a waypoint."""
    NONE = "no mesh"
    MIXED = "mixed"
    """Some connections so, others otherwise."""
    UNKNOWN = "unknown"


class Severity(StrEnum):
    """How much a finding matters; `rank` orders them, most severe first."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the most severe."""
        return tuple(Severity).index(self)


class PortVerdict(StrEnum):
    """What declared, treated, observed and shown add up to for one declared port."""

    OK = "ok"
    MISMATCH = "mismatch"
    AT_RISK = "at-risk"
    NO_TRAFFIC = "no-traffic"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One side of a flow. `address` is canonical text (RFC 5952 for IPv6, no zone)."""

    address: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"


# Protocol ids are the words users type in port names. Groups that rules ask for by name:
HTTP1_PROTOCOLS = frozenset({"http", "websocket"})
HTTP2_PROTOCOLS = frozenset({"http2", "grpc"})
HTTP_FAMILY = HTTP1_PROTOCOLS | HTTP2_PROTOCOLS | {"grpc-web"}
NOT_A_PROTOCOL = frozenset({"unknown"})
