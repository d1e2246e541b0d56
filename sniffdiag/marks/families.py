"""All families of marks. One line a family."""

from __future__ import annotations

from sniffdiag.identify.verdict import Facts
from sniffdiag.marks import (
    envoy_http,
    envoy_replies,
    http2_endings,
    istio_mtls,
    linkerd,
    other_meshes,
    passed_through,
)
from sniffdiag.marks.mark import Family, Glimpse, Mark, MeshTls

FAMILIES: tuple[Family, ...] = (
    istio_mtls.FAMILY,
    envoy_replies.FAMILY,
    passed_through.FAMILY,
    envoy_http.FAMILY,
    linkerd.FAMILY,
    other_meshes.FAMILY,
    http2_endings.FAMILY,
)


def read_marks(glimpse: Glimpse) -> tuple[Mark, ...]:
    """Every mark that any family reads in a connection."""
    return tuple(mark for family in FAMILIES for mark in family.read(glimpse))


def mesh_tls(facts: Facts) -> MeshTls | None:
    """The mesh's own TLS behind the facts of a TLS flow, None for an application's TLS."""
    for family in FAMILIES:
        found = family.mesh_tls(facts)
        if found is not None:
            return found
    return None
