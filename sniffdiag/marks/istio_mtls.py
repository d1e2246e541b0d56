"""Istio's own mutual TLS, told from an application's TLS by what the ClientHello says in clear.

ALPN and SNI forms by version: istio pilot/pkg/networking/core/v1alpha3/cluster.go (`istio`,
`istio-peer-exchange`, `istio-http/1.1`, `istio-h2`) and model/service.go (`BuildDNSSrvSubsetKey`,
`outbound_.PORT_.SUBSET_.HOST`; before 1.1 `outbound|PORT|SUBSET|HOST`). Certificates name SPIFFE
identities (TLS 1.2 and below show them). Says nothing about Services or rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sniffdiag.identify.verdict import Facts
from sniffdiag.marks.mark import Family, Glimpse, Mark, MeshTls, Says, Weight
from sniffdiag.model import Direction, Leg

_SNI = re.compile(r"^outbound(?:_\.(\d{1,5})_\.([^|]*?)_\.|\|(\d{1,5})\|([^|]*)\|)(.+)$")
_PEER_EXCHANGE = "istio-peer-exchange"
_HTTP_ALPNS = ("istio-http/", "istio-h2")
_HTTP2_BEFORE_1_5 = ("istio", "h2")
"""Both handlings offered `istio` alone then, but only HTTP/2 upstreams added `h2` to it."""
_OWN_ALPNS = (1, 5)
_NAME = "istio-mtls"


def mesh_tls(facts: Facts) -> MeshTls | None:
    """The mesh's own TLS behind these facts of a TLS flow, or None for an application's TLS."""
    named = _SNI.match(facts.sni or "")
    istio_alpn = any(p == "istio" or p.startswith("istio-") for p in facts.alpn_offered)
    spiffe = any(name.startswith("spiffe://") for name in facts.tls_peer_names)
    if not (named or istio_alpn or spiffe):
        return None
    port = int(named[1] or named[3]) if named else None
    since, before = _releases(facts.alpn_offered)
    return MeshTls(
        port,
        named[5] if named else None,
        _treated_as_http(facts.alpn_offered),
        since=since,
        before=before,
    )


def _releases(offered: tuple[str, ...]) -> tuple[tuple[int, int] | None, tuple[int, int] | None]:
    """1.5 gave each handling an ALPN of its own (cluster.go of the tags)."""
    if any(p.startswith("istio-") for p in offered):
        return _OWN_ALPNS, None
    return (None, _OWN_ALPNS) if "istio" in offered else (None, None)


def _treated_as_http(offered: tuple[str, ...]) -> bool | None:
    if any(p.startswith(_HTTP_ALPNS) for p in offered) or offered == _HTTP2_BEFORE_1_5:
        return True
    return False if _PEER_EXCHANGE in offered else None


def _read(glimpse: Glimpse) -> Iterator[Mark]:
    """The ClientHello of the client's sidecar speaks for that one; the server's is known to be."""
    if glimpse.leg is not Leg.WIRE or glimpse.identified.protocol != "tls":
        return
    facts = glimpse.identified.facts
    found = mesh_tls(facts)
    if found is None:
        return
    offers = f"mutual TLS between the sidecars offers ALPN {', '.join(facts.alpn_offered)}"
    says, why = {
        True: (Says.HTTP, f"{offers}, as HTTP filters do"),
        False: (Says.OPAQUE, f"{offers}, as a TCP proxy does"),
        None: (Says.CANNOT_SAY, "mutual TLS between the sidecars, in a form of both handlings"),
    }[found.http]
    yield _mark(Direction.OUTBOUND, says, why)
    yield _mark(Direction.INBOUND, Says.CANNOT_SAY, "mutual TLS reaches the server's sidecar")


def _mark(about: Direction, says: Says, why: str) -> Mark:
    return Mark(_NAME, about, says, why, by_client=True, at=0, weight=Weight.HANDSHAKE)


FAMILY = Family(_NAME, _read, mesh_tls)
