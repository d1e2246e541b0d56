"""HTTP/2 or gRPC on a port that the mesh treats as HTTP/1.

## What it sees

Clients open with the HTTP/2 preface (or gRPC calls arrive as HTTP/1.1 requests, already turned by
a proxy) on a port whose upstream connections the mesh makes with HTTP/1.1. Or, between the proxies,
HTTP/1.1 that the server's proxy answers in its own words with "protocol error", since its
application's answer was no HTTP/1 (a warning: what it was is not seen).

## Why it matters

The proxy accepts HTTP/2 and sends it on as HTTP/1.1 (Linkerd's refuses it). gRPC needs HTTP/2 end
to end: calls fail with "protocol error", 502 or a log line such as `Unexpected HTTP/1.x request:
POST /pkg.Service/Method`.

## Example

A gRPC server behind a port named `http-api`. From inside the pod everything works; through the
mesh every call fails.

## How to fix

Declare the port `grpc` or `http2`.

## When it is wrong

When the server really wants HTTP/1.1 and only the clients speak HTTP/2 (prior knowledge); plain
HTTP/2 then works, and a DestinationRule may even ask for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.diagnose.finding import Finding
from sniffdiag.diagnose.fixes import declare_as, declare_protocol
from sniffdiag.diagnose.handling import offenders, unread_answers
from sniffdiag.diagnose.rule import ENOUGH, Rule
from sniffdiag.diagnose.wording import (
    no_answer_it_could_read,
    port_title,
    treats_it_as,
    was_observed,
)
from sniffdiag.model import PortVerdict, Severity, Treatment
from sniffdiag.observe.port_observation import PortObservation


def check(seen: PortObservation) -> Iterator[Finding]:
    """HTTP/2 that a proxy sends on as HTTP/1."""
    http2 = tuple(s for s in seen.sightings if s.is_http2)
    hits = list(offenders(seen, frozenset({Treatment.HTTP}), http2))
    if not hits or seen.share(http2) < ENOUGH:
        yield from _unread(seen)
        return
    treats = treats_it_as(seen, [d for d, _ in hits], "HTTP/1")
    message = f"{was_observed(http2)} on {port_title(seen)}; {treats}, so {_comes_of_it(seen)}"
    yield RULE.finding(seen, message, sightings=http2, fix=declare_as(seen, http2[0]))


def _unread(seen: PortObservation) -> Iterator[Finding]:
    """The server's proxy spoke HTTP/1 and was answered something else."""
    replies = unread_answers(seen, Treatment.HTTP)
    if replies and not any(s.shape.answered for s in seen.sightings):
        message = (
            f"{no_answer_it_could_read(seen, replies, 'HTTP/1')}, as a server does that speaks "
            "HTTP/2 only (not seen: its answer; a capture on lo of its pod would settle it)"
        )
        yield RULE.finding(
            seen,
            message,
            sightings=replies,
            fix=declare_protocol(seen, "http2"),
            severity=Severity.WARNING,
        )


def _comes_of_it(seen: PortObservation) -> str:
    if seen.treated.pins_http_version:
        return "it refuses HTTP/2"
    return "its upstream connections speak HTTP/1.1"


RULE = Rule(
    id="SD102",
    name="http2-on-http1-port",
    severity=Severity.ERROR,
    verdict=PortVerdict.MISMATCH,
    summary="HTTP/2 or gRPC observed on a port treated as HTTP/1",
    check=check,
)
