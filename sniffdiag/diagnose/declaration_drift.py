"""A port whose name or appProtocol is no longer what was applied.

## What it sees

A Service whose `kubectl.kubernetes.io/last-applied-configuration` gives the port another name or
`appProtocol` than it has now. Without that annotation: a name or `appProtocol` that
`metadata.managedFields` ascribes to another manager than those who made the port. It is a warning
where the edit makes the mesh treat the port worse (or differently, as long as no traffic tells what
is right), else information. No history and no second copy of the manifest is needed.

## Why it matters

The edit was made past the manifest, so nobody reviewed it and the repository still says what was
meant. The mesh goes by what the Service says now. And it may go back as silently as it came: the
next `kubectl apply` writes the manifest's value again, and the next save in the console the other.

## Example

`shop/reviews` was applied with `http-web`. At 22:49:46 manager `tke-apiserver`, a cloud console,
saved the Service and named the port `tcp-9080-8080`.

## How to fix

Give the port its declaration back, or bring the manifest up to date if the edit was meant; and
tell whoever owns the other manager.

## When it is wrong

When the edit was meant to stay and the manifest lags behind. The time is that of the manager's
latest write to the Service, so the edit itself may be older. `kubectl get` hides managedFields
unless asked by `--show-managed-fields`; without them the manager and the time are not known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sniffdiag.diagnose.finding import Finding, Fix
from sniffdiag.diagnose.fixes import take_back
from sniffdiag.diagnose.handling import HTTP_TREATMENTS, handled_as
from sniffdiag.diagnose.rule import Rule
from sniffdiag.diagnose.wording import history, mesh_title, port_title
from sniffdiag.mesh.treated import Treated
from sniffdiag.model import Direction, PortVerdict, Severity, Treatment
from sniffdiag.observe.port_observation import PortObservation, Sighting

_UPDATE_THE_MANIFEST = Fix(
    "Bring the manifest up to date, or the next `kubectl apply` takes the edit back."
)


def check(seen: PortObservation) -> Iterator[Finding]:
    """Any edit; worse or not decides how much it matters."""
    if not seen.declared.edits:
        return
    message = f"{port_title(seen)}: {history(seen.declared)}"
    before = seen.treated.before_edits
    if before is None or _ways(before) == _ways(seen.treated):
        yield _harmless(seen, message)
        return
    message += (
        f"; {mesh_title(seen)} treated it as {_phrase(before)} and now treats it as "
        f"{_phrase(seen.treated)}"
    )
    if not seen.sightings:
        found = RULE.finding(seen, message, fix=take_back(seen.declared))
        yield replace(found, verdict=PortVerdict.UNKNOWN)  # no traffic says which of both is right
    elif worse := tuple(s for s in seen.sightings if _is_worse(s, before, seen.treated)):
        yield RULE.finding(seen, message, sightings=worse, fix=take_back(seen.declared))
    else:
        yield _harmless(seen, message)


def _harmless(seen: PortObservation, message: str) -> Finding:
    found = RULE.finding(seen, message, fix=_UPDATE_THE_MANIFEST)
    return replace(found, severity=Severity.INFO, verdict=PortVerdict.OK)


def _ways(treated: Treated) -> tuple[Treatment, Treatment]:
    return treated.outbound.as_, treated.inbound.as_


def _phrase(treated: Treated) -> str:
    outbound, inbound = _ways(treated)
    return outbound.value if outbound is inbound else f"{outbound} outbound and {inbound} inbound"


def _is_worse(sighting: Sighting, before: Treated, now: Treated) -> bool:
    return any(
        _is_right(sighting, before, direction) and not _is_right(sighting, now, direction)
        for direction in Direction
    )


def _is_right(sighting: Sighting, treated: Treated, direction: Direction) -> bool:
    handled = handled_as(treated, direction, sighting.shape)
    if sighting.is_http2:
        return handled is Treatment.HTTP2
    if sighting.is_http1:
        return handled is Treatment.HTTP
    return (handled in HTTP_TREATMENTS) is sighting.is_http


RULE = Rule(
    id="SD203",
    name="declaration-drift",
    severity=Severity.WARNING,
    verdict=PortVerdict.AT_RISK,
    summary="A port's name or appProtocol is no longer what was applied",
    check=check,
    yields_to=(
        "http-on-opaque-port",
        "http-port-passed-on-unread",
        "http2-on-http1-port",
        "http1-on-http2-port",
        "tls-on-http-port",
        "opaque-on-http-port",
        "proxy-protocol-on-http-port",
        "http-listener-on-opaque-port",
        "plain-server-behind-tls",
        "http10-refused",
        "no-route-found",
        "tls-server-on-http-port",
    ),
)
