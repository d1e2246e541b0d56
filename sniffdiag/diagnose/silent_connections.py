"""Accepted connections on which nobody says a word, in front of a proxy that waits for the client.

## What it sees

On a port that the mesh sniffs or treats as HTTP, connections that were accepted and then stayed
without a byte from either side for two seconds or more, until somebody gave up or the capture
ended; and no client of the port that spoke first. Not of a proxy that the capture shows to
pass bytes on unread, as by connecting to a pod before its client speaks: it waits for nothing.

## Why it matters

That is what a protocol whose server speaks first (MySQL, SMTP, NATS ...) looks like behind such a
proxy: the proxy waits for the client's first bytes before it connects to the server, the client
waits for the server's greeting. Clients hang without an error and the server's log is empty.

## Example

A MySQL server on port 13306 without a name under Istio 1.20: every client hangs until its own
timeout.

## How to fix

Declare the port `tcp` (or what your mesh calls opaque), or by the protocol's own word.

## When it is wrong

When the connections are idle on purpose: a pool that opens them ahead of need. A capture of the
server's own side settles it: behind a waiting proxy no connection arrives there at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sniffdiag.diagnose.finding import Finding
from sniffdiag.diagnose.fixes import declare_protocol
from sniffdiag.diagnose.handling import HTTP_TREATMENTS
from sniffdiag.diagnose.rule import Rule
from sniffdiag.diagnose.wording import counted, mesh_title, port_title
from sniffdiag.model import Leg, PortVerdict, Severity, Shown, Treatment
from sniffdiag.observe.port_observation import PortObservation

_OWN_LEG, _ELSEWHERE = 0.8, 0.5
"""How likely it is the proxy that waits, by whether the silence was seen on its own leg."""
_WAITING = HTTP_TREATMENTS | {Treatment.SNIFFED}


def check(seen: PortObservation) -> Iterator[Finding]:
    """Silence where the mesh waits for client bytes."""
    silent = seen.conduct.silent
    waits = seen.treated.directions(*_WAITING)
    waits = [way for way in waits if seen.shown.of(way).as_ is not Shown.OPAQUE]
    spoken = any(not s.shape.server_first for s in seen.sightings)
    if not silent.flows or not waits or spoken or seen.mesh_mtls_flows:
        return
    how = seen.treated.of(waits[0])
    does = "sniffs it" if how.as_ is Treatment.SNIFFED else "reads it as HTTP"
    own_leg = any(e.leg is Leg.APP_TO_PROXY for e in silent.exemplars)
    whom = "the client's own sidecar" if own_leg else "the other side"
    message = (
        f"{counted(silent.flows, 'connection')} to {port_title(seen)} "
        f"stayed silent for seconds after {whom} had accepted, without "
        f"a byte from either side; {mesh_title(seen)} {does} {' and '.join(waits)} and waits for "
        "client bytes, so a server that speaks first is never reached (not seen: what the server "
        "would say; whether connections arrive there would settle it)"
    )
    found = RULE.finding(seen, message, sightings=(silent,), fix=declare_protocol(seen, "tcp"))
    yield replace(found, confidence=_OWN_LEG if own_leg else _ELSEWHERE)


RULE = Rule(
    id="SD112",
    name="silent-connections",
    severity=Severity.WARNING,
    verdict=PortVerdict.AT_RISK,
    summary="Nobody speaks on accepted connections of a port whose proxy waits for the client",
    check=check,
    yields_to=("server-first-on-sniffed-port", "opaque-on-http-port"),
)
