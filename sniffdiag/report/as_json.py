"""The report as JSON.

Field names are a promise: schemas/report-1.schema.json and docs/json.md state it, and `schema`
changes when it does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sniffdiag.diagnose.finding import Finding
from sniffdiag.mesh.treated import DirectionTreatment
from sniffdiag.observe.port_observation import Exemplar
from sniffdiag.report.listing import CaptureReport, FlowList, FlowRow
from sniffdiag.report.phrases import observed, utc
from sniffdiag.report.report import PortReport, Report
from sniffdiag.version import VERSION

REPORT_SCHEMA = "sniffdiag.report/1"
FLOWS_SCHEMA = "sniffdiag.flows/1"


def render(report: Report) -> str:
    """One JSON object, indented, ending in a newline."""
    body: dict[str, Any] = {
        "schema": REPORT_SCHEMA,
        "version": VERSION,
        "mesh": {"name": report.mesh, "version": report.mesh_version},
        "notes": list(report.notes),
        "declarations": {
            "sources": list(report.catalog.sources),
            "documents": report.catalog.documents,
            "ignored_kinds": dict(report.catalog.ignored_kinds),
            "problems": list(report.catalog.problems),
        },
        "capture": _capture(report.capture) if report.capture else None,
        "ports": [_port(p) for p in report.ports],
        "findings": [_finding(f) for f in report.findings],
        "unmatched": {
            "flows": report.unmatched_flows,
            "endpoints": [
                {
                    "server": u.server.address,
                    "port": u.server.port,
                    "transport": u.transport.label,
                    "flows": u.flows,
                    "observed": dict(u.protocols),
                }
                for u in report.unmatched
            ],
        },
    }
    return json.dumps(body, indent=2) + "\n"


def _capture(capture: CaptureReport) -> dict[str, Any]:
    return {
        "sources": [
            {
                "name": s.name,
                "format": s.format,
                "first_frame": s.first_frame,
                "frames": s.frames,
                "cut_short": s.cut_short,
                "corrupt_records": s.corrupt_records,
                "skipped_bytes": s.skipped_bytes,
                "dropped": s.dropped,
                "notes": list(s.notes),
            }
            for s in capture.sources
        ],
        "frames": capture.frames,
        "bytes": capture.bytes,
        "flows": capture.flows,
        "first_time": utc(capture.first_ts_ns) if capture.frames else None,
        "last_time": utc(capture.last_ts_ns) if capture.frames else None,
        "statuses": dict(capture.statuses),
        "truncated_frames": capture.truncated_frames,
        "dropped": capture.dropped,
        "interrupted": capture.interrupted,
    }


def _direction(direction: DirectionTreatment) -> dict[str, str]:
    return {"as": direction.as_.value, "because": direction.because}


def _port(port: PortReport) -> dict[str, Any]:
    seen, declared = port.seen, port.seen.declared
    return {
        "namespace": declared.namespace,
        "service": declared.service,
        "port": declared.port,
        "name": declared.name,
        "app_protocol": declared.app_protocol,
        "transport": declared.transport.label,
        "treated": {
            "outbound": _direction(seen.treated.outbound),
            "inbound": _direction(seen.treated.inbound),
        },
        "observed": observed(seen),
        "requests": sum(s.requests for s in seen.sightings),
        "undecided": {u.reason: u.flows for u in seen.undecided},
        "mesh_mtls_flows": seen.mesh_mtls_flows,
        "superseded_flows": seen.superseded_flows,
        "one_sided_flows": seen.one_sided_flows,
        "cut_flows": seen.cut_flows,
        "shared_with": [f"{p.full_name}:{p.port}" for p in seen.shared_with],
        "verdict": port.verdict.value,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    declared, fix = finding.declared, finding.fix
    return {
        "rule": finding.rule,
        "name": finding.name,
        "severity": finding.severity.value,
        "service": declared.full_name if declared else None,
        "port": declared.port if declared else None,
        "message": finding.message,
        "confidence": finding.confidence,
        "evidence": [_evidence(e) for e in finding.evidence],
        "fix": {"summary": fix.summary, "command": fix.command, "traps": list(fix.traps)}
        if fix
        else None,
    }


def _evidence(proof: Exemplar) -> dict[str, Any]:
    return {
        "frame": proof.frame,
        "time": utc(proof.ts_ns),
        "client": str(proof.client),
        "server": str(proof.server),
        "leg": proof.leg.value,
        "seen": proof.what,
    }


def render_flows(flows: FlowList) -> Iterator[str]:
    """One JSON object, one flow a line, in pieces: a listing may hold millions of flows."""
    head = {"schema": FLOWS_SCHEMA, "version": VERSION, "capture": _capture(flows.capture)}
    yield json.dumps(head, indent=2)[: -len("\n}")] + ',\n  "flows": ['
    separator = "\n    "
    for row in flows.rows:
        yield separator + _flow(row)
        separator = ",\n    "
    yield "\n  ]\n}\n"


_TEXTS: dict[str | tuple[str, ...] | None, str] = {}
"""JSON of texts that repeat from flow to flow; bounded by `_TEXTS_MAX`."""
_TEXTS_MAX = 100_000


def _text(value: str | tuple[str, ...] | None) -> str:
    known = _TEXTS.get(value)
    if known is None:
        if len(_TEXTS) >= _TEXTS_MAX:
            _TEXTS.clear()
        known = _TEXTS[value] = json.dumps(value)
    return known


def _flow(row: FlowRow) -> str:
    """One flow, written by hand: json.dumps takes four times as long for a million of them."""
    return (
        f'{{"client": {_text(row.client)}, "client_port": {row.client_port}, '
        f'"server": {_text(row.server)}, "server_port": {row.server_port}, '
        f'"transport": {_text(row.transport)}, "protocol": {_text(row.protocol)}, '
        f'"why": {_text(row.why)}, "confidence": {row.confidence:.2f}, '
        f'"oriented_by": {_text(row.oriented_by)}, "packets": {row.packets}, "bytes": {row.bytes}, '
        f'"packets_from_client": {row.packets_from_client}, '
        f'"packets_from_server": {row.packets_from_server}, '
        f'"payload_from_client": {row.payload_from_client}, '
        f'"payload_from_server": {row.payload_from_server}, '
        f'"first_frame": {row.first_frame}, "last_frame": {row.last_frame}, '
        f'"first_time": "{utc(row.first_ts_ns)}", "duration_ns": {row.duration_ns}, '
        f'"tcp_stream": {_number(row.tcp_stream)}, "udp_stream": {_number(row.udp_stream)}, '
        f'"encapsulation": {_text(row.encapsulation)}, "sni": {_text(row.sni)}, '
        f'"alpn": {_text(row.alpn)}, "answered": {_text(row.answered)}}}'
    )


def _number(value: int | None) -> str:
    return "null" if value is None else str(value)
