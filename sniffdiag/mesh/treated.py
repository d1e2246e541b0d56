"""`Treated`: what a mesh at a version will do with a declared port, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from sniffdiag.model import Direction, Treatment
from sniffdiag.records import dataclass


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
    UNSTATED = "unstated"
    """Nothing that this mesh reads says anything about the port."""
    LAYER_4 = "layer-4"
    """The proxy in front of the port never looks above layer 4, whatever is declared."""
    NOT_GIVEN = "not-given"
    """The port is known from the packets alone; nobody gave its declaration."""
    NO_MESH = "no-mesh"
    """Nothing that this policy is about handles the port."""


@dataclass(frozen=True, slots=True)
class DirectionTreatment:
    """One direction: outbound is decided by the client's sidecar, inbound by the server's."""

    as_: Treatment
    because: str
    """One clause: `name "tcp-web" begins with "tcp"`."""
    cause: Cause
    token: str = ""
    """The recognised word, lower-cased: "tcp", "https", "grpc"; empty if none."""
    detection_timeout_ms: int | None = None
    """Wait before a silent client is handled as opaque; 0: for ever, None: not sniffed."""


@dataclass(frozen=True, slots=True)
class Advice:
    """How a protocol is declared where neither name nor appProtocol does it; with `{fields}`."""

    summary: str
    command: tuple[str, ...] = ()
    """Words of a shell command; empty where none would do."""
    traps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Treated:
    """Both directions of one declared port under one mesh and version."""

    outbound: DirectionTreatment
    inbound: DirectionTreatment
    sniffable: frozenset[str] = frozenset()
    """Protocol ids that sniffing at this version recognises: http (1.1), http/1.0, http2."""
    waits_ms: frozenset[int] = frozenset()
    """Detection timeouts that any version of this mesh has."""
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
    reads_name: bool = True
    """This version reads the port name, so a fix may change it."""
    advice: Mapping[str, Advice] = field(default_factory=dict)
    """How to declare, instead of by name or appProtocol: "http" for HTTP, "opaque" for the rest."""
    listed_ports: tuple[str, ...] = ()
    """What the list of ports holds that decided, or would, outbound: numbers and ranges."""
    follows_client: bool = False
    """HTTP filters speak to the server whichever HTTP the client spoke."""
    pins_http_version: bool = False
    """HTTP filters refuse the other version of HTTP instead of turning one into the other."""
    sniffs_known_methods_only: bool = False
    """Sniffing takes a request with a method of no registry for something else than HTTP."""
    sniffs_by_design: bool = False
    """Sniffing is how this mesh is meant to be used, not a fallback."""
    mesh: str = ""
    title: str = ""
    """What the user reads: "Istio 1.3.6", "no mesh"."""
    version: str = ""
    opaque_before: str = ""
    """Newest older version, as shipped, that would pass HTTP on this port unread; empty: none."""

    before_edits: Treated | None = None
    """What it did with the port as applied, where the declaration was edited after that."""

    def of(self, direction: Direction) -> DirectionTreatment:
        """One direction."""
        return self.outbound if direction is Direction.OUTBOUND else self.inbound

    def directions(self, *treatments: Treatment) -> list[Direction]:
        """Those in which it is treated in one of these ways."""
        return [direction for direction in Direction if self.of(direction).as_ in treatments]

    @property
    def cause(self) -> Cause:
        """Why it is treated so outbound."""
        return self.outbound.cause

    @property
    def token(self) -> str:
        """The recognised word that decided outbound."""
        return self.outbound.token

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
