"""`Treated`: what a mesh at a version will do with a declared port, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    alpn_selects_http: bool = False
    """Sniffing takes a TLS client whose ALPN list offers "http/1.1" for HTTP (Istio 1.3 to 1.7)."""
    words: frozenset[str] = frozenset()
    """Port-name words (first part of a name) that this version recognises."""
    name_words: Mapping[str, str] = field(default_factory=dict)
    """Observed protocol to the port-name word by which this version treats it right."""
    app_protocols: Mapping[str, str] = field(default_factory=dict)
    """The same for appProtocol, where it has a better word than the name."""
    otherwise_word: str = "tcp"
    """The word for protocols that have none of their own."""
    mesh: str = ""
    title: str = ""
    """What the user reads: "Istio 1.3.6", "no mesh"."""
    version: str = ""
    opaque_before: str = ""
    """Newest older version, as shipped, that would pass HTTP on this port unread; empty: none."""

    before_edits: Treated | None = None
    """What it did with the port as applied, where the declaration was edited after that."""

    def word_for(self, protocol: str) -> str:
        """The port-name word that declares `protocol`."""
        return self.name_words.get(protocol, self.otherwise_word)

    def app_protocol_for(self, protocol: str) -> str:
        """The appProtocol that declares `protocol`."""
        return self.app_protocols.get(protocol, self.word_for(protocol))

    def sniffed_as(self, protocol: str) -> Treatment:
        """What sniffing takes a connection of `protocol` for ("http/1.0" is a protocol to it)."""
        seen = _SNIFFED_AS.get(protocol, protocol)
        return _FOUND_AS[seen] if seen in self.sniffable else Treatment.OPAQUE

    def settled(self, protocol: str) -> tuple[Treatment, Treatment]:
        """Outbound and inbound for a connection of `protocol`: sniffing has come to its answer."""
        found = self.sniffed_as(protocol)
        outbound, inbound = self.outbound.as_, self.inbound.as_
        return (
            found if outbound is Treatment.SNIFFED else outbound,
            found if inbound is Treatment.SNIFFED else inbound,
        )


_SNIFFED_AS = {"websocket": "http", "grpc-web": "http", "grpc": "http2"}
"""Sniffing sees the first bytes only, and these begin like the protocol they are built on."""

_FOUND_AS = {"http": Treatment.HTTP, "http/1.0": Treatment.HTTP, "http2": Treatment.HTTP2}
