"""Phrases about declared ports that several formats print."""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.catalog.services import DeclarationChange, ServicePort
from sniffdiag.model import Shown
from sniffdiag.observe.port_observation import PortObservation
from sniffdiag.report.report import Report

_PROBLEMS_SHOWN = 20


def mesh_phrase(report: Report) -> str:
    """`istio 1.3.6`, `no mesh`."""
    return "no mesh" if report.mesh == "none" else f"{report.mesh} {report.mesh_version}".strip()


def no_ports_phrase(report: Report) -> str:
    """That nothing is declared, and what was there instead."""
    others = ", ".join(f"{count:,} {kind}" for kind, count in report.catalog.ignored_kinds)
    instead = f"; what was read is of other kinds: {others}" if others else ""
    return f"no Service ports are declared{instead}"


def problem_lines(report: Report) -> Iterator[str]:
    """What of the declarations is not used, as far as anybody reads it."""
    problems = report.catalog.problems
    yield from problems[:_PROBLEMS_SHOWN]
    if len(problems) > _PROBLEMS_SHOWN:
        yield f"and {len(problems) - _PROBLEMS_SHOWN:,} more, all of them in -o json"


def observed_phrase(seen: PortObservation) -> str:
    """`http 37 (1,204 requests), unknown 2`."""
    parts = [f"{protocol} {flows:,}" for protocol, flows in seen.observed.items()]
    if seen.tunnelled_flows:
        parts.append(f"tunnelled {seen.tunnelled_flows:,}")
    if seen.mesh_mtls_flows:
        inside = ", ".join(f"{s.protocol}? {s.flows:,}" for s in seen.inferred)
        parts.append(f"mesh mTLS {seen.mesh_mtls_flows:,}" + (f" ({inside})" if inside else ""))
    if seen.requests and parts:
        parts[0] += f" ({seen.requests:,} request{'' if seen.requests == 1 else 's'})"
    return ", ".join(parts) or "-"


def declared_phrase(seen: PortObservation) -> str:
    """`tcp-web`, `(unnamed)`, `tcp-web + appProtocol http`, `(not given)`."""
    return _said(seen.declared)


def treated_phrase(seen: PortObservation) -> str:
    """`opaque`, or `sniffed out, opaque in` where the directions differ."""
    outbound, inbound = seen.treated.outbound.as_, seen.treated.inbound.as_
    return outbound.value if outbound is inbound else f"{outbound} out, {inbound} in"


def shown_phrase(seen: PortObservation) -> str:
    """`http`, or `http out, opaque in` where the directions differ; `-` where no mark decides."""
    return ways_phrase(seen.shown.outbound.as_, seen.shown.inbound.as_)


def ways_phrase(outbound: Shown, inbound: Shown) -> str:
    """Both directions in few words."""
    if outbound is inbound:
        return "-" if outbound is Shown.UNKNOWN else outbound.value
    known = {"out": outbound, "in": inbound}
    return ", ".join(f"{as_} {way}" for way, as_ in known.items() if as_ is not Shown.UNKNOWN)


def port_label(seen: PortObservation) -> str:
    """`shop/reviews:8080`, with `/udp` where it is not TCP."""
    suffix = "" if seen.declared.transport.label == "tcp" else f"/{seen.declared.transport.label}"
    return f"{seen.declared.full_name}:{seen.declared.port}{suffix}"


def change_phrase(change: DeclarationChange) -> str:
    """`shop/reviews port 8080 renamed http-web → tcp-8080-8080 by manager tke-apiserver`."""
    before, after = change.before, change.after
    by = f" by manager {change.manager}" if change.manager else ""
    if after is None:
        what = f"no longer declared (was {_said(change.port)})"
    elif before is None:
        what = f"declared {_said(after)}"
    else:
        what = ", ".join(_differences(before, after))
    return f"{change.port.full_name} port {change.port.port} {what}{by}"


def _differences(before: ServicePort, after: ServicePort) -> Iterator[str]:
    if before.name != after.name:
        yield f"renamed {before.name or '(unnamed)'} → {after.name or '(unnamed)'}"
    if before.app_protocol != after.app_protocol:
        values = (before.app_protocol, after.app_protocol)
        was, now = ("(none)" if v is None else v or "(empty)" for v in values)
        yield f"appProtocol {was} → {now}"


def _said(port: ServicePort) -> str:
    if not port.given:
        return "(not given)"
    name = port.name or "(unnamed)"
    if port.app_protocol is None:
        return name
    return f"{name} + appProtocol {port.app_protocol or '(empty)'}"
