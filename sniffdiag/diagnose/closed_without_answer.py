"""HTTP clients whose connection is accepted and then ended without a single byte.

## What it sees

Connections on which a client spoke HTTP and the other side closed or reset, without an answer.

## Why it matters

Proxies do this where an authorization policy with HTTP fields meets a port that they handle as TCP:
the fields can never match, so the connection is denied, without any status code that would tell.
Servers do it that crash, or that speak another protocol and hang up on the first line.

## Example

An AuthorizationPolicy with `methods: ["GET"]` on a port named `tcp-web`: clients see "connection
reset by peer" and the server's log is empty.

## How to fix

Where the port is treated as opaque, declare what it speaks. Else look at the server's log and at
the proxy's access log: `UF`, `UC`, `RBAC` tell who hung up.

## When it is wrong

When clients gave up first, which a capture at the client's side can look like.
"""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.diagnose.finding import Finding
from sniffdiag.diagnose.rule import ENOUGH, Rule
from sniffdiag.diagnose.wording import counted, port_title
from sniffdiag.model import PortVerdict, Severity
from sniffdiag.observe.port_observation import PortObservation


def check(seen: PortObservation) -> Iterator[Finding]:
    """Requests that met a FIN or a RST and nothing else."""
    unserved = seen.conduct.unserved
    if not unserved.flows or unserved.flows < ENOUGH * seen.flows:
        return
    message = (
        f"{counted(unserved.flows, 'connection')} to {port_title(seen)} "
        "on which a client spoke HTTP "
        f"{'was' if unserved.flows == 1 else 'were'} ended without a byte of an answer: by a "
        "policy, or by the server itself (not seen: who; the proxy's access log or a capture "
        "beside the server would settle it)"
    )
    yield RULE.finding(seen, message, sightings=(unserved,))


RULE = Rule(
    id="SD301",
    name="closed-without-answer",
    severity=Severity.INFO,
    verdict=PortVerdict.OK,
    summary="HTTP clients were accepted and hung up on without an answer",
    check=check,
    yields_to=("http-on-opaque-port",),
)
