"""A capture that goes on as NDJSON: one object a line, for programs.

Fields are a promise: schemas/live-1.schema.json and docs/json.md state it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sniffdiag.catalog.services import DeclarationChange, ServicePort
from sniffdiag.report.as_json import finding_json, render
from sniffdiag.report.capture_text import utc
from sniffdiag.report.live import Event, LiveState
from sniffdiag.report.phrases import change_phrase
from sniffdiag.report.report import Report

LIVE_SCHEMA = "sniffdiag.live/1"


def state_lines(state: LiveState) -> Iterator[str]:
    """The events since the last state, then its counters."""
    for event in state.events:
        yield _line(event.kind.value, event.at_ns, _event(event))
    yield _line("counters", state.at_ns, _counters(state))


def report_line(report: Report, at_ns: int) -> str:
    """The final report, as `analyze -o json` gives it."""
    return _line("report", at_ns, {"report": json.loads(render(report))})


def _line(event: str, at_ns: int, fields: Mapping[str, Any]) -> str:
    body = {"schema": LIVE_SCHEMA, "event": event, "time": utc(at_ns), **fields}
    return json.dumps(body) + "\n"


def _event(event: Event) -> dict[str, Any]:
    if event.finding is not None:
        return {"finding": finding_json(event.finding)}
    if event.port is not None and event.was is not None and event.verdict is not None:
        return {**_place(event.port), "was": event.was.value, "verdict": event.verdict.value}
    return _change(event.change) if event.change else {}


def _change(change: DeclarationChange) -> dict[str, Any]:
    return {
        **_place(change.port),
        "before": _said(change.before),
        "after": _said(change.after),
        "manager": change.manager or None,
        "text": change_phrase(change),
    }


def _said(port: ServicePort | None) -> dict[str, Any] | None:
    return {"name": port.name, "app_protocol": port.app_protocol} if port else None


def _place(port: ServicePort) -> dict[str, Any]:
    return {
        "namespace": port.namespace,
        "service": port.service,
        "port": port.port,
        "transport": port.transport.label,
    }


def _counters(state: LiveState) -> dict[str, Any]:
    return {
        "elapsed_s": round(state.elapsed_s, 3),
        "frames": state.frames,
        "bytes": state.bytes,
        "dropped": state.dropped,
        "frames_per_s": round(state.frames_per_s, 1),
        "bits_per_s": round(state.bits_per_s, 1),
        "flows": state.report.capture.flows if state.report.capture else 0,
        "notes": list(state.notes),
        "ports": [
            {
                **_place(port.seen.declared),
                "observed": port.seen.observed,
                "shown": port.seen.shown.as_.value,
                "connections": port.seen.flows,
                "connections_per_s": round(rate.connections, 1),
                "requests_per_s": round(rate.requests, 1),
                "verdict": port.verdict.value,
            }
            for port, rate in zip(state.report.ports, state.rates, strict=True)
        ],
    }
