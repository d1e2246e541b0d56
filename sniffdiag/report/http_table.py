"""Requests of declared ports as table cells, and over time in one line of characters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sniffdiag.observe.http_counts import HttpCounts
from sniffdiag.report.phrases import port_label
from sniffdiag.report.report import PortReport, Report

HEADERS = ("PORT", "REQUESTS", "ANSWERS", "ERRORS", "P50", "P99", "OVER TIME")
_STATUSES_SHOWN = 5
_LEVELS = " .:-=+*#"
"""As few characters as every terminal, log and ticket shows, from none to most."""
_MOST_CHARACTERS = 32
_MICROSECOND, _MILLISECOND, _SECOND = 10**3, 10**6, 10**9


def http_rows(report: Report) -> list[list[str]]:
    """Cells under `HEADERS` for each port with requests or responses; unescaped."""
    return [
        [
            port_label(port.seen),
            f"{http.requests:,}{'+' if http.is_least else ''}",
            _answers(http),
            _errors(http),
            *_latency(http),
            _over_time(port),
        ]
        for port in report.ports
        if (http := port.seen.http) is not None
    ]


def counted_notes(report: Report) -> list[str]:
    """Where counts are lower bounds, and why, and what is not known, one sentence a port."""
    http_ports = [(p, p.seen.http) for p in report.ports if p.seen.http is not None]
    return [
        f"{port_label(port.seen)}: {note}" for port, http in http_ports for note in _notes(http)
    ]


def _notes(http: HttpCounts) -> Iterator[str]:
    if http.is_least:
        rest = http.heads_of - http.heads
        exactly = f"exactly in {http.heads:,} of {http.heads_of:,} connections, " * bool(http.heads)
        yield (
            f"at least; HTTP/2 is counted {exactly}in segments in {rest:,} of which not all bytes "
            "were kept"
        )
    untold = (
        (http.responses_untold, "response", ":status"),
        (http.grpc_untold, "call", "grpc-status"),
    )
    for times, what, field in untold:
        if times:
            yield (
                f"{field} of {times:,} {what}{'s' * (times > 1)} cannot be known, because HPACK "
                "state is missing"
            )


def _answers(http: HttpCounts) -> str:
    """`200 26, 404 10`, the most frequent first, and statuses of gRPC but for OK."""
    most_first = sorted(http.statuses, key=lambda item: (-item[1], item[0]))
    told = [f"{status} {times:,}" for status, times in most_first[:_STATUSES_SHOWN]]
    rest = sum(times for _, times in most_first[_STATUSES_SHOWN:])
    told += [f"others {rest:,}"] if rest else []
    told += [f"grpc-status {status}: {times:,}" for status, times in http.grpc_statuses if status]
    return ", ".join(told) or "-"


def _errors(http: HttpCounts) -> str:
    """`12 (0.4%)`, and how many of them are resets."""
    if not http.errors:
        return "0"
    share = http.errors / max(http.requests, http.responses, http.errors)
    resets = f", {http.unanswered_resets:,} resets" if http.unanswered_resets else ""
    return f"{http.errors:,} ({share:.1%}{resets})"


def _latency(http: HttpCounts) -> tuple[str, str]:
    if http.latency is None:
        return "-", "-"
    return duration(http.latency.p50_ns), duration(http.latency.p99_ns)


def duration(ns: int) -> str:
    """`1.74 ms`, three digits."""
    for unit, name in ((_SECOND, "s"), (_MILLISECOND, "ms"), (_MICROSECOND, "us")):
        if ns >= unit:
            value = ns / unit
            return f"{value:.{max(0, 3 - len(str(int(value))))}f} {name}"
    return f"{ns} ns"


def _over_time(port: PortReport) -> str:
    timeline = port.seen.timeline
    return f"|{sparkline(timeline.requests)}|" if timeline is not None else "-"


def sparkline(values: Sequence[int]) -> str:
    """One character a value, or a few values; the more, the darker."""
    each = -(-len(values) // _MOST_CHARACTERS)
    sums = [sum(values[at : at + each]) for at in range(0, len(values), each or 1)]
    most, top = max(sums, default=0), len(_LEVELS) - 1
    return "".join(_LEVELS[-(-value * top // most) if most else 0] for value in sums)
