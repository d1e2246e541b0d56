"""Kuma, Open Service Mesh and Consul: meshes of Envoys with marks of their own, one row each.

Sources: kuma pkg/xds/envoy/tls (ALPN `kuma`, field `x-kuma-tags`), osm pkg/envoy/xdsutil.go (ALPN
`osm`) and its `osm-stats-` answer fields, consul's SNI `service.ns.dc.internal.domain.consul`
(from its documentation).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sniffdiag.identify.verdict import Facts
from sniffdiag.marks.mark import Family, Glimpse, Mark, MeshTls, Says, Weight
from sniffdiag.model import Direction, Leg
from sniffdiag.records import dataclass

_NAME = "other-meshes"


@dataclass(frozen=True, slots=True)
class _Mesh:
    name: str
    alpn: str | None = None
    sni: str | None = None
    by_client: str | None = None
    """A field that HTTP filters of the client's proxy add to requests."""
    by_server: str | None = None
    """A field that HTTP filters of the server's proxy add to answers."""


_MESHES = (
    _Mesh("kuma", alpn="kuma", by_client="x-kuma-tags"),
    _Mesh("osm", alpn="osm", by_server="osm-stats-pod"),
    _Mesh("consul", sni=r".+\.internal\.[^.]+(?:\.[^.]+)*\.consul"),
)


def mesh_tls(facts: Facts) -> MeshTls | None:
    """TLS between two proxies of one of these meshes."""
    for mesh in _MESHES:
        by_alpn = mesh.alpn is not None and mesh.alpn in facts.alpn_offered
        if by_alpn or (mesh.sni and re.fullmatch(mesh.sni, facts.sni or "")):
            return MeshTls(mesh=mesh.name)
    return None


def _read(glimpse: Glimpse) -> Iterator[Mark]:
    if glimpse.leg is not Leg.WIRE:
        return
    found = mesh_tls(glimpse.identified.facts)
    if found is not None:
        why = f"mutual TLS between proxies of {found.mesh}, in a form of both handlings"
        for about in Direction:
            yield Mark(
                _NAME, about, Says.CANNOT_SAY, why, by_client=True, at=0, weight=Weight.HANDSHAKE
            )
        return
    asked, answered = glimpse.asked, glimpse.answered
    for mesh in _MESHES:
        if asked is not None and mesh.by_client and asked.has(mesh.by_client):
            why = f"{mesh.by_client} was added to the request"
            yield Mark(_NAME, Direction.OUTBOUND, Says.HTTP, why, by_client=True, at=asked.at)
        if answered is not None and mesh.by_server and answered.has(mesh.by_server):
            why = f"{mesh.by_server} was added to the answer"
            yield Mark(_NAME, Direction.INBOUND, Says.HTTP, why, by_client=False, at=answered.at)


FAMILY = Family(_NAME, _read, mesh_tls)
