"""The only file that sees every layer: sources to flows, flows and declarations to a report.

Live is not a mode and distributed is not a mode: whatever yields frame chunks can be folded, and
folding can be done in parts that are merged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from sniffdiag.addresses import address_text
from sniffdiag.catalog.services import Catalog, ServicePort
from sniffdiag.decode.decode import decode
from sniffdiag.decode.headers import DecodeStatus
from sniffdiag.diagnose.diagnose import diagnose_capture, diagnose_port, ordered, verdict
from sniffdiag.diagnose.finding import Finding
from sniffdiag.diagnose.rule import CaptureHealth
from sniffdiag.flows.flow import Flows, Orientation
from sniffdiag.flows.redirect import join_redirected
from sniffdiag.flows.seal import seal
from sniffdiag.flows.table import FlowTable
from sniffdiag.mesh.policy import VersionPolicy, load_policy, newest_older_opaque, treated
from sniffdiag.mesh.settings import parse_settings
from sniffdiag.mesh.treated import Treated
from sniffdiag.mesh.versions import AUTO, detected_version
from sniffdiag.model import Transport, Treatment
from sniffdiag.nominate.nominate import nominate
from sniffdiag.observe.identified import IdentifiedFlows
from sniffdiag.observe.observe import Observations, observe
from sniffdiag.observe.port_observation import PortObservation
from sniffdiag.report.report import (
    CaptureReport,
    FlowList,
    FlowRow,
    PortReport,
    Report,
    SourceReport,
)
from sniffdiag.sources.captures import open_sources
from sniffdiag.sources.frames import FrameChunk, Source, SourceSummary

_UNREADABLE = (DecodeStatus.HEADERS_CUT, DecodeStatus.UNSUPPORTED_LINK, DecodeStatus.MALFORMED)
_NO_TS = np.iinfo(np.int64)


class Watcher(Protocol):
    """Whoever wants to know how far a run is."""

    def __call__(self, *, frames: int, bytes_read: int, bytes_total: int | None) -> None:
        """Called after each chunk; `bytes_total` is None where the end is not known."""


@dataclass(frozen=True, slots=True)
class MeshChoice:
    """The mesh to judge by, as the user gave it."""

    mesh: str = "istio"
    version: str = AUTO
    settings: tuple[str, ...] = ()
    namespace: str | None = None
    """Judge only Services of this namespace; addresses of the others are still known."""


@dataclass(slots=True)
class _Totals:
    """What is counted of every frame, in a flow or not: sums and extremes only."""

    frames: int = 0
    bytes: int = 0
    truncated: int = 0
    first_ts_ns: int = _NO_TS.max
    last_ts_ns: int = _NO_TS.min
    statuses: npt.NDArray[np.int64] = field(
        default_factory=lambda: np.zeros(len(DecodeStatus), dtype=np.int64)
    )
    interrupted: bool = False

    def add(self, chunk: FrameChunk, status: npt.NDArray[np.uint8]) -> None:
        if not chunk.rows:
            return
        self.frames += chunk.rows
        self.bytes += int(chunk.wirelen.sum())
        self.truncated += int(np.count_nonzero(chunk.caplen < chunk.wirelen))
        self.first_ts_ns = min(self.first_ts_ns, int(chunk.ts_ns.min()))
        self.last_ts_ns = max(self.last_ts_ns, int(chunk.ts_ns.max()))
        self.statuses += np.bincount(status, minlength=len(DecodeStatus))


@dataclass(frozen=True, slots=True)
class _Capture:
    """A capture read to its end (or to where the user stopped it)."""

    flows: IdentifiedFlows
    report: CaptureReport


def analyze_captures(
    captures: Sequence[str],
    catalog: Catalog,
    choice: MeshChoice = MeshChoice(),
    *,
    stdin: BinaryIO | None = None,
    watcher: Watcher | None = None,
) -> Report:
    """Diagnose every declared port from the captures that the names stand for.

    Raises:
        SourceError: No capture can be read.
        PolicyError: Mesh, version or setting are unknown.
    """
    policy = _policy(choice, catalog)
    capture = _read(open_sources(captures, stdin=stdin), watcher)
    seen = observe(capture.flows, catalog, _treatments(policy, catalog, choice))
    return _report(policy, catalog, capture.report, seen)


def list_ports(catalog: Catalog, choice: MeshChoice = MeshChoice()) -> Report:
    """What the mesh will do with every declared port, without a capture.

    Raises:
        PolicyError: Mesh, version or setting are unknown.
    """
    policy = _policy(choice, catalog)
    ports = [
        PortObservation(port, treated)
        for port, treated in _treatments(policy, catalog, choice).items()
    ]
    return Report(
        mesh=policy.mesh,
        mesh_version=policy.version,
        notes=_notes(policy),
        catalog=catalog.summary,
        ports=tuple(PortReport(seen, verdict(seen, ())) for seen in ports),
    )


def list_flows(
    captures: Sequence[str], *, stdin: BinaryIO | None = None, watcher: Watcher | None = None
) -> FlowList:
    """Every flow of the captures, without any declarations.

    Raises:
        SourceError: No capture can be read.
    """
    capture = _read(open_sources(captures, stdin=stdin), watcher)
    return FlowList(capture.report, _flow_rows(capture.flows))


# --- the capture side ---------------------------------------------------------------------------


def _read(source: Source, watcher: Watcher | None) -> _Capture:
    table, totals = FlowTable(), _Totals()
    try:
        for chunk in source:
            headers = decode(chunk)
            tags = nominate(chunk.data, headers.payload_at, headers.payload_len)
            table.fold(headers, chunk.data, tags)
            totals.add(chunk, headers.status)
            if watcher is not None:
                watcher(
                    frames=totals.frames,
                    bytes_read=source.bytes_read,
                    bytes_total=source.bytes_total,
                )
    except KeyboardInterrupt:
        totals.interrupted = True
    flows = join_redirected(seal(table))
    return _Capture(IdentifiedFlows(flows), _capture_report(source.summaries, totals, flows.rows))


def _capture_report(
    summaries: Sequence[SourceSummary], totals: _Totals, flows: int
) -> CaptureReport:
    return CaptureReport(
        sources=tuple(_source_report(summary) for summary in summaries),
        frames=totals.frames,
        bytes=totals.bytes,
        flows=flows,
        first_ts_ns=totals.first_ts_ns if totals.frames else -1,
        last_ts_ns=totals.last_ts_ns if totals.frames else -1,
        statuses=tuple(
            (status.name.lower().replace("_", " "), int(totals.statuses[status]))
            for status in DecodeStatus
            if totals.statuses[status]
        ),
        truncated_frames=totals.truncated,
        interrupted=totals.interrupted,
    )


def _source_report(summary: SourceSummary) -> SourceReport:
    return SourceReport(
        name=summary.name,
        format=summary.format,
        first_frame=summary.first_frame,
        frames=summary.frames,
        cut_short=summary.cut_short,
        corrupt_records=summary.corrupt_records,
        skipped_bytes=summary.skipped_bytes,
        dropped=summary.dropped,
        notes=tuple(summary.notes),
    )


_ORIENTED_BY = {o: o.name.lower().replace("_", "-") for o in Orientation}
_TRANSPORTS = {int(t): t.label for t in Transport}
_ROWS_AT_ONCE = 8_192


def _flow_rows(identified: IdentifiedFlows) -> Iterator[FlowRow]:
    """Rows made from slices of columns: a long listing never stands in memory as objects."""
    for begin in range(0, identified.flows.rows, _ROWS_AT_ONCE):
        yield from _rows_of_slice(identified, slice(begin, begin + _ROWS_AT_ONCE))


def _rows_of_slice(identified: IdentifiedFlows, part: slice) -> Iterator[FlowRow]:
    flows: Flows = identified.flows
    transport = flows.transport[part]
    is_tcp = (transport == Transport.TCP).tolist()
    stream = flows.stream[part].tolist()
    found = [identified.brief(row) for row in range(part.start, part.start + len(stream))]
    packets, payload = flows.packets[part].tolist(), flows.payload_bytes[part].tolist()
    return map(
        FlowRow,
        map(address_text, flows.client_hi[part].tolist(), flows.client_lo[part].tolist()),
        flows.client_port[part].tolist(),
        map(address_text, flows.server_hi[part].tolist(), flows.server_lo[part].tolist()),
        flows.server_port[part].tolist(),
        (_TRANSPORTS[t] for t in transport.tolist()),
        (f.protocol for f in found),
        (f.why for f in found),
        (f.confidence for f in found),
        (_ORIENTED_BY[o] for o in flows.oriented_by[part].tolist()),
        (sum(p) for p in packets),
        flows.bytes[part].sum(axis=1).tolist(),
        (p[0] for p in packets),
        (p[1] for p in packets),
        (p[0] for p in payload),
        (p[1] for p in payload),
        flows.first_frame[part].tolist(),
        flows.last_frame[part].tolist(),
        flows.first_ts_ns[part].tolist(),
        (flows.last_ts_ns[part] - flows.first_ts_ns[part]).tolist(),
        (s if tcp else None for s, tcp in zip(stream, is_tcp, strict=True)),
        (None if tcp else s for s, tcp in zip(stream, is_tcp, strict=True)),
        (flows.encapsulations[e] for e in flows.encapsulation[part].tolist()),
        (f.facts.sni for f in found),
        (f.facts.alpn_offered for f in found),
        (f.answered for f in found),
    )


# --- the declared side --------------------------------------------------------------------------


def _policy(choice: MeshChoice, catalog: Catalog) -> VersionPolicy:
    mesh = load_policy(choice.mesh)
    version = choice.version
    if version == AUTO and mesh.versions:
        version = detected_version(catalog.mesh_versions)
    return mesh.at(version, parse_settings(choice.settings))


def _treatments(
    policy: VersionPolicy, catalog: Catalog, choice: MeshChoice
) -> dict[ServicePort, Treated]:
    wanted = (p for p in catalog.ports if choice.namespace in (None, p.namespace))
    return {port: _treatment(policy, port) for port in wanted}


def _treatment(policy: VersionPolicy, port: ServicePort) -> Treated:
    here = treated(policy, port)
    if Treatment.SNIFFED not in (here.outbound.as_, here.inbound.as_):
        return here
    older = newest_older_opaque(policy, port, "http")
    return replace(here, opaque_before=older.title if older else "")


def _notes(policy: VersionPolicy) -> tuple[str, ...]:
    return (policy.note,) if policy.note else ()


def _report(
    policy: VersionPolicy, catalog: Catalog, capture: CaptureReport, seen: Observations
) -> Report:
    findings: list[Finding] = []
    ports = []
    for port in seen.ports:
        about_port = diagnose_port(port)
        findings += about_port
        ports.append(PortReport(port, verdict(port, about_port)))
    findings += diagnose_capture(_health(capture, seen))
    return Report(
        mesh=policy.mesh,
        mesh_version=policy.version,
        notes=_notes(policy),
        catalog=catalog.summary,
        ports=tuple(ports),
        findings=ordered(findings),
        capture=capture,
        unmatched=seen.unmatched,
        unmatched_flows=seen.unmatched_flows,
    )


def _health(capture: CaptureReport, seen: Observations) -> CaptureHealth:
    statuses = dict(capture.statuses)
    return CaptureHealth(
        frames=capture.frames,
        dropped=capture.dropped,
        cut_short=any(s.cut_short for s in capture.sources),
        corrupt_records=sum(s.corrupt_records for s in capture.sources),
        undecodable_frames=sum(
            statuses.get(s.name.lower().replace("_", " "), 0) for s in _UNREADABLE
        ),
        matched_flows=capture.flows - seen.unmatched_flows,
        flows=capture.flows,
        declared_ports=len(seen.ports),
    )
