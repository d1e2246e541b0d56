"""A capture that goes on as plain lines, for logs and terminals that cannot draw."""

from __future__ import annotations

from sniffdiag.report.capture_text import clock
from sniffdiag.report.escape import printable
from sniffdiag.report.live import Event, EventKind, LiveState
from sniffdiag.report.phrases import change_phrase

_UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def counters_line(state: LiveState) -> str:
    """`22:09:14  1,204 frames, 12 flows, 310 packets/s, 2.4 Mbit/s, 0 dropped; 1 ok`."""
    verdicts: dict[str, int] = {}
    for port in state.report.ports:
        verdicts[port.verdict.value] = verdicts.get(port.verdict.value, 0) + 1
    judged = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
    return f"{_time(state.at_ns)}  {counters(state)}; {judged or 'no ports are declared'}"


def counters(state: LiveState) -> str:
    """Frames, flows, rates and losses."""
    flows = state.report.capture.flows if state.report.capture else 0
    return (
        f"{state.frames:,} frames, {flows:,} flows, {state.frames_per_s:,.0f} packets/s, "
        f"{_scaled(state.bits_per_s)}bit/s, {state.dropped:,} dropped"
    )


def _scaled(value: float) -> str:
    for size, letter in _UNITS:
        if value >= size:
            return f"{value / size:.1f} {letter}"
    return f"{value:.0f} "


def event_line(event: Event) -> str:
    """`22:09:14  finding appeared: ERROR http-on-opaque-port shop/reviews:8080`."""
    return f"{_time(event.at_ns)}  {printable(_told(event), 1000)}"


def _told(event: Event) -> str:
    if event.finding is not None:
        finding = event.finding
        port = f" {finding.declared.full_name}:{finding.declared.port}" if finding.declared else ""
        kind = event.kind.value.replace("-", " ")
        return f"{kind}: {finding.severity.upper()} {finding.name}{port}"
    if event.kind is EventKind.VERDICT_CHANGED and event.port and event.was and event.verdict:
        port = f"{event.port.full_name}:{event.port.port}"
        return f"{port}: {event.was.value} -> {event.verdict.value}"
    return change_phrase(event.change) if event.change else ""


def _time(at_ns: int) -> str:
    return clock(at_ns)[:8]
