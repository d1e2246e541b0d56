"""Bytes that are not HTTP on a port that the mesh treats as HTTP.

## What it sees

Clients of another protocol (MySQL, Redis, a protocol of your own ...) on a port with HTTP
filters.

## Why it matters

The proxy answers `400 Bad Request` in the server's place, or waits for a request that never comes
while the server waits to speak first. The server's logs show nothing.

## Example

Gossip traffic of a cluster on a port named `http-memberlist`: the ring stays empty.

## How to fix

Declare the port `tcp`, or by the protocol's own word where the mesh knows one.

## When it is wrong

When only stray clients (port scanners, health checks) speak another protocol; below 5 % of the
connections nothing is reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.diagnose.finding import Finding
from sniffdiag.diagnose.fixes import declare_as
from sniffdiag.diagnose.handling import HTTP_TREATMENTS, offenders
from sniffdiag.diagnose.rule import ENOUGH, Rule
from sniffdiag.diagnose.wording import port_title, treats_it_as, was_observed
from sniffdiag.model import PortVerdict, Severity
from sniffdiag.observe.port_observation import PortObservation


def check(seen: PortObservation) -> Iterator[Finding]:
    """Another protocol behind HTTP filters."""
    other = tuple(s for s in seen.sightings if not s.is_http and s.protocol != "tls")
    hits = list(offenders(seen, HTTP_TREATMENTS, other))
    if not hits or seen.share(other) < ENOUGH:
        return
    treats = treats_it_as(seen, [d for d, _ in hits], "HTTP")
    refused = any(s.shape.answered == "http" for s in other)
    answer = ", and it was answered with HTTP" if refused else ""
    message = f"{was_observed(other)} on {port_title(seen)}{answer}; {treats}"
    yield RULE.finding(seen, message, sightings=other, fix=declare_as(seen, other[0]))


RULE = Rule(
    id="SD106",
    name="opaque-on-http-port",
    severity=Severity.ERROR,
    verdict=PortVerdict.MISMATCH,
    summary="Another protocol than HTTP observed on a port treated as HTTP",
    check=check,
)
