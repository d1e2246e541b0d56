"""Packets that the mesh version given cannot have made.

## What it sees

Mutual TLS between sidecars whose ALPN only other releases offer: from Istio 1.5 on each handling
has an ALPN of its own (`istio-http/1.1`, `istio-h2`, `istio-peer-exchange`), before that all have
`istio`.

## Why it matters

How a declaration is treated depends on the version. Judged by the wrong one, a port may be called
healthy that is not, or the reverse.

## Example

`--mesh-version 1.3` with a capture in which ClientHellos offer `istio-http/1.1`.

## How to fix

Give the version that runs in the pods, or the pods themselves: `kubectl get pods -A -o json`.

## When it is wrong

While a mesh is upgraded, both releases are there at once; judge by each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sniffdiag.diagnose.finding import Finding, Fix
from sniffdiag.diagnose.rule import Rule
from sniffdiag.diagnose.wording import mesh_title
from sniffdiag.model import PortVerdict, Severity
from sniffdiag.observe.port_observation import PortObservation

_MINOR = re.compile(r"(\d+)\.(\d+)")


def check(seen: PortObservation) -> Iterator[Finding]:
    """A mark of another release than the one judged by."""
    given = _MINOR.match(seen.treated.version)
    if given is None or seen.treated.mesh != "istio" or not seen.declared.given:
        return
    release = (int(given[1]), int(given[2]))
    for mark in seen.releases:
        if mark.since is not None and release < mark.since:
            since = f"from {mark.since[0]}.{mark.since[1]} on"
        elif mark.before is not None and release >= mark.before:
            since = f"before {mark.before[0]}.{mark.before[1]}"
        else:
            continue
        message = (
            f"{mark.because}, which Istio does {since}, but the port was judged by "
            f"{mesh_title(seen)}"
        )
        fix = Fix("Judge by the version that runs: give --mesh-version, or the Pods with -s.")
        yield RULE.finding(seen, message, sightings=(mark,), fix=fix)


RULE = Rule(
    id="SD206",
    name="version-contradicted",
    severity=Severity.WARNING,
    verdict=PortVerdict.OK,
    summary="Packets that the mesh version given cannot have made",
    check=check,
)
