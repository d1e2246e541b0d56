"""A server that speaks TLS only, on a port that the mesh treats as HTTP.

## What it sees

Plain HTTP requests that were answered by a TLS alert, on a port with HTTP filters.

## Why it matters

The proxies read and send plain HTTP, and the server wants TLS: every request fails, most often as
`503` with "connection termination" or "protocol error".

## Example

Jetty with TLS on 8443 behind a port named `http-admin`.

## How to fix

Declare the port `https`, so that the client's own TLS is passed through; or let the mesh start TLS
to the server (Istio: a DestinationRule with `tls.mode: SIMPLE`).

## When it is wrong

When one client forgot the `https://`; below 5 % of the connections nothing is reported.
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
    """HTTP that meets TLS."""
    refused = tuple(s for s in seen.sightings if s.is_http and s.shape.answered == "tls")
    hits = list(offenders(seen, HTTP_TREATMENTS, refused))
    if not hits or seen.share(refused) < ENOUGH:
        return
    treats = treats_it_as(seen, [d for d, _ in hits], "HTTP")
    message = (
        f"{was_observed(refused)} on {port_title(seen)} and answered "
        f"by TLS: the server speaks nothing else; {treats}"
    )
    yield RULE.finding(seen, message, sightings=refused, fix=declare_protocol(seen, "tls"))


RULE = Rule(
    id="SD117",
    name="tls-server-on-http-port",
    severity=Severity.ERROR,
    verdict=PortVerdict.MISMATCH,
    summary="A server that speaks only TLS on a port treated as HTTP",
    check=check,
)
