"""An ExternalName Service whose port is not declared as HTTP or TLS.

## What it sees

A Service of type ExternalName with a port that the mesh treats as opaque TCP because its name says
`tcp` or nothing.

## Why it matters

An ExternalName has no address of its own. A sidecar can tell its traffic apart by the HTTP host or
by the SNI of TLS; for opaque TCP nothing is left but the port number, so the listener may catch the
connections of every Service on that number (`istioctl analyze` calls it IST0150).

## Example

`legacy-db`, an ExternalName for a database outside, with port 443 named `tcp-443`: TLS to other
hosts on 443 ends up at the database.

## How to fix

Declare the port by what it speaks, `https` or `http`, where that is true; else use a ServiceEntry
with addresses.

## When it is wrong

When no other Service uses the port number.
"""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.diagnose.finding import Finding, Fix
from sniffdiag.diagnose.handling import NOBODY_TO_BLAME, declares_tls
from sniffdiag.diagnose.rule import Rule
from sniffdiag.diagnose.wording import mesh_title, port_title
from sniffdiag.model import PortVerdict, Severity, Treatment
from sniffdiag.observe.port_observation import PortObservation

_FIX = Fix("Declare the port https, tls or http if it is; else use a ServiceEntry with addresses.")


def check(seen: PortObservation) -> Iterator[Finding]:
    """Opaque TCP towards a name."""
    outbound = seen.treated.outbound
    if not seen.declared.external_name or outbound.as_ is not Treatment.OPAQUE:
        return
    if outbound.cause in NOBODY_TO_BLAME or declares_tls(outbound):
        return
    message = (
        f"{port_title(seen)} is opaque TCP to {mesh_title(seen)}, "
        "and an ExternalName has no address: its listener can only go by the port number and may "
        "catch other Services' connections"
    )
    yield RULE.finding(seen, message, fix=_FIX)


RULE = Rule(
    id="SD204",
    name="external-name-without-http",
    severity=Severity.INFO,
    verdict=PortVerdict.NO_TRAFFIC,
    summary="An ExternalName Service with a port that the mesh treats as opaque TCP",
    check=check,
)
