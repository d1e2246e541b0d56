"""Bytes that no HTTP filter would have let through: another protocol, answered in kind.

HTTP filters answer what is not HTTP with a 400 of their own. A MySQL greeting, a Redis reply or a
ServerHello that comes back shows that every proxy on the way passed the bytes on unread.
"""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.identify.http1 import VERSION
from sniffdiag.identify.verdict import Heads, Identification
from sniffdiag.marks.istio_mtls import mesh_tls
from sniffdiag.marks.mark import Family, Glimpse, Mark, Says, Weight
from sniffdiag.model import HTTP_FAMILY, Direction, Leg, Shown

_NAME = "passed-through"
_NEXT_TO_A_PROXY = {
    Leg.APP_TO_PROXY: Direction.OUTBOUND,
    Leg.PROXY_TO_APP: Direction.INBOUND,
}
"""Whose sidecar is at one end of the leg: it is there, and it let the bytes through."""


def _read(glimpse: Glimpse) -> Iterator[Mark]:
    found = glimpse.identified
    if found.protocol in HTTP_FAMILY or not _answered_in_kind(found, glimpse.heads):
        return
    is_tls = found.protocol == "tls"
    if is_tls and glimpse.leg is Leg.WIRE and not _is_the_applications(found):
        return
    what = "the application's own TLS" if is_tls else f"{_title(found)}, not HTTP,"
    why = f"{what} was answered in kind, which HTTP filters would have refused"
    passed = Says.TLS_PASSTHROUGH if is_tls else Says.OPAQUE
    next_to = _NEXT_TO_A_PROXY.get(glimpse.leg)
    for about in Direction:
        says = passed if about is next_to else Says.UNTOUCHED
        yield Mark(
            _NAME,
            about,
            says,
            why,
            by_client=False,
            at=0,
            weight=Weight.ANSWER,
            if_there=Shown.TLS_PASSTHROUGH if is_tls else Shown.OPAQUE,
        )


def _is_the_applications(found: Identification) -> bool:
    """The ClientHello was seen, and it is not the mesh's own."""
    hello_seen = found.facts.sni or found.facts.alpn_offered or found.facts.tls_version
    return bool(hello_seen) and mesh_tls(found.facts) is None


def _answered_in_kind(found: Identification, heads: Heads) -> bool:
    answer = heads.server.head[: len(VERSION)]
    return not VERSION.startswith(answer) and found.answered is None and found.protocol != "unknown"


def _title(found: Identification) -> str:
    return "payload of no known protocol" if found.protocol == "tcp" else found.protocol


FAMILY = Family(_NAME, _read)
