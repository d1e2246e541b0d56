"""The contract of a detector: heads of both sides in, `Verdict` out.

Sans I/O, total over bytes of any length, blind to port numbers (laws 5 and 6).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field, fields
from enum import Enum
from typing import NamedTuple

from sniffdiag.model import Transport
from sniffdiag.records import dataclass


class Answer(Enum):
    """Four different answers, kept apart to the last line printed."""

    NO = "no"
    """These bytes cannot be this protocol. More bytes never change that."""
    NEED_MORE = "need more"
    """Everything seen so far fits; too little was seen to claim it."""
    POSSIBLE = "possible"
    """Looks like it, but others look alike; `certain` needs the other side or more bytes."""
    CERTAIN = "certain"
    """These bytes are this protocol. More bytes never change that."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The beginning of a later segment (TCP) or of a later datagram (UDP)."""

    at: int
    """Offset from the first byte of the side's head. For datagrams: index of the datagram."""
    data: bytes
    whole: bool
    """`data` is all of the segment, not just its beginning."""


@dataclass(frozen=True, slots=True)
class Side:
    """What one side sent, as far as it is kept.

    TCP: `head` is contiguous stream bytes. UDP: `head` is the first datagram alone.
    """

    head: bytes = b""
    from_start: bool = False
    """`head` begins with the first byte this side ever sent on the connection."""
    complete: bool = False
    """This side sent nothing after `head` (so NEED_MORE will never be answered)."""
    gap: bool = False
    """Bytes are missing right after `head` although later ones were captured."""
    samples: tuple[Sample, ...] = ()
    """Later segments in stream order; chains of frames are followed across them."""


NOTHING = Side()


@dataclass(frozen=True, slots=True)
class Heads:
    """Both sides of one flow. Which one is the client is a guess the resolver tries both ways."""

    client: Side = NOTHING
    server: Side = NOTHING

    def swapped(self) -> Heads:
        """The same bytes with the other guess of who is the client."""
        return Heads(self.server, self.client)


class Alert(NamedTuple):
    """A TLS alert in clear (RFC 8446 6)."""

    by: str
    """"client" or "server"."""
    level: str
    """"warning" or "fatal"."""
    description: str
    """The RFC's name, such as "handshake_failure", or the number."""


class Certificate(NamedTuple):
    """A server's certificate in clear, which nobody verified."""

    subject: str
    """RFC 4514."""
    names: tuple[str, ...]
    """DNS and URI subject alternative names."""
    not_after: str
    """RFC 3339, UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a detector could read on the way. Wire text is raw here; reports escape it.

    Never holds a secret: request targets are cut before "?", no header values but those named here.
    """

    http_version: str | None = None
    """"0.9", "1.0", "1.1", "2"."""
    method: str | None = None
    target: str | None = None
    """Path of the first request, without query."""
    host: str | None = None
    status: int | None = None
    content_type: str | None = None
    grpc_status: int | None = None
    """Of the trailers of the first call."""
    unknowable: tuple[str, ...] = ()
    """Names of facts that the bytes hold only as HPACK entries from before the capture."""
    tunnelled: str | None = None
    """Protocol inside a CONNECT tunnel over HTTP/2, such as HBONE's; `target` says where to."""
    upgrade: str | None = None
    """Protocol the 101 response switched to, or that an extended CONNECT asks for."""
    sni: str | None = None
    alpn_offered: tuple[str, ...] = ()
    alpn_chosen: str | None = None
    tls_version: str | None = None
    """"1.0" ... "1.3", of the ServerHello where seen, else the highest offered."""
    tls_peer_names: tuple[str, ...] = ()
    """URI and DNS subject alternative names of certificates seen in clear (TLS 1.2 and below)."""
    certificate: Certificate | None = None
    alerts: tuple[Alert, ...] = ()
    notes: tuple[str, ...] = ()
    """Clauses on what is remarkable or missing, as in `Verdict.why`."""
    switched_to: str | None = None
    """Protocol id that followed on the same connection (STARTTLS: "tls")."""
    prelude: str | None = None
    """"proxy-v1" or "proxy-v2" when a PROXY protocol header came first."""
    version: str | None = None
    """Server or protocol version text, e.g. of a MySQL greeting."""

    def merged(self, other: Facts) -> Facts:
        """These facts, with holes filled from `other`."""
        if other is NO_FACTS or self is NO_FACTS:
            return self if other is NO_FACTS else other
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        holes = {k for k, v in own.items() if v is None or v == ()}
        return Facts(**own | {name: getattr(other, name) for name in holes})


NO_FACTS = Facts()


@dataclass(frozen=True, slots=True)
class Verdict:
    """One detector's answer about one flow."""

    answer: Answer
    why: str = ""
    """One clause a user understands, without a full stop: "HTTP/2 connection preface"."""
    facts: Facts = NO_FACTS
    by_client: bool = True
    """The claim rests on client bytes (False: on server bytes alone). It is what the flow is when
    the two sides disagree: a TLS client answered by a plain-text 400 speaks TLS."""


NO = Verdict(Answer.NO)
NEED_MORE = Verdict(Answer.NEED_MORE)


def possible(why: str, facts: Facts = NO_FACTS, *, by_client: bool = True) -> Verdict:
    """A claim that needs corroboration."""
    return Verdict(Answer.POSSIBLE, why, facts, by_client)


def certain(why: str, facts: Facts = NO_FACTS, *, by_client: bool = True) -> Verdict:
    """A claim that stands on its own."""
    return Verdict(Answer.CERTAIN, why, facts, by_client)


@dataclass(frozen=True, slots=True)
class Detector:
    """One protocol: one module with one of these named `DETECTOR`, one line in `DETECTORS`."""

    protocol: str
    """The id the user sees, from the port-name vocabulary."""
    title: str
    transports: frozenset[Transport]
    probe: Callable[[Heads], Verdict]
    refines: tuple[str, ...] = ()
    """Protocols this one is a special case of: when both claim, this one stands (grpc, http2)."""
    carriers: frozenset[str] = frozenset()
    """It claims nothing that none of these claims, so it is asked only after one of them has."""
    evidence: str = ""
    """One sentence for the generated protocol table: which bytes it rests on."""
    midstream: bool = False
    """It can recognise a connection whose beginning was not captured."""
    server_first: bool = False
    """The server speaks first, which stalls proxies that sniff."""


class Reason(Enum):
    """Why a flow stays unknown."""

    NO_PAYLOAD = "no payload"
    MIDSTREAM = "joined mid-stream"
    TOO_SHORT = "too few bytes"
    GAP = "bytes missing at the start"
    AMBIGUOUS = "two protocols fit"
    NOT_READ = "more flows at once than could be looked at"


@dataclass(frozen=True, slots=True)
class Identification:
    """What a flow is observed to be.

    `protocol` is an id, "tcp"/"udp"/"sctp" (payload seen from the start and it is none we know), or
    "unknown" with a `reason`.
    """

    protocol: str
    why: str
    confidence: float
    """0 to 1; 1 only for CERTAIN claims on a stream seen from its start."""
    reason: Reason | None = None
    answered: str | None = None
    """Protocol the server spoke where it is another than the client's."""
    facts: Facts = field(default=NO_FACTS)
    swap: bool = False
    """The bytes say that client and server are the other way round."""
