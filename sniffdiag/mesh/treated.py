"""`Treated`: what a mesh at a version will do with a declared port, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sniffdiag.model import Treatment


class Cause(StrEnum):
    """Which kind of declaration decided, so that rules can tell the reasons apart."""

    EXPLICIT = "explicit"
    """A recognised name prefix or appProtocol (`token` says which)."""
    UNNAMED = "unnamed"
    UNRECOGNISED = "unrecognised"
    NEAR_MISS = "near-miss"
    """Unrecognised, but it begins like a recognised token: http2foo, httpfoo, grpcfoo."""
    EXEMPT_PORT = "exempt-port"
    """A port number that is never sniffed (25, 53, 3306, 27017)."""
    UNKNOWN_APP_PROTOCOL = "unknown-app-protocol"
    """appProtocol present and unknown: the name is not consulted."""
    TRANSPORT = "transport"
    """UDP or SCTP."""
    OVERRIDE = "override"
    """An annotation or a setting given by the user."""
    NO_MESH = "no-mesh"


@dataclass(frozen=True, slots=True)
class DirectionTreatment:
    """One direction: outbound is decided by the client's sidecar, inbound by the server's."""

    as_: Treatment
    because: str
    """One clause: `name "tcp-web" begins with "tcp"`."""


@dataclass(frozen=True, slots=True)
class Treated:
    """Both directions of one declared port under one mesh and version."""

    outbound: DirectionTreatment
    inbound: DirectionTreatment
    cause: Cause
    token: str = ""
    """The recognised word, lower-cased: "tcp", "https", "grpc"; empty if none."""
    sniffable: frozenset[str] = frozenset()
    """Protocol ids that sniffing at this version recognises: http (1.1), http/1.0, http2."""
    detection_timeout_ms: int | None = None
    """Outbound wait before a silent client is handled as opaque; 0: for ever, None: not sniffed."""
    inbound_detection_timeout_ms: int | None = None
    honours_app_protocol: bool = False
    """This version reads appProtocol, so a fix may use it."""
    mesh: str = ""
    version: str = ""

    def settled(self, protocol: str) -> tuple[Treatment, Treatment]:
        """Outbound and inbound for a connection of `protocol`: sniffing has come to its answer."""
        seen = _SNIFFED_AS.get(protocol, protocol)
        found = _FOUND_AS[seen] if seen in self.sniffable else Treatment.OPAQUE
        outbound, inbound = self.outbound.as_, self.inbound.as_
        return (
            found if outbound is Treatment.SNIFFED else outbound,
            found if inbound is Treatment.SNIFFED else inbound,
        )


_SNIFFED_AS = {"websocket": "http", "grpc-web": "http", "grpc": "http2"}
"""Sniffing sees the first bytes only, and these begin like the protocol they are built on."""

_FOUND_AS = {"http": Treatment.HTTP, "http/1.0": Treatment.HTTP, "http2": Treatment.HTTP2}
