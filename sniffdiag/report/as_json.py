"""The report as JSON.

Field names are a promise: schemas/report-1.schema.json and docs/json.md state it, and `schema`
changes when it does.
"""

from __future__ import annotations

import json
from typing import Any

from sniffdiag.catalog.services import Edit
from sniffdiag.diagnose.finding import Finding
from sniffdiag.mesh.treated import DirectionTreatment
from sniffdiag.model import Direction
from sniffdiag.observe.change import Answers, Moment, TreatmentChange
from sniffdiag.observe.conduct import Conduct
from sniffdiag.observe.http_counts import HttpCounts, Timeline
from sniffdiag.observe.port_observation import (
    DirectionShown,
    Exemplar,
    HopShown,
    LegShown,
    PortShown,
    ProxyReply,
    SideShown,
    Sighting,
)
from sniffdiag.report.capture_text import utc
from sniffdiag.report.flows_as_json import capture_json
from sniffdiag.report.report import PortReport, Report
from sniffdiag.version import VERSION

REPORT_SCHEMA = "sniffdiag.report/1"


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
        "capture": capture_json(report.capture) if report.capture else None,
        "ports": [_port(p) for p in report.ports],
        "findings": [finding_json(f) for f in report.findings],
        "unmatched": {
            "flows": report.unmatched_flows,
            "endpoints": [
                {
                    "server": u.server.address,
                    "port": u.server.port,
                    "transport": u.transport.label,
                    "flows": u.flows,
                    "observed": dict(u.protocols),
                    "leg": u.leg.value,
                }
                for u in report.unmatched
            ],
        },
    }
    return json.dumps(body, indent=2) + "\n"


def _direction(direction: DirectionTreatment) -> dict[str, str]:
    return {"as": direction.as_.value, "because": direction.because}


def _port(port: PortReport) -> dict[str, Any]:
    seen, declared = port.seen, port.seen.declared
    return {
        "namespace": declared.namespace,
        "service": declared.service,
        "port": declared.port,
        "name": declared.name,
        "given": declared.given,
        "app_protocol": declared.app_protocol,
        "transport": declared.transport.label,
        "edits": [_edit(e) for e in declared.edits],
        "treated": {
            "outbound": _direction(seen.treated.outbound),
            "inbound": _direction(seen.treated.inbound),
        },
        "observed": seen.observed,
        "inferred": [_inferred(sighting) for sighting in seen.inferred],
        "shown": _shown(seen.shown),
        "legs": [_leg(leg) for leg in seen.legs],
        "hops": [_hop(hop) for hop in seen.hops],
        "proxy_replies": [_reply(reply) for reply in seen.replies],
        "requests": seen.requests,
        "http": None if seen.http is None else _http(seen.http),
        "timeline": None if seen.timeline is None else _timeline(seen.timeline),
        "changes": [_change(change) for change in seen.changes],
        "undecided": {u.reason: u.flows for u in seen.undecided},
        "mesh_mtls_flows": seen.mesh_mtls_flows,
        "tunnelled_flows": seen.tunnelled_flows,
        "superseded_flows": seen.superseded_flows,
        "one_sided_flows": seen.one_sided_flows,
        "cut_flows": seen.cut_flows,
        "conduct": _conduct(seen.conduct),
        "shared_with": [f"{p.full_name}:{p.port}" for p in seen.shared_with],
        "verdict": port.verdict.value,
    }


def _conduct(conduct: Conduct) -> dict[str, Any]:
    waited = conduct.first_byte_wait
    return {
        "refused": conduct.refused.flows,
        "unanswered": conduct.unanswered.flows,
        "silent": conduct.silent.flows,
        "unserved": conduct.unserved.flows,
        "first_byte_wait": {
            "flows": waited.flows,
            "least_ns": waited.least_ns,
            "median_ns": waited.median_ns,
            "most_ns": waited.most_ns,
        }
        if waited
        else None,
    }


def _http(http: HttpCounts) -> dict[str, Any]:
    latency = http.latency
    return {
        "counted": http.counted.value,
        "heads": http.heads,
        "heads_of": http.heads_of,
        "head_bytes": http.head_bytes,
        "is_least": http.is_least,
        "requests": http.requests,
        "responses": http.responses,
        "methods": dict(http.methods),
        "statuses": {str(status): times for status, times in http.statuses},
        "status_classes": {f"{n}xx": http.of_class(n) for n in range(1, 6)},
        "grpc_statuses": {str(status): times for status, times in http.grpc_statuses},
        "errors": http.errors,
        "unanswered_resets": http.unanswered_resets,
        "responses_untold": http.responses_untold,
        "grpc_untold": http.grpc_untold,
        "stream_resets": {str(code): times for code, times in http.ends.resets},
        "goaways": {str(code): times for code, times in http.ends.goaways},
        "latency": None
        if latency is None
        else {
            "answers": latency.answers,
            "p50_ns": latency.p50_ns,
            "p90_ns": latency.p90_ns,
            "p99_ns": latency.p99_ns,
        },
    }


def _change(change: TreatmentChange) -> dict[str, Any]:
    return {
        "direction": change.direction.value,
        "before": change.before.value,
        "after": change.after.value,
        "last_before": _moment(change.last_before),
        "first_after": _moment(change.first_after),
        "connections": change.connections,
        "misfits": change.misfits,
        "chance": round(change.chance, 6),
        "answers_before": _answers(change.answers[0]),
        "answers_after": _answers(change.answers[1]),
    }


def _moment(moment: Moment) -> dict[str, Any]:
    return {"frame": moment.frame, "time": utc(moment.ts_ns)}


def _answers(answers: Answers) -> dict[str, Any]:
    return {
        "connections": answers.connections,
        "requests": answers.requests,
        "failed": answers.failed,
    }


def _timeline(timeline: Timeline) -> dict[str, Any]:
    return {
        "start": utc(timeline.start_ns),
        "bucket_ns": timeline.bucket_ns,
        "connections": list(timeline.connections),
        "requests": list(timeline.requests),
        "responses": list(timeline.responses),
        "status_4xx": list(timeline.status_4xx),
        "status_5xx": list(timeline.status_5xx),
        "resets": list(timeline.resets),
        "grpc_errors": list(timeline.grpc_errors),
        "shown": [shown and shown.value for shown in timeline.shown],
    }


def _edit(edit: Edit) -> dict[str, Any]:
    return {
        "field": edit.field.value,
        "before": edit.before,
        "before_known": edit.before_known,
        "after": edit.after,
        "manager": edit.manager or None,
        "time": None if edit.at_ns is None else utc(edit.at_ns),
    }


def _inferred(sighting: Sighting) -> dict[str, Any]:
    return {
        "protocol": sighting.protocol,
        "flows": sighting.flows,
        "because": sighting.inferred,
        "confidence": sighting.confidence,
    }


def _shown(shown: PortShown) -> dict[str, Any]:
    return {
        "as": shown.as_.value,
        "because": shown.because,
        **{direction.value: _direction_shown(shown.of(direction)) for direction in Direction},
    }


def _direction_shown(shown: DirectionShown) -> dict[str, Any]:
    return {
        "as": shown.as_.value,
        "because": shown.because,
        "flows": {as_.value: flows for as_, flows in shown.flows},
        "evidence": [_evidence(e) for e in shown.exemplars],
    }


def _leg(leg: LegShown) -> dict[str, Any]:
    return {
        "leg": leg.leg.value,
        "flows": leg.flows,
        "shown": {"outbound": leg.outbound.value, "inbound": leg.inbound.value},
        "first_frame": leg.first_frame,
        "because": leg.because,
        "client_side": _side(leg.client_side),
        "server_side": _side(leg.server_side),
    }


def _side(side: SideShown) -> dict[str, Any]:
    return {
        "as": side.as_.value,
        "because": side.because,
        "flows": {as_.value: flows for as_, flows in side.flows},
    }


def _hop(hop: HopShown) -> dict[str, Any]:
    return {
        "before": hop.before.value,
        "after": hop.after.value,
        "same": hop.same,
        "rewritten": hop.rewritten,
        "frames": list(hop.frames),
    }


def _reply(reply: ProxyReply) -> dict[str, Any]:
    return {
        "status": reply.status,
        "flag": reply.flag,
        "text": reply.text,
        "by": reply.by.value,
        "flows": reply.flows,
        "evidence": [_evidence(e) for e in reply.exemplars],
    }


def finding_json(finding: Finding) -> dict[str, Any]:
    """A finding as every JSON output shows it."""
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
