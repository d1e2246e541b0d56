"""`Mark`: a sign in the bytes of how a proxy handled a connection; `Family`: who reads such signs.

Sans I/O and blind to port numbers and Services, as detectors are. A mark says what it shows of one
proxy, the client's (outbound) or the server's (inbound), and never more: bytes that no filter has
touched look the same behind a proxy that passes them on and where there is no proxy at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum, IntEnum

from sniffdiag.identify.verdict import Facts, Heads, Identification
from sniffdiag.marks.messages import MessageHead, first_request, first_response
from sniffdiag.model import HTTP2_PROTOCOLS, Direction, Leg, Shown
from sniffdiag.records import dataclass


class Says(Enum):
    """What a mark shows of a proxy."""

    HTTP = "http"
    """HTTP filters parsed the bytes and wrote them anew."""
    OPAQUE = "opaque"
    """A proxy is there and passed the bytes on unread."""
    TLS_PASSTHROUGH = "tls-passthrough"
    """The application's own TLS came through."""
    UNTOUCHED = "untouched"
    """No HTTP filter touched the bytes: passed on unread, or no proxy is there."""
    CANNOT_SAY = "cannot say"
    """A proxy is there, and this mark does not tell how it handled the bytes."""


class Weight(IntEnum):
    """Which of two marks about one proxy is believed."""

    HEADERS = 1
    """An application can write them, too."""
    ANSWER = 2
    """A proxy's own answer in the server's place."""
    HANDSHAKE = 3
    """The proxies' own TLS handshake: no application can write there."""
    COMPARISON = 4
    """The same connection on both sides of the proxy."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A proxy's own answer, made in the server's place."""

    status: int
    flag: str
    """Envoy's response flag for it (DPE, NR, UF, UC, UH, UT, UO, UPE, RBAC), or what fits best."""
    text: str
    """The proxy's own words, cut to a line; nothing of an application's body."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One sign about one proxy."""

    family: str
    about: Direction
    says: Says
    why: str
    """One clause that a user understands, without a full stop."""
    by_client: bool
    """Which side's bytes bear it."""
    at: int
    """Offset in that side's head, so that the frame can be named."""
    weight: Weight = Weight.HEADERS
    if_there: Shown = Shown.OPAQUE
    """What UNTOUCHED comes to where a proxy is known to be there."""
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class Glimpse:
    """What is known of one connection when its marks are read."""

    leg: Leg
    heads: Heads
    identified: Identification
    asked: MessageHead | None = None
    """The first request, of HTTP/1 or HTTP/2."""
    answered: MessageHead | None = None
    """The first answer."""


def glimpse(leg: Leg, heads: Heads, identified: Identification) -> Glimpse:
    """A connection with its first messages read."""
    is_http2 = identified.protocol in HTTP2_PROTOCOLS
    return Glimpse(
        leg,
        heads,
        identified,
        first_request(heads.client, is_http2=is_http2),
        first_response(heads.server, is_http2=is_http2),
    )


@dataclass(frozen=True, slots=True)
class MeshTls:
    """A connection between two proxies of a mesh, as far as its ClientHello tells."""

    service_port: int | None = None
    """Port of the Service (not the targetPort) that the SNI names."""
    host: str | None = None
    """Host of the Service that the SNI names: `reviews.default.svc.cluster.local`."""
    http: bool | None = None
    """True: the client's proxy handled it as HTTP; False: as TCP; None: this form cannot say."""
    mesh: str = "istio"
    since: tuple[int, int] | None = None
    """The first release that writes such a ClientHello, where only some do."""
    before: tuple[int, int] | None = None
    """The first that does not any more."""


def no_mesh_tls(_facts: Facts) -> MeshTls | None:
    """For families that do not show in a ClientHello."""
    return None


@dataclass(frozen=True, slots=True)
class Family:
    """One family of marks: one module with one of these named `FAMILY`, one line in `FAMILIES`."""

    name: str
    read: Callable[[Glimpse], Iterator[Mark]]
    mesh_tls: Callable[[Facts], MeshTls | None] = no_mesh_tls
    """The mesh's own TLS behind the facts of a TLS flow, None for an application's."""
