"""TLS of the application on a port that the mesh treats as HTTP.

## What it sees

ClientHellos that are not the mesh's own (no Istio ALPN, no `outbound_` SNI) on a port with HTTP
filters.

## Why it matters

The HTTP filters cannot read TLS. Older proxies answer the handshake with a plain-text `HTTP/1.1
400`, which clients report as "wrong version number"; newer ones pass it on without routing or
reset it.

## Example

A web server that terminates TLS itself, on a port named `http-port443`.

## How to fix

Declare the port `https` or `tls`, or let the mesh do the TLS and serve plain HTTP.

## When it is wrong

When a DestinationRule tells the proxy to originate TLS and the capture shows that leg.
"""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.diagnose.finding import Finding
from sniffdiag.diagnose.fixes import declare_protocol
from sniffdiag.diagnose.handling import HTTP_TREATMENTS, offenders
from sniffdiag.diagnose.rule import ENOUGH, Rule
from sniffdiag.diagnose.wording import port_title, treats_it_as, was_observed
from sniffdiag.model import PortVerdict, Severity
from sniffdiag.observe.port_observation import PortObservation


def check(seen: PortObservation) -> Iterator[Finding]:
    """Application TLS that a proxy tries to read as HTTP."""
    tls = tuple(s for s in seen.sightings if s.protocol == "tls")
    hits = list(offenders(seen, HTTP_TREATMENTS, tls))
    if not hits or seen.share(tls) < ENOUGH:
        return
    treats = treats_it_as(seen, [d for d, _ in hits], "HTTP")
    refused = any(s.shape.answered == "http" for s in tls)
    answer = ", and ClientHellos were answered in plain HTTP" if refused else ""
    message = f"the application's own {was_observed(tls)} on {port_title(seen)}{answer}; {treats}"
    yield RULE.finding(seen, message, sightings=tls, fix=declare_protocol(seen, "tls"))


RULE = Rule(
    id="SD104",
    name="tls-on-http-port",
    severity=Severity.ERROR,
    verdict=PortVerdict.MISMATCH,
    summary="The application's own TLS observed on a port treated as HTTP",
    check=check,
)
