"""A port that the mesh should pass on unread, and marks that show HTTP filters.

## What it sees

A port whose declaration makes the mesh a TCP proxy, while marks that no application can write (the
ALPN of the mesh's own TLS, bytes that change from one side of a proxy to the other) show that the
proxies of one side handled it as HTTP.

## Why it matters

The proxies have another configuration than the declaration and the version given here lead to. What
works today may break with the next push of configuration, or the report was made for another mesh
version.

## Example

A report for Istio 1.2, in which an unnamed port is opaque, of a cluster that runs 1.20 and sniffs.

## How to fix

Give the version that runs (`--mesh-version`), or look for what else configures the port: an
EnvoyFilter, a ServiceEntry, another Service on the same number.

## When it is wrong

When a gateway with HTTP routes of its own, not a sidecar, is the client.
"""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.diagnose.finding import Finding
from sniffdiag.diagnose.handling import NOBODY_TO_BLAME
from sniffdiag.diagnose.rule import Rule
from sniffdiag.diagnose.wording import mesh_title, port_title
from sniffdiag.model import Direction, PortVerdict, Severity, Shown, Treatment
from sniffdiag.observe.port_observation import PortObservation


def check(seen: PortObservation) -> Iterator[Finding]:
    """Treated as opaque, surely shown as HTTP."""
    for direction in Direction:
        decided, shown = seen.treated.of(direction), seen.shown.of(direction)
        if decided.as_ is not Treatment.OPAQUE or decided.cause in NOBODY_TO_BLAME:
            continue
        if shown.as_ is Shown.HTTP and shown.sure:
            message = (
                f"{port_title(seen)} is treated as opaque TCP "
                f"{direction} by {mesh_title(seen)} because {decided.because}, but "
                f"{shown.because}, which shows HTTP filters"
            )
            yield RULE.finding(seen, message, sightings=(shown,))


RULE = Rule(
    id="SD119",
    name="opaque-port-read-as-http",
    severity=Severity.WARNING,
    verdict=PortVerdict.AT_RISK,
    summary="Treated as opaque TCP, but marks show HTTP filters",
    check=check,
    yields_to=("conflicting-declarations", "treatment-changed"),
)
