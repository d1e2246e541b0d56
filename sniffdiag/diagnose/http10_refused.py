"""HTTP/1.0 clients are refused by a proxy's HTTP filters.

## What it sees

Requests of HTTP/1.0 that a proxy itself answered with `426 Upgrade Required`.

## Why it matters

Envoy does not serve HTTP/1.0 unless it is told to. The server never sees the request. Behind nginx,
whose `proxy_pass` speaks HTTP/1.0 by default, or `ab` and old health checks, the whole Service
looks dead while `curl` works.

## Example

An nginx in front of a port named `http-web`: every page is a 426.

## How to fix

Let the client speak HTTP/1.1 (nginx: `proxy_http_version 1.1;`), or let the proxies accept it
(Istio: `PILOT_HTTP10=1` on istiod).

## When it is wrong

Never about the refusal: it is quoted. Whether more clients are concerned, the capture cannot say.
"""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.diagnose.finding import Finding, Fix
from sniffdiag.diagnose.rule import Rule
from sniffdiag.diagnose.wording import by_whom, counted, mesh_title, port_title
from sniffdiag.model import PortVerdict, Severity
from sniffdiag.observe.port_observation import PortObservation

_FLAG = "low_version"
_FIX = Fix(
    "Let the client speak HTTP/1.1 (nginx: proxy_http_version 1.1;), or let the mesh accept "
    "HTTP/1.0 (Istio: PILOT_HTTP10=1 on istiod).",
    traps=("whatever the proxies accept, HTTP/1.0 has no keep-alive and no chunked answers",),
)


def check(seen: PortObservation) -> Iterator[Finding]:
    """426 by a proxy in answer to HTTP/1.0."""
    refused = tuple(reply for reply in seen.replies if reply.flag == _FLAG)
    if not refused:
        return
    flows = sum(reply.flows for reply in refused)
    message = (
        f"{counted(flows, 'HTTP/1.0 connection')} to {port_title(seen)} "
        f"{'was' if flows == 1 else 'were'} answered 426 by the {by_whom(refused)} "
        f"proxy itself: HTTP filters of {mesh_title(seen)} do not serve HTTP/1.0 unless told to"
    )
    yield RULE.finding(seen, message, sightings=refused, fix=_FIX)


RULE = Rule(
    id="SD114",
    name="http10-refused",
    severity=Severity.ERROR,
    verdict=PortVerdict.MISMATCH,
    summary="A proxy answers HTTP/1.0 requests with 426 Upgrade Required",
    check=check,
)
