"""Sentences that several rules share, so that the same fact always reads the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sniffdiag.catalog.services import Edit, EditedField, ServicePort
from sniffdiag.model import Direction
from sniffdiag.observe.conduct import Spread
from sniffdiag.observe.port_observation import PortObservation, ProxyReply, Sighting

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
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


def seconds(spread: Spread) -> str:
    """`0.10 s`, or `0.10 to 0.13 s` where connections differ."""
    least, most = (f"{ns / 1e9:.2f}" for ns in (spread.least_ns, spread.most_ns))
    return f"{least} s" if least == most else f"{least} to {most} s"


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
        if same[0].inferred:
            inside = counted(flows, "connection")
            clauses.append(f"{title} travels inside the mesh's own TLS in {inside}, as ")
            clauses[-1] += same[0].inferred
        elif requests:
            subject = f"{counted(requests, f'{title} request')} in {counted(flows, 'connection')}"
            clauses.append(f"{subject} {'was' if requests == 1 else 'were'} observed")
        else:
            clauses.append(f"{title} was observed in {counted(flows, 'connection')}")
    return ", ".join(clauses)


def port_title(seen: PortObservation) -> str:
    """`port 8080 "tcp-web" of shop/reviews`."""
    declared = seen.declared
    name = f' "{declared.name}"' if declared.name else " (unnamed)"
    return f"port {declared.port}{name if declared.given else ''} of {declared.full_name}"


def mesh_title(seen: PortObservation) -> str:
    """`Istio 1.3.6`."""
    return seen.treated.title


def treats_it_as(seen: PortObservation, directions: list[Direction], as_what: str) -> str:
    """`Istio 1.3.6 treats it as opaque TCP outbound because name "tcp-a" begins with "tcp"`."""
    where = " and ".join(d.value for d in directions)
    because = seen.treated.of(directions[0]).because
    return f"{mesh_title(seen)} treats it as {as_what} {where} because {because}"


def by_whom(replies: tuple[ProxyReply, ...]) -> str:
    """`outbound and inbound`: whose proxies answered."""
    return " and ".join(sorted({reply.by.value for reply in replies}))


def no_answer_it_could_read(
    seen: PortObservation, replies: tuple[ProxyReply, ...], version: str
) -> str:
    """`3 connections to ... were answered 502 by the server's own proxy: it speaks HTTP/2 ...`."""
    flows = sum(reply.flows for reply in replies)
    return (
        f"{counted(flows, 'connection')} to {port_title(seen)} {'was' if flows == 1 else 'were'} "
        f"answered {replies[0].status} by the server's own proxy: it speaks {version} to its "
        f'application and met a "{replies[0].text}"'
    )


def history(port: ServicePort) -> str:
    """`it was "http-web" until 2026-11-22T22:49:46Z, when manager tke-apiserver renamed it`."""
    return "; ".join(_past(edit) for edit in port.edits)


def time_of_day(at_ns: int) -> str:
    """`22:09:14.205`, in UTC."""
    return f"{_calendar(at_ns):%H:%M:%S.%f}"[:-3]


def _calendar(at_ns: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at_ns // 1000)


def _past(edit: Edit) -> str:
    who = f"manager {edit.manager}" if edit.manager else "somebody"
    when = "" if edit.at_ns is None else f"{_calendar(edit.at_ns):%Y-%m-%dT%H:%M:%SZ}"
    if not edit.before_known:
        at = f" at {when}" if when else ""
        return f"{who}, who did not make the port, set its {edit.field.value}{at}"
    until = f" until {when}, when {who}" if when else f" before {who}"
    named = edit.field is EditedField.NAME
    if edit.before is None:
        return f"it had no {edit.field.value}{until} {'named' if named else 'set'} it"
    was = f'{"it" if named else "its appProtocol"} was "{edit.before}"'
    if edit.after is None:
        return f"{was}{until} removed {'the name' if named else 'it'}"
    return f"{was}{until} {'renamed' if named else 'changed'} it"
