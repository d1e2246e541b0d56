"""The capture side of the pipeline: what was read, sealed and identified, and listed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import numpy as np
import numpy.typing as npt

from sniffdiag.addresses import address_text
from sniffdiag.decode.headers import DecodeStatus
from sniffdiag.flows.flow import NO_TWIN, Flows, Orientation
from sniffdiag.flows.redirect import join_redirected
from sniffdiag.flows.seal import finish, seal
from sniffdiag.flows.twins import find_twins
from sniffdiag.model import Transport
from sniffdiag.pipeline.first_words import first_words
from sniffdiag.pipeline.forks import in_turn, spread
from sniffdiag.pipeline.reading import Reading, ReadingPlan, Totals, Watcher, read
from sniffdiag.records import dataclass
from sniffdiag.report.listing import CaptureReport, FlowList, FlowRow, SourceReport
from sniffdiag.sources.frames import SourceSummary

if TYPE_CHECKING:
    from sniffdiag.observe.identified import IdentifiedFlows
    from sniffdiag.observe.sealed_early import SealedEarly

Found = TypeVar("Found")

ROWS_PER_PROCESS = 100
"""Flows whose identification takes longer than starting a process."""


@dataclass(frozen=True, slots=True)
class Capture:
    """A capture read to its end (or to where the user stopped it)."""

    flows: IdentifiedFlows
    report: CaptureReport
    early: SealedEarly | None = None
    """Flows that are no longer among `flows`."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a listing shows of each flow beyond its protocol, and so has to be read."""

    facts: bool = False
    ja4: bool = False


ONLY_PROTOCOLS = Wanted()


def list_flows(
    captures: Sequence[str],
    *,
    stdin: BinaryIO | None = None,
    watcher: Watcher | None = None,
    processes: int = 1,
    wanted: Wanted = ONLY_PROTOCOLS,
) -> FlowList:
    """Every flow of the captures, without any declarations.

    Raises:
        SourceError: No capture can be read.
    """
    plan = ReadingPlan(processes, tallies=False, meanwhile=load_detectors)
    reading = read(captures, stdin=stdin, watcher=watcher, plan=plan)
    from sniffdiag.observe.identified import IdentifiedFlows  # noqa: PLC0415 - `load_detectors`

    flows = _connections(finish(reading.table))
    report = _capture_report(reading.summaries, reading.totals, flows)
    rows = _flow_rows(IdentifiedFlows(flows, spread=None), wanted, processes)
    return FlowList(report, rows, ja4=wanted.ja4)


def load_detectors() -> None:
    """Reading needs no detectors: they are loaded while other processes read."""
    import_module("sniffdiag.identify.candidates").prepare()
    import_module("sniffdiag.observe.identified")


def sealed(reading: Reading, processes: int = 1) -> Capture:
    """Everything that was read, sealed and identified."""
    return _identified(finish(reading.table), reading, processes)


def sealed_so_far(reading: Reading) -> Capture:
    """The same of a reading that goes on: its table may be folded on."""
    return _identified(seal(reading.table), reading, processes=1)


def _identified(flows: Flows, reading: Reading, processes: int) -> Capture:
    from sniffdiag.observe.identified import IdentifiedFlows  # noqa: PLC0415 - `load_detectors`

    flows = _connections(flows)
    report = _capture_report(reading.summaries, reading.totals, flows)
    if reading.early is not None:
        early = reading.early.total
        report = replace(report, flows=report.flows + early, sealed_early=early)
    identified = IdentifiedFlows(flows, partial(_shared_out, processes))
    return Capture(identified, report, reading.early)


def _connections(flows: Flows) -> Flows:
    """Flows with what NAT made of one connection put together."""
    flows = join_redirected(flows)
    find_twins(flows)
    return flows


def _shared_out(processes: int, probe: Callable[[int], Found], rows: list[int]) -> list[Found]:
    """A `Spread` over several processes, where that is worth it."""
    return spread(probe, rows, min(processes, len(rows) // ROWS_PER_PROCESS))


def _capture_report(
    summaries: Sequence[SourceSummary], totals: Totals, flows: Flows
) -> CaptureReport:
    return CaptureReport(
        sources=tuple(_source_report(summary) for summary in summaries),
        frames=totals.frames,
        bytes=totals.bytes,
        flows=flows.rows,
        first_ts_ns=totals.first_ts_ns if totals.frames else -1,
        last_ts_ns=totals.last_ts_ns if totals.frames else -1,
        statuses=tuple(
            (status_text(status), int(totals.statuses[status]))
            for status in DecodeStatus
            if totals.statuses[status]
        ),
        truncated_frames=totals.truncated,
        copies=totals.copies,
        twins=int(np.count_nonzero(flows.twin_of != NO_TWIN)),
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
"""By each process."""


def _flow_rows(identified: IdentifiedFlows, wanted: Wanted, processes: int) -> Iterator[FlowRow]:
    """Rows made from slices of columns: a long listing is never all objects.

    Of so many flows at once every process takes each second, third ...: those that began first have
    the longest heads to look at.
    """
    listed = partial(_columns_of_slice, identified, wanted)
    rows = identified.flows.rows
    at_once = _ROWS_AT_ONCE * processes
    for first in range(0, rows, at_once):
        end = min(first + at_once, rows)
        count = max(min(processes, (end - first) // ROWS_PER_PROCESS), 1)
        parts = [slice(first + part, end, count) for part in range(count)]
        yield from in_turn(map(FlowRow, *columns) for columns in spread(listed, parts, count))


def _streams_of(flows: Flows, rows: npt.NDArray[np.int64]) -> list[int | None]:
    """Stream numbers of rows, None for no row."""
    streams = flows.stream[rows].tolist()
    return [s if row != NO_TWIN else None for s, row in zip(streams, rows.tolist(), strict=True)]


def _columns_of_slice(identified: IdentifiedFlows, wanted: Wanted, part: slice) -> list[list[Any]]:
    """The columns of `FlowRow`, of the flows in one slice that are identified here."""
    identified.probe(part)
    flows: Flows = identified.flows
    rows = range(*part.indices(flows.rows))
    transport = flows.transport[part]
    is_tcp = (transport == Transport.TCP).tolist()
    stream = flows.stream[part].tolist()
    look = identified.detailed if wanted.facts else identified.brief
    found = [look(row) for row in rows]
    packets, payload = flows.packets[part].tolist(), flows.payload_bytes[part].tolist()
    columns = (
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
        flows.copies[part].tolist(),
        _streams_of(flows, flows.twin_of[part]),
        *first_words(flows, part),
        (f.facts.switched_to for f in found),
        (f.facts if wanted.facts else None for f in found),
        (identified.ja4(row) if wanted.ja4 else None for row in rows),
    )
    return [list(column) for column in columns]
