"""A port that the mesh should read as HTTP, and marks that show that a proxy passes it on unread.

## What it sees

HTTP on a port whose declaration makes the mesh use HTTP filters, while marks on the wire show that
the proxies of one side, or of both, passed the same bytes on unread: the mutual TLS of the client's
sidecar offers the ALPN of a TCP proxy, the same bytes are before and behind the proxy, or nothing
of what HTTP filters write is in the messages although the pods have sidecars.

## Why it matters

The declaration is right and does not work: routes, retries, telemetry and HTTP authorization do not
apply, and renaming the port again will not help.

## Example

The port was renamed from `tcp-web` to `http-web`, but a sidecar that lost its control plane still
has the old listener, and its ClientHello offers `istio-peer-exchange`.

## How to fix

Compare what the proxies really have (`istioctl proxy-config listeners`, `proxy-status`) with the
declaration: a stale or disconnected proxy, another Service on the same number whose listener won,
an EnvoyFilter, a port or an address excluded from redirection, or another mesh version than was
given.

## When it is wrong

When the filters are told to leave messages as they are (capitals preserved, `server` passed
through). Not said of HTTP/1.0, which sniffing listeners do not take for HTTP, nor where connections
show both handlings: that is a change, or proxies that differ.

Clients that dial pods past the Service's address (Prometheus does) are passed on by their own
proxy, whatever is declared: where their own leg was captured this is seen and not said; between the
pods it cannot be seen.
"""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.diagnose.finding import Finding, Fix
from sniffdiag.diagnose.handling import HTTP_TREATMENTS
from sniffdiag.diagnose.rule import ENOUGH, Rule
from sniffdiag.diagnose.wording import mesh_title, port_title, was_observed
from sniffdiag.model import Direction, PortVerdict, Severity, Shown
from sniffdiag.observe.port_observation import PortObservation

_COMPARE = Fix(
    "Compare what the proxies of both sides have with the declaration.",
    "istioctl proxy-status",
)


def check(seen: PortObservation) -> Iterator[Finding]:
    """Treated as HTTP, shown opaque."""
    http = tuple(s for s in seen.judged if s.is_http and not (s.shape.http_1_0 or s.shape.prelude))
    wrong = [
        d
        for d in seen.treated.directions(*HTTP_TREATMENTS)
        if seen.shown.of(d).as_ is Shown.OPAQUE
        and not (d is Direction.OUTBOUND and seen.dialled_pods)
    ]
    if not wrong or not http or seen.share(http) < ENOUGH:
        return
    shown = "; ".join(f"{d}: {seen.shown.of(d).because}" for d in wrong)
    message = (
        f"{port_title(seen)} is treated as HTTP by {mesh_title(seen)}, but marks show that it is "
        f"passed on unread ({shown}); {was_observed(http)}"
    )
    sure = all(seen.shown.of(d).sure for d in wrong)
    yield RULE.finding(
        seen,
        message,
        sightings=http,
        fix=_COMPARE,
        severity=Severity.ERROR if sure else Severity.WARNING,
    )


RULE = Rule(
    id="SD118",
    name="http-port-passed-on-unread",
    severity=Severity.ERROR,
    verdict=PortVerdict.MISMATCH,
    summary="Treated as HTTP, but marks show that a proxy passes it on unread",
    check=check,
    yields_to=("conflicting-declarations", "treatment-changed"),
)
