"""Declarations of one port that contradict each other.

## What it sees

Several Services that lead to the same pod port and declare different protocols; or one port whose
name and `appProtocol` say different things.

## Why it matters

The server's sidecar can treat a pod port in one way only and takes one of the Services (in Istio
since 1.4 the oldest), while clients' sidecars go by the Service they call. Which treatment a
request meets then depends on the name it dialled.

## Example

`shop/reviews` declares 8080 `http-web`; another team's `shop/reviews-metrics` selects the same
pods and declares it `tcp-metrics`.

## How to fix

Make all declarations of one pod port say the same.

## When it is wrong

When one of the Services is never called.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sniffdiag.catalog.services import ServicePort
from sniffdiag.diagnose.finding import Finding, Fix
from sniffdiag.diagnose.fixes import declare_protocol
from sniffdiag.diagnose.rule import Rule
from sniffdiag.diagnose.wording import mesh_title, port_title
from sniffdiag.model import PortVerdict, Severity
from sniffdiag.observe.port_observation import PortObservation


def check(seen: PortObservation) -> Iterator[Finding]:
    """Other Services on the same pod port, or a name against its appProtocol."""
    if seen.contradicted_by:
        others = ", ".join(_said_by(p) for p in seen.contradicted_by)
        message = f"{port_title(seen)} leads to a pod port that is also declared by {others}"
        fix = Fix("Make all Services that lead to this pod port declare the same protocol.")
        yield RULE.finding(seen, message, sightings=seen.sightings, fix=fix)
    elif _name_contradicts_app_protocol(seen):
        found = RULE.finding(seen, _contradiction(seen), fix=_follow_app_protocol(seen))
        yield replace(found, severity=Severity.INFO, verdict=PortVerdict.OK)  # one of them wins


def _said_by(port: ServicePort) -> str:
    said = f"appProtocol {port.app_protocol}" if port.app_protocol else port.name or "(unnamed)"
    return f"{port.full_name}:{port.port} as {said}"


def _name_contradicts_app_protocol(seen: PortObservation) -> bool:
    declared, words = seen.declared, seen.treated.words
    said_by_name = declared.name.split("-", 1)[0].lower()
    said_by_field = (declared.app_protocol or "").split("-", 1)[0].lower()
    return bool(said_by_field) and said_by_name in words and said_by_name != said_by_field


def _contradiction(seen: PortObservation) -> str:
    reads = "appProtocol" if seen.treated.honours_app_protocol else "the name"
    return (
        f"{port_title(seen)} has appProtocol "
        f"{seen.declared.app_protocol!r}; {mesh_title(seen)} goes by {reads}"
    )


def _follow_app_protocol(seen: PortObservation) -> Fix | None:
    said = (seen.declared.app_protocol or "").lower()
    return declare_protocol(seen, said) if said in seen.treated.name_words else None


RULE = Rule(
    id="SD201",
    name="conflicting-declarations",
    severity=Severity.WARNING,
    verdict=PortVerdict.AT_RISK,
    summary="Declarations of one port contradict each other",
    check=check,
)
