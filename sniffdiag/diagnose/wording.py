"""Sentences that several rules share, so that the same fact always reads the same."""

from __future__ import annotations

from sniffdiag.diagnose.handling import Direction, treatment
from sniffdiag.observe.port_observation import PortObservation, Sighting

_TITLES = {
    "http": "HTTP/1.1",
    "http2": "HTTP/2",
    "grpc": "gRPC",
    "grpc-web": "gRPC-Web",
    "websocket": "WebSocket",
    "tls": "TLS",
    "tcp": "unidentified TCP payload",
}


def counted(number: int, noun: str) -> str:
    """`1 connection`, `1,204 requests`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def protocol_title(sighting: Sighting) -> str:
    """The protocol as a person writes it."""
    if sighting.shape.http_1_0:
        return "HTTP/1.0"
    if sighting.was_http2:
        what = "gRPC" if sighting.shape.grpc_over_http1 else "HTTP/2"
        return f"{what} turned into HTTP/1.1"
    return _TITLES.get(sighting.protocol, sighting.protocol)


def was_observed(sightings: tuple[Sighting, ...]) -> str:
    """`1,204 HTTP/1.1 requests were observed in 37 connections`, one clause a protocol."""
    clauses = []
    for title in dict.fromkeys(protocol_title(s) for s in sightings):
        same = [s for s in sightings if protocol_title(s) == title]
        flows, requests = sum(s.flows for s in same), sum(s.requests for s in same)
        if requests:
            subject = f"{counted(requests, f'{title} request')} in {counted(flows, 'connection')}"
            clauses.append(f"{subject} {'was' if requests == 1 else 'were'} observed")
        else:
            clauses.append(f"{title} was observed in {counted(flows, 'connection')}")
    return ", ".join(clauses)


def port_title(seen: PortObservation) -> str:
    """`port 8080 "tcp-web"`."""
    name = f' "{seen.declared.name}"' if seen.declared.name else " (unnamed)"
    return f"port {seen.declared.port}{name}"


def mesh_title(seen: PortObservation) -> str:
    """`Istio 1.3.6`."""
    return seen.treated.title


def treats_it_as(seen: PortObservation, directions: list[Direction], as_what: str) -> str:
    """`Istio 1.3.6 treats it as opaque TCP outbound because name "tcp-a" begins with "tcp"`."""
    where = " and ".join(d.value for d in directions)
    because = treatment(seen.treated, directions[0]).because
    return f"{mesh_title(seen)} treats it as {as_what} {where} because {because}"
