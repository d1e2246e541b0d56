"""Flows as JSON, one a line. Field names are a promise: see docs/json.md and the schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sniffdiag.identify.verdict import NO_FACTS, Facts
from sniffdiag.report.capture_text import utc
from sniffdiag.report.listing import CaptureReport, FlowList, FlowRow
from sniffdiag.version import VERSION

SCHEMA = "sniffdiag.flows/1"


def capture_json(capture: CaptureReport) -> dict[str, Any]:
    """The `capture` object that reports and listings share."""
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
        "copies": capture.copies,
        "twins": capture.twins,
        "sealed_early": capture.sealed_early,
        "dropped": capture.dropped,
        "interrupted": capture.interrupted,
    }


def render_flows(flows: FlowList) -> Iterator[str]:
    """One JSON object, one flow a line, in pieces: a listing may hold millions of flows."""
    head = {"schema": SCHEMA, "version": VERSION, "capture": capture_json(flows.capture)}
    yield json.dumps(head, indent=2)[: -len("\n}")] + ',\n  "flows": ['
    separator = "\n    "
    for row in flows.rows:
        flow = _flow(row)
        yield separator + (f'{flow[:-1]}, "ja4": {_text(row.ja4)}}}' if flows.ja4 else flow)
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
        f'"alpn": {_text(row.alpn)}, "answered": {_text(row.answered)}, '
        f'"switched_to": {_text(row.switched_to)}, '
        f'"copies": {row.copies}, "twin_of": {_number(row.twin_of)}, '
        f'"spoke_first": {_text(row.spoke_first)}, '
        f'"spoke_after_ns": {_number(row.spoke_after_ns)}, '
        f'"answered_after_ns": {_number(row.answered_after_ns)}'
        f"{_facts(row.facts or NO_FACTS)}}}"
    )


_NO_FACTS = (
    ', "alpn_chosen": null, "tls_version": null, "alerts": [], "certificate": null, "http": null, '
    '"grpc_status": null'
)


def _facts(facts: Facts) -> str:
    """What was read of a flow beyond what it is."""
    if facts is NO_FACTS:
        return _NO_FACTS
    return (
        f', "alpn_chosen": {_text(facts.alpn_chosen)}, "tls_version": {_text(facts.tls_version)}, '
        f'"alerts": {json.dumps([alert._asdict() for alert in facts.alerts])}, '
        f'"certificate": {json.dumps(facts.certificate and facts.certificate._asdict())}, '
        f'"http": {_http(facts)}, "grpc_status": {_number(facts.grpc_status)}'
    )


def _http(facts: Facts) -> str:
    told = (facts.http_version, facts.method, facts.target, facts.host, facts.status)
    if not any(told) and not facts.unknowable:
        return "null"
    return (
        f'{{"version": {_text(facts.http_version)}, "method": {_text(facts.method)}, '
        f'"target": {_text(facts.target)}, "host": {_text(facts.host)}, '
        f'"status": {_number(facts.status)}, "content_type": {_text(facts.content_type)}, '
        f'"upgrade": {_text(facts.upgrade)}, "tunnelled": {_text(facts.tunnelled)}, '
        f'"unknowable": {_text(facts.unknowable)}}}'
    )


def _number(value: int | None) -> str:
    return "null" if value is None else str(value)
