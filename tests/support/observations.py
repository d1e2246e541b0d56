"""Builders of `PortObservation`s, so that a rule's test lists only the facts that matter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sniffdiag.catalog.services import Edit, EditedField, ServicePort
from sniffdiag.mesh.policy import load_policy
from sniffdiag.mesh.treat import treated
from sniffdiag.model import Direction, Endpoint, Leg
from sniffdiag.observe.conduct import Happened
from sniffdiag.observe.port_observation import (
    Exemplar,
    PortObservation,
    ProxyReply,
    Shape,
    Sighting,
)

CLIENT = Endpoint("10.244.1.10", 40312)
SERVER = Endpoint("10.96.0.50", 8080)


def port(name: str = "http-web", number: int = 8080, **more: Any) -> ServicePort:
    """A declared port of shop/reviews."""
    return ServicePort("shop", "reviews", number, name, **more)


def renamed_from(before: str | None, after: str | None = "tcp-9080-8080", **more: Any) -> Edit:
    """That a cloud console gave the port its name on 2026-11-22 at 22:09:14."""
    owner: dict[str, Any] = {"manager": "tke-apiserver", "at_ns": 1_795_385_354_000_000_000}
    return Edit(more.pop("field", EditedField.NAME), before, after, **(owner | more))


def happened(flows: int = 3, leg: Leg = Leg.WIRE) -> Happened:
    """Connections that went one way, with one exemplar."""
    return Happened(flows, (Exemplar(4, 1_700_000_000_000_000_000, CLIENT, SERVER, leg, "SYN"),))


def replied(flag: str, status: int, by: Direction = Direction.OUTBOUND) -> ProxyReply:
    """Two answers that a proxy made itself."""
    return ProxyReply(status, flag, "", by, 2, happened().exemplars)


def sighting(protocol: str, flows: int = 3, **shape: Any) -> Sighting:
    """Connections of one shape, with one exemplar."""
    requests = flows if protocol == "http" else 0
    exemplar = Exemplar(7, 1_700_000_000_000_000_000, CLIENT, SERVER, Leg.WIRE, "GET / HTTP/1.1")
    return Sighting(
        Shape(protocol, **shape),
        flows,
        requests,
        confidence=1.0,
        exemplars=(exemplar,),
    )


def seen(
    declared: ServicePort,
    version: str,
    *sightings: Sighting,
    mesh: str = "istio",
    **more: Any,
) -> PortObservation:
    """A port as the mesh at `version` treats it, with what was observed on it."""
    policy = load_policy(mesh).at(version)
    return PortObservation(
        declared,
        treated(policy, declared),
        sightings=sightings,
        **more,
    )


def inferred(protocol: str, confidence: float, flows: int = 3) -> Sighting:
    """Connections of the mesh's own TLS in which something was not read but inferred."""
    return replace(sighting(protocol, flows), confidence=confidence, inferred="sizes tell")
