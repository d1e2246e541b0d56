"""What a treatment comes to for the bytes that were observed: sniffing settled per connection."""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.mesh.treated import Cause, DirectionTreatment, Treated
from sniffdiag.model import HTTP2_PROTOCOLS, HTTP_FAMILY, Direction, Treatment
from sniffdiag.observe.port_observation import PortObservation, ProxyReply, Shape, Sighting

HTTP_TREATMENTS = frozenset({Treatment.HTTP, Treatment.HTTP2})
NOBODY_TO_BLAME = frozenset({Cause.NO_MESH, Cause.LAYER_4})
"""No declaration of the port changes how it is handled."""
_TLS_WORDS = frozenset({"https", "tls"})


def declares_tls(treated: DirectionTreatment) -> bool:
    """By its own word, or because the proxy starts TLS itself."""
    return treated.token in _TLS_WORDS or treated.as_ is Treatment.TLS


def handled_as(treated: Treated, direction: Direction, shape: Shape) -> Treatment:
    """How a proxy that is treated so handles a connection of this shape; never SNIFFED."""
    decided = treated.of(direction)
    if decided.cause in NOBODY_TO_BLAME:
        return Treatment.NOT_PROXIED
    if decided.as_ is Treatment.SNIFFED:
        return _sniffed_as(treated, shape)
    if decided.as_ is Treatment.NOT_PROXIED:
        return Treatment.OPAQUE  # no listener of its own: passed through as TCP
    if treated.follows_client and decided.as_ in HTTP_TREATMENTS and shape.protocol in HTTP_FAMILY:
        return Treatment.HTTP2 if shape.protocol in HTTP2_PROTOCOLS else Treatment.HTTP
    return decided.as_


def _sniffed_as(treated: Treated, shape: Shape) -> Treatment:
    """Envoy's inspectors look at the first client bytes only (istio-protocol-selection 2.3)."""
    if shape.prelude:
        return Treatment.OPAQUE  # a PROXY protocol header hides the request line
    if shape.protocol == "tls":
        return Treatment.HTTP if treated.alpn_selects_http and shape.alpn_http else Treatment.OPAQUE
    if shape.unusual_method and treated.sniffs_known_methods_only:
        return Treatment.OPAQUE
    return treated.sniffed_as("http/1.0" if shape.http_1_0 else shape.protocol)


def offenders(
    seen: PortObservation, offends: frozenset[Treatment], sightings: tuple[Sighting, ...]
) -> Iterator[tuple[Direction, tuple[Sighting, ...]]]:
    """For each direction, those `sightings` that the proxy handles in one of the `offends` ways."""
    for direction in Direction:
        hit = tuple(s for s in sightings if handled_as(seen.treated, direction, s.shape) in offends)
        if hit:
            yield direction, hit


MOST = 0.5
"""Part of a port's connections that must end so, to be no accident of a server that HTTP fits."""


def unread_answers(seen: PortObservation, treated_as: Treatment) -> tuple[ProxyReply, ...]:
    """Answers of servers' proxies that could make nothing of what the application answered them.

    Where only the leg before the proxy was captured, this alone shows that the application does not
    speak the version of HTTP that the port is treated as.
    """
    if seen.treated.inbound.as_ is not treated_as:
        return ()
    found = tuple(
        reply for reply in seen.replies if reply.flag == "UPE" and reply.by is Direction.INBOUND
    )
    return found if sum(reply.flows for reply in found) > MOST * seen.flows else ()
