"""Declared ports as table cells, one column for each of the four words; unescaped."""

from __future__ import annotations

from sniffdiag.report.phrases import (
    declared_phrase,
    observed_phrase,
    port_label,
    shown_phrase,
    treated_phrase,
)
from sniffdiag.report.report import PortReport, Report

HEADERS = ("PORT", "DECLARED", "TREATED", "OBSERVED", "SHOWN", "VERDICT")
_HEADERS_WITHOUT_CAPTURE = ("PORT", "DECLARED", "TREATED", "BECAUSE")


def port_headers(report: Report) -> tuple[str, ...]:
    """What `port_rows` are about: without a capture nothing is observed or shown."""
    return HEADERS if report.capture is not None else _HEADERS_WITHOUT_CAPTURE


def port_rows(report: Report) -> list[list[str]]:
    """One row a declared port."""
    cells = port_cells if report.capture is not None else _cells_without_capture
    return [cells(port) for port in report.ports]


def port_cells(port: PortReport) -> list[str]:
    """Cells under `HEADERS`."""
    seen = port.seen
    return [
        *_declared_and_treated(port),
        observed_phrase(seen),
        shown_phrase(seen),
        port.verdict.value,
    ]


def _cells_without_capture(port: PortReport) -> list[str]:
    treated = port.seen.treated
    because = treated.outbound.because
    if treated.inbound.because != because:
        because = f"outbound: {because}; inbound: {treated.inbound.because}"
    return [*_declared_and_treated(port), because]


def _declared_and_treated(port: PortReport) -> tuple[str, str, str]:
    return port_label(port.seen), declared_phrase(port.seen), treated_phrase(port.seen)
