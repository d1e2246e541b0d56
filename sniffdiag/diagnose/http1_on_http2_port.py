"""HTTP/1 on a port that the mesh treats as HTTP/2.

## What it sees

HTTP/1.x requests on a port declared `http2`, `grpc` or the like; or, where only the far side of a
proxy was captured, an HTTP/2 preface that the server answers in HTTP/1.1; or, between the proxies,
HTTP/2 that the server's proxy answers in its own words with "protocol error", since its
application's answer was no HTTP/2 (a warning: what it was is not seen).

## Why it matters

The proxy makes its upstream connections with HTTP/2. A server that speaks only HTTP/1 receives
`PRI * HTTP/2.0` and answers 400 or closes; clients see 502 or 503.

## Example

A JSON API moved to a port that had been named `grpc-api`.

## How to fix

Declare the port `http`.

## When it is wrong

When the server speaks both. gRPC-Web on a port declared `grpc-web` is not counted.
"""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.diagnose.finding import Finding
from sniffdiag.diagnose.fixes import declare_protocol
from sniffdiag.diagnose.handling import offenders, unread_answers
from sniffdiag.diagnose.rule import ENOUGH, Rule
from sniffdiag.diagnose.wording import (
    no_answer_it_could_read,
    port_title,
    treats_it_as,
    was_observed,
)
from sniffdiag.model import HTTP1_PROTOCOLS, PortVerdict, Severity, Treatment
from sniffdiag.observe.port_observation import PortObservation, Sighting


def check(seen: PortObservation) -> Iterator[Finding]:
    """HTTP/1 clients, or an HTTP/1 server, behind a proxy that speaks HTTP/2 upstream."""
    http1 = tuple(s for s in seen.sightings if s.is_http1 or _refused_http2(s))
    sent_as_http2 = tuple(
        (direction, hit)
        for direction, hit in offenders(seen, frozenset({Treatment.HTTP2}), http1)
        if _declared_http2(seen)
    )
    if not sent_as_http2 or seen.share(http1) < ENOUGH:
        yield from _unread(seen)
        return
    answered = " and answered in HTTP/1.1" if all(_refused_http2(s) for s in http1) else ""
    treats = treats_it_as(seen, [d for d, _ in sent_as_http2], "HTTP/2")
    message = (
        f"{was_observed(http1)}{answered} on {port_title(seen)}; {treats}, so {_comes_of_it(seen)}"
    )
    yield RULE.finding(seen, message, sightings=http1, fix=declare_protocol(seen, "http"))


def _unread(seen: PortObservation) -> Iterator[Finding]:
    """The server's proxy spoke HTTP/2 and was answered something else."""
    replies = unread_answers(seen, Treatment.HTTP2)
    if replies:
        message = (
            f"{no_answer_it_could_read(seen, replies, 'HTTP/2')}, as a server does that speaks "
            "HTTP/1 only (not seen: its answer; a capture on lo of its pod would settle it)"
        )
        yield RULE.finding(
            seen,
            message,
            sightings=replies,
            fix=declare_protocol(seen, "http"),
            severity=Severity.WARNING,
        )


def _comes_of_it(seen: PortObservation) -> str:
    if seen.treated.pins_http_version:
        return "it refuses HTTP/1"
    return "its upstream connections speak HTTP/2"


def _refused_http2(sighting: Sighting) -> bool:
    return sighting.is_http2 and sighting.shape.answered in HTTP1_PROTOCOLS


def _declared_http2(seen: PortObservation) -> bool:
    """A sniffing proxy that speaks HTTP/2 upstream does so because its client did."""
    return Treatment.HTTP2 in (seen.treated.outbound.as_, seen.treated.inbound.as_)


RULE = Rule(
    id="SD103",
    name="http1-on-http2-port",
    severity=Severity.ERROR,
    verdict=PortVerdict.MISMATCH,
    summary="HTTP/1 observed on a port treated as HTTP/2",
    check=check,
)
