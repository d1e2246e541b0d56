"""A PROXY protocol header in front of the bytes of a port that the mesh treats as HTTP.

## What it sees

Connections that begin with a PROXY protocol header (version 1 text or version 2 binary) on a port
with HTTP filters.

## Why it matters

A listener that does not expect the header answers 400: to HTTP filters `PROXY TCP4 ...` is a
broken request.

## Example

PROXY protocol was switched on at the cloud load balancer to keep client addresses.

## How to fix

Switch it off at the load balancer, or teach the proxy's listener to read it. Declaring the port
`tcp` passes the header on to the server, which then has to read it.

## When it is wrong

When the listener was taught to read the header (an EnvoyFilter); requests are then answered
normally.
"""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.diagnose.finding import Finding, Fix
from sniffdiag.diagnose.handling import HTTP_TREATMENTS
from sniffdiag.diagnose.rule import ENOUGH, Rule
from sniffdiag.diagnose.wording import counted, port_title, treats_it_as
from sniffdiag.model import PortVerdict, Severity
from sniffdiag.observe.port_observation import PortObservation

_FIX = Fix(
    "Switch the PROXY protocol off at the load balancer in front, or configure the proxy's "
    "listener to read it.",
    traps=("without the header, applications see the load balancer's address as the client's",),
)


def check(seen: PortObservation) -> Iterator[Finding]:
    """PROXY headers that HTTP filters read as a request."""
    behind = tuple(s for s in seen.sightings if s.shape.prelude)
    read = seen.treated.directions(*HTTP_TREATMENTS)
    if not behind or not read or seen.share(behind) < ENOUGH:
        return
    flows = sum(s.flows for s in behind)
    message = (
        f"{counted(flows, 'connection')} to {port_title(seen)} "
        f"{'begins' if flows == 1 else 'begin'} with a PROXY protocol header; "
        f"{treats_it_as(seen, read, 'HTTP')}"
    )
    yield RULE.finding(seen, message, sightings=behind, fix=_FIX)


RULE = Rule(
    id="SD107",
    name="proxy-protocol-on-http-port",
    severity=Severity.ERROR,
    verdict=PortVerdict.MISMATCH,
    summary="PROXY protocol header observed on a port treated as HTTP",
    check=check,
)
