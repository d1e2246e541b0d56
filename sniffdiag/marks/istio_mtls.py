"""Istio's own mutual TLS, told from an application's TLS by what the ClientHello says in clear.

ALPN and SNI forms by version: istio pilot/pkg/networking/core/v1alpha3/cluster.go (`istio`,
`istio-peer-exchange`, `istio-http/1.1`, `istio-h2`) and model/service.go (`BuildDNSSrvSubsetKey`,
`outbound_.PORT_.SUBSET_.HOST`; before 1.1 `outbound|PORT|SUBSET|HOST`). Certificates name SPIFFE
identities (TLS 1.2 and below show them). Says nothing about Services or rules.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sniffdiag.identify.verdict import Facts

_SNI = re.compile(r"^outbound(?:_\.(\d{1,5})_\.([^|]*?)_\.|\|(\d{1,5})\|([^|]*)\|)(.+)$")
_PEER_EXCHANGE = "istio-peer-exchange"
_HTTP_ALPNS = ("istio-http/", "istio-h2")


@dataclass(frozen=True, slots=True)
class MeshTls:
    """A connection between two sidecars, as far as its ClientHello tells."""

    service_port: int | None = None
    """Port of the Service (not the targetPort) that the SNI names."""
    host: str | None = None
    """Host of the Service that the SNI names: `reviews.default.svc.cluster.local`."""
    http: bool | None = None
    """True: the client's sidecar handled it as HTTP; False: as TCP; None: this form cannot say."""


def mesh_tls(facts: Facts) -> MeshTls | None:
    """The mesh's own TLS behind these facts of a TLS flow, or None for an application's TLS."""
    named = _SNI.match(facts.sni or "")
    istio_alpn = any(p == "istio" or p.startswith("istio-") for p in facts.alpn_offered)
    spiffe = any(name.startswith("spiffe://") for name in facts.tls_peer_names)
    if not (named or istio_alpn or spiffe):
        return None
    port = int(named[1] or named[3]) if named else None
    return MeshTls(port, named[5] if named else None, _treated_as_http(facts.alpn_offered))


def _treated_as_http(offered: tuple[str, ...]) -> bool | None:
    if any(p.startswith(_HTTP_ALPNS) for p in offered):
        return True
    return False if _PEER_EXCHANGE in offered else None
