"""Linkerd's proxy answers 404 "no route found" in the server's place.

## What it sees

HTTP requests that a Linkerd proxy itself answered 404, marked with `l5d-proxy-error`.

## Why it matters

The server's proxy holds the port for opaque: a transport header announces bytes that are not to be
read, and HTTP that arrives otherwise finds no route. Pods and clients then disagree about the
port: an annotation on the Service that the workload's Pods lack, or the other way round.

## Example

`config.linkerd.io/opaque-ports: "8080"` on the Pods of a web server: every request through the mesh
is a 404 that no application wrote.

## How to fix

Take the port off the lists of opaque ports of the Service, of its Namespace and of the Pods.

## When it is wrong

When an HTTPRoute exists and none of its rules matches: then the 404 is the route's.
"""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.diagnose.finding import Finding
from sniffdiag.diagnose.fixes import declare_protocol
from sniffdiag.diagnose.rule import Rule
from sniffdiag.diagnose.wording import by_whom, counted, port_title
from sniffdiag.model import PortVerdict, Severity
from sniffdiag.observe.port_observation import PortObservation

_FLAG, _NOT_FOUND = "l5d-proxy-error", 404


def check(seen: PortObservation) -> Iterator[Finding]:
    """404 with l5d-proxy-error."""
    found = tuple(r for r in seen.replies if r.flag == _FLAG and r.status == _NOT_FOUND)
    if not found:
        return
    message = (
        f"{counted(sum(reply.flows for reply in found), 'connection')} to {port_title(seen)} "
        f"got a 404 with l5d-proxy-error from the {by_whom(found)} Linkerd proxy "
        "itself: it holds the port for opaque while its client speaks HTTP to it (not seen: the "
        "annotations of the running Pods, and whether a route of theirs matched nothing)"
    )
    yield RULE.finding(seen, message, sightings=found, fix=declare_protocol(seen, "http"))


RULE = Rule(
    id="SD116",
    name="no-route-found",
    severity=Severity.ERROR,
    verdict=PortVerdict.MISMATCH,
    summary="A Linkerd proxy answers HTTP with 404, no route found",
    check=check,
)
