"""HTTP on an undeclared port that works only because this mesh version sniffs it.

## What it sees

HTTP on a port without a recognised declaration, which the mesh treats right because it looks at
the first bytes.

## Why it matters

It works today. On an older version, behind a gateway (gateways do not sniff) or with sniffing
switched off the same port is opaque TCP.

## Example

Port `web` under Istio 1.20; the same manifest on a cluster with Istio 1.2 loses its routes.

## How to fix

Declare the port, so that nothing depends on sniffing.

## When it is wrong

It is information, not a fault. Meshes that are meant to sniff, such as Linkerd, are left alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.diagnose.finding import Finding
from sniffdiag.diagnose.fixes import declare_as
from sniffdiag.diagnose.handling import HTTP_TREATMENTS, handled_as
from sniffdiag.diagnose.rule import ENOUGH, Rule
from sniffdiag.diagnose.wording import mesh_title, port_title, was_observed
from sniffdiag.model import Direction, PortVerdict, Severity, Treatment
from sniffdiag.observe.port_observation import PortObservation


def check(seen: PortObservation) -> Iterator[Finding]:
    """HTTP that both directions treat right, at least one of them by sniffing."""
    saved = tuple(
        s
        for s in seen.judged
        if s.is_http
        and all(handled_as(seen.treated, d, s.shape) in HTTP_TREATMENTS for d in Direction)
    )
    if not seen.treated.directions(Treatment.SNIFFED) or seen.treated.sniffs_by_design:
        return
    if not saved or seen.share(saved) < ENOUGH:
        return
    message = (
        f"{was_observed(saved)} on {port_title(seen)}, which "
        f"{mesh_title(seen)} treats right only because it sniffs; {_broken_on(seen)}"
    )
    yield RULE.finding(seen, message, sightings=saved, fix=declare_as(seen, saved[0]))


def _broken_on(seen: PortObservation) -> str:
    if seen.treated.opaque_before:
        return f"{seen.treated.opaque_before} passes it on unread as opaque TCP"
    return "with sniffing switched off it is opaque TCP"


RULE = Rule(
    id="SD109",
    name="saved-by-sniffing",
    severity=Severity.INFO,
    verdict=PortVerdict.OK,
    summary="HTTP on an undeclared port that is treated right only by sniffing",
    check=check,
    yields_to=("http-on-opaque-port",),
)
