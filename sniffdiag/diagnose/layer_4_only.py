"""HTTP on a port whose proxy works on layer 4 only, whatever is declared.

## What it sees

HTTP on a port of an ambient mesh (Istio's ztunnel) for which no waypoint is declared. The mesh is
known by the label of the Namespace, or by the capture: the port's connections go through HBONE
(port 15008), and nothing that HTTP filters write was seen. Or no more
than tunnels to its pods (HBONE, port 15008), in which whatever it speaks is handled so.

## Why it matters

Routes, retries, HTTP telemetry and HTTP authorization do not apply, and dashboards show all traffic
as TCP. That is how ambient works without a waypoint: the port's name is not at fault, and renaming
it changes nothing.

## Example

Kiali shows "TCP" for every Service of a Namespace labelled `istio.io/dataplane-mode: ambient`.

## How to fix

If layer 7 is wanted, add a waypoint: `istioctl waypoint apply --enroll-namespace`. From then on the
port's declaration counts, as it does with sidecars.

## When it is wrong

It is information, not a fault.
"""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.diagnose.finding import Finding, Fix
from sniffdiag.diagnose.rule import ENOUGH, Rule
from sniffdiag.diagnose.wording import counted, port_title, was_observed
from sniffdiag.mesh.treated import Cause
from sniffdiag.model import PortVerdict, Severity
from sniffdiag.observe.port_observation import PortObservation, Sighting


def check(seen: PortObservation) -> Iterator[Finding]:
    """HTTP where nothing above layer 4 is looked at."""
    http = tuple(s for s in seen.sightings if s.is_http)
    if seen.treated.cause is not Cause.LAYER_4 or not _concerns(seen, http):
        return
    tunnels = f"{counted(seen.tunnelled_flows, 'tunnel')} (HBONE) to the pods behind"
    what = f"{was_observed(http)} on" if http else tunnels
    message = (
        f"{what} {port_title(seen)}; "
        f"{seen.treated.outbound.because}, so nothing that needs HTTP applies to it, by design "
        "and whatever the port is called"
    )
    namespace = seen.declared.namespace
    fix = Fix(
        "If layer 7 is wanted, add a waypoint.",
        f"istioctl waypoint apply --enroll-namespace -n {namespace}",
    )
    yield RULE.finding(seen, message, sightings=http, fix=fix)


def _concerns(seen: PortObservation, http: tuple[Sighting, ...]) -> bool:
    if seen.judged:
        return bool(http) and seen.share(http) >= ENOUGH
    return bool(seen.tunnelled_flows)


RULE = Rule(
    id="SD303",
    name="layer-4-only",
    severity=Severity.INFO,
    verdict=PortVerdict.OK,
    summary="HTTP on a port of an ambient mesh without a waypoint",
    check=check,
)
