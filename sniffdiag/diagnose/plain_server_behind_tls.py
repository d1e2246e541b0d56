"""A server that answers a TLS handshake in plain HTTP.

## What it sees

ClientHellos that the server itself (no proxy in its place) answered with an `HTTP/1.` status line,
on a port that the mesh does not read as HTTP.

## Why it matters

Whoever starts TLS here, an application or a proxy that reads `https` in the declaration, fails with
"wrong version number" or `503`. The server speaks plain HTTP on this port.

## Example

TLS moved from the application to the ingress, and the port behind it is still named `https-web`:
Traefik goes on to start TLS to it.

## How to fix

Declare the port as what the server speaks, and let clients use http; or switch TLS on in the
server.

## When it is wrong

When one client tried https by mistake; below 5 % of the connections nothing is reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sniffdiag.diagnose.finding import Finding
from sniffdiag.diagnose.fixes import declare_protocol
from sniffdiag.diagnose.handling import HTTP_TREATMENTS, declares_tls, offenders
from sniffdiag.diagnose.rule import ENOUGH, Rule
from sniffdiag.diagnose.wording import counted, port_title
from sniffdiag.model import HTTP1_PROTOCOLS, PortVerdict, Severity
from sniffdiag.observe.port_observation import PortObservation


def check(seen: PortObservation) -> Iterator[Finding]:
    """TLS clients that meet plain HTTP."""
    tls = tuple(s for s in seen.sightings if s.protocol == "tls")
    refused = tuple(s for s in tls if s.shape.answered in HTTP1_PROTOCOLS)
    by_proxy = any(reply.status for reply in seen.replies)
    if not refused or by_proxy or list(offenders(seen, HTTP_TREATMENTS, tls)):
        return
    if seen.share(refused) < ENOUGH:
        return
    declared_tls = declares_tls(seen.treated.outbound)
    flows = sum(s.flows for s in refused)
    declared = f", which is declared {seen.treated.token}," if declared_tls else ""
    message = (
        f"{counted(flows, 'TLS handshake')} on {port_title(seen)}"
        f"{declared} {'was' if flows == 1 else 'were'} answered in plain HTTP: the server speaks "
        "no TLS here (not seen: a proxy that answered in its place)"
    )
    found = RULE.finding(seen, message, sightings=refused, fix=declare_protocol(seen, "http"))
    if declared_tls:
        yield found
    else:  # the declaration is not what leads clients astray
        yield replace(found, severity=Severity.WARNING, verdict=PortVerdict.AT_RISK, fix=None)


RULE = Rule(
    id="SD110",
    name="plain-server-behind-tls",
    severity=Severity.ERROR,
    verdict=PortVerdict.MISMATCH,
    summary="A server answers TLS handshakes in plain HTTP",
    check=check,
)
