"""Linkerd's marks: `l5d-` fields, its own error answers, and the identity that its TLS asks for.

Sources: linkerd2-proxy linkerd/app/core/src/errors.rs, linkerd/transport-header,
linkerd/tls/src/server.rs. From 2.18 on every meshed connection carries a transport header, before
that only opaque ones did, so the ALPN alone cannot say how the bytes are handled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sniffdiag.identify.verdict import Facts
from sniffdiag.marks.mark import Family, Glimpse, Mark, MeshTls, Reply, Says, Weight
from sniffdiag.model import Direction, Leg

_NAME = "linkerd"
_ALPN = "transport.l5d.io/v1"
_IDENTITY = re.compile(r"[^.]+\.[^.]+\.serviceaccount\.identity\..+")
_PROXY_ERROR = "l5d-proxy-error"
_ANSWERED_BY = {Leg.APP_TO_PROXY: Direction.OUTBOUND, Leg.WIRE: Direction.INBOUND}


def mesh_tls(facts: Facts) -> MeshTls | None:
    """Linkerd's own TLS: the SNI is the identity of the server's ServiceAccount."""
    if _ALPN in facts.alpn_offered or _IDENTITY.fullmatch(facts.sni or ""):
        return MeshTls(mesh=_NAME)
    return None


def _read(glimpse: Glimpse) -> Iterator[Mark]:
    asked, answered = glimpse.asked, glimpse.answered
    if asked is not None and glimpse.leg is not Leg.APP_TO_PROXY:
        for field, about in (
            ("l5d-client-id", Direction.INBOUND),
            ("l5d-dst-canonical", Direction.OUTBOUND),
        ):
            if asked.has(field):
                why = f"{field} was added to the request"
                yield Mark(_NAME, about, Says.HTTP, why, by_client=True, at=asked.at)
    by = _ANSWERED_BY.get(glimpse.leg)
    if answered is not None and by is not None and answered.has(_PROXY_ERROR):
        why = f"the proxy itself answered {answered.status} with {_PROXY_ERROR}"
        reply = Reply(answered.status or 0, _PROXY_ERROR, "")
        yield Mark(
            _NAME,
            by,
            Says.HTTP,
            why,
            by_client=False,
            at=answered.at,
            weight=Weight.ANSWER,
            reply=reply,
        )
    if glimpse.leg is Leg.WIRE and mesh_tls(glimpse.identified.facts) is not None:
        why = "mutual TLS between Linkerd's proxies, in a form of both handlings"
        for about in Direction:
            yield Mark(
                _NAME,
                about,
                Says.CANNOT_SAY,
                why,
                by_client=True,
                at=0,
                weight=Weight.HANDSHAKE,
            )


FAMILY = Family(_NAME, _read, mesh_tls)
