"""The capture side of the pipeline: sources to identified flows, and the listing of flows.

Live is not a mode and distributed is not a mode: whatever yields frame chunks can be folded, and
folding can be done in parts that are merged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from sniffdiag.addresses import address_text
from sniffdiag.decode.decode import decode
from sniffdiag.decode.headers import DecodeStatus
from sniffdiag.flows.flow import Flows, Orientation
from sniffdiag.flows.redirect import join_redirected
from sniffdiag.flows.seal import seal
from sniffdiag.flows.table import FlowTable
from sniffdiag.model import Transport
from sniffdiag.nominate.nominate import nominate
from sniffdiag.observe.identified import IdentifiedFlows
from sniffdiag.report.listing import CaptureReport, FlowList, FlowRow, SourceReport
from sniffdiag.sources.captures import open_sources
from sniffdiag.sources.frames import FrameChunk, Source, SourceSummary

_NO_TS = np.iinfo(np.int64)


class Watcher(Protocol):
    """Whoever wants to know how far a run is."""

    def __call__(self, *, frames: int, bytes_read: int, bytes_total: int | None) -> None:
        """Called after each chunk; `bytes_total` is None where the end is not known."""


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
class Capture:
    """A capture read to its end (or to where the user stopped it)."""

    flows: IdentifiedFlows
    report: CaptureReport


def list_flows(
    captures: Sequence[str], *, stdin: BinaryIO | None = None, watcher: Watcher | None = None
) -> FlowList:
    """Every flow of the captures, without any declarations.

    Raises:
        SourceError: No capture can be read.
    """
    capture = read_capture(open_sources(captures, stdin=stdin), watcher)
    return FlowList(capture.report, _flow_rows(capture.flows))


def read_capture(source: Source, watcher: Watcher | None) -> Capture:
    """Everything the source gives, folded, sealed and identified; what Ctrl-C leaves of it, too."""
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
    return Capture(IdentifiedFlows(flows), _capture_report(source.summaries, totals, flows.rows))


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
            (status_text(status), int(totals.statuses[status]))
            for status in DecodeStatus
            if totals.statuses[status]
        ),
        truncated_frames=totals.truncated,
        interrupted=totals.interrupted,
    )


def status_text(status: DecodeStatus) -> str:
    """`DecodeStatus.NOT_IP` as reports print it: "not ip"."""
    return status.name.lower().replace("_", " ")


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
