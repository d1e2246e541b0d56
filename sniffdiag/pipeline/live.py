"""A capture that goes on: the same fold, and reports of it while it lasts.

The fold is `reading`'s and the reports are `diagnosis`'s; what is here is only when to make one and
when to stop. A report in between is made by a forked process from its copy of the table, so that
the capture is never kept waiting and nothing of it is disturbed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from sniffdiag.catalog.services import Catalog
from sniffdiag.flows.table import FlowTable
from sniffdiag.model import PortVerdict
from sniffdiag.pipeline.capture import Capture, sealed, sealed_so_far
from sniffdiag.pipeline.ceiling import MOST_FLOWS, NICENESS, Ceiling
from sniffdiag.pipeline.changes import changes, rates
from sniffdiag.pipeline.diagnosis import MeshChoice, diagnose
from sniffdiag.pipeline.forks import Fork, begun
from sniffdiag.pipeline.interrupt import Stop
from sniffdiag.pipeline.memory import keep_freed_memory
from sniffdiag.pipeline.reading import Reading, Totals
from sniffdiag.records import dataclass
from sniffdiag.report.live import Event, EventKind, LiveState, PortRate
from sniffdiag.report.report import Report
from sniffdiag.sources.capture_files import CaptureFiles
from sniffdiag.sources.frames import FrameChunk, SourceSummary, rows_of
from sniffdiag.sources.pcapng_writer import WrittenInterface

if TYPE_CHECKING:  # only a watched cluster needs threads
    from sniffdiag.catalog.watch import Watch

REPORT_EVERY_S = 1.0
REST_FACTOR = 4
"""A report that takes long is followed by a rest of so many times that."""
ENOUGH_CONNECTIONS = 5
"""Decided connections that a verdict must rest on for --until-verdict."""


class LiveSource(Protocol):
    """Interfaces or a pipe."""

    interfaces: list[WrittenInterface]
    summaries: list[SourceSummary]

    @property
    def drops(self) -> dict[int, int]:
        """Packets lost until now, by interface."""

    def chunks(self, beat: Callable[[], bool]) -> Iterator[FrameChunk]:
        """Chunks until the end or until `beat`, asked often and between chunks only, says no."""


class Listener(Protocol):
    """Whoever shows how the capture stands."""

    def __call__(self, state: LiveState) -> None:
        """Called about once a second, between chunks."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a capture ends by itself; None is never."""

    duration_s: float | None = None
    count: int | None = None
    max_bytes: int | None = None
    """Captured bytes; the frame with the last of them is the last."""
    until_verdict: bool = False


@dataclass(slots=True)
class Declared:
    """What is declared now: where the cluster is watched, not the same from moment to moment."""

    catalog: Catalog
    choice: MeshChoice
    watch: Watch | None = None
    events: list[Event] = field(default_factory=list)
    """Changes of declarations that nobody was told of yet."""

    def look(self) -> None:
        """See what changed."""
        if self.watch is None:
            return
        news = self.watch.poll()
        self.catalog = news.catalog
        for change in news.changes:
            if self.choice.namespace in (None, change.port.namespace):
                event = Event(EventKind.DECLARATION_CHANGED, change.at_ns, change=change)
                self.events.append(event)


class LiveRun:
    """One capture from its beginning to its report."""

    def __init__(
        self,
        source: LiveSource,
        declared: Declared,
        limits: Limits = Limits(),
        files: CaptureFiles | None = None,
        most_flows: int = MOST_FLOWS,
    ) -> None:
        self._source = source
        self._declared = declared
        self._limits = limits
        self.files = files
        self._reading = Reading(FlowTable(tallies=True), Totals(), source.summaries)
        self._ceiling = Ceiling(self._reading, most_flows)
        self._captured_bytes = 0
        self._full = False
        self._reports = _Reports(self._reading, declared)
        self._stop = Stop()
        self._began_s = time.monotonic()
        self._shown = _Moment(self._began_s, 0, 0)

    def run(self, listener: Listener, processes: int = 1) -> Report:
        """Capture until a limit or a signal, and diagnose what was captured.

        Raises:
            SourceError: A pipe brings no capture.
        """
        keep_freed_memory()
        self._began_s = time.monotonic()
        self._listener = listener
        try:
            with self._stop:
                for chunk in self._source.chunks(self._beat):
                    self._take(chunk)
                    if self._full:
                        break
        finally:
            self._reports.stop()
            if self.files is not None:
                self.files.close(self._source.drops)
                self._note(self.files.problem())
        self._declared.look()
        self._ceiling.settle()
        capture = sealed(self._reading, processes)
        report = diagnose(capture, self._declared.catalog, self._declared.choice)
        self._reports.conclude(report)
        self._listener(self.state())
        return report

    def _take(self, chunk: FrameChunk) -> None:
        """Write and fold a chunk, as far as limits let it."""
        chunk = self._first_rows(chunk, self._rows_within_limits(chunk))
        self._reading.summaries = self._source.summaries
        self._captured_bytes += int(chunk.caplen.sum())
        if self.files is not None:
            chunk = self._first_rows(chunk, self.files.write(chunk, self._source.drops))
            self._full |= self.files.full
        self._reading.fold(chunk)
        self._ceiling.hold()

    def _first_rows(self, chunk: FrameChunk, rows: int) -> FrameChunk:
        """So many rows of the chunk; if these are not all, they are the last of the capture."""
        if rows == chunk.rows:
            return chunk
        _uncount(rows_of(chunk, rows, chunk.rows), self._source.summaries[-1])
        self._full = True
        return rows_of(chunk, 0, rows)

    def _rows_within_limits(self, chunk: FrameChunk) -> int:
        rows, limits = chunk.rows, self._limits
        if limits.count is not None:
            room = limits.count - self._reading.totals.frames
            self._full |= room <= rows
            rows = min(rows, room)
        if limits.max_bytes is not None:
            totals = self._captured_bytes + np.cumsum(chunk.caplen)
            reached = int(np.searchsorted(totals, limits.max_bytes)) + 1
            self._full |= reached <= chunk.rows
            rows = min(rows, reached)
        return rows

    def _beat(self) -> bool:
        """Between chunks: tell how it stands, and whether to go on."""
        now_s = time.monotonic()
        self._declared.look()
        due = now_s - self._shown.at_s >= REPORT_EVERY_S or bool(self._declared.events)
        self._ceiling.collect()
        if self._reports.renew(now_s, wait=self._ceiling.is_busy) or due:
            self._listener(self.state())
        duration_s = self._limits.duration_s
        over = duration_s is not None and now_s - self._began_s >= duration_s
        enough = self._limits.until_verdict and _enough(self._reports.latest)
        return not (self._stop.asked or self._full or over or enough)

    def state(self) -> LiveState:
        """How it stands now, and what happened since this was last asked."""
        now_s = time.monotonic()
        totals, before = self._reading.totals, self._shown
        seconds = max(now_s - before.at_s, 1e-3)
        self._shown = _Moment(now_s, totals.frames, totals.bytes)
        events = (*self._declared.events, *self._reports.events)
        self._declared.events.clear()
        self._reports.events.clear()
        return LiveState(
            at_ns=time.time_ns(),
            elapsed_s=now_s - self._began_s,
            frames=totals.frames,
            bytes=totals.bytes,
            dropped=sum(self._source.drops.values()),
            frames_per_s=(totals.frames - before.frames) / seconds,
            bits_per_s=(totals.bytes - before.bytes) * 8 / seconds,
            report=self._reports.latest,
            rates=self._reports.rates,
            events=events,
            notes=self._notes(),
        )

    def _note(self, text: str) -> None:
        """Let the report say so, of the capture as a whole."""
        if text and self._source.summaries:
            self._source.summaries[-1].notes.append(text)

    def _notes(self) -> tuple[str, ...]:
        notes = [note for summary in self._source.summaries for note in summary.notes]
        problem = self.files.problem() if self.files is not None else ""
        return tuple(notes if not problem or problem in notes else [*notes, problem])


@dataclass(frozen=True, slots=True)
class _Moment:
    """Counters as they were when they were last shown."""

    at_s: float
    frames: int
    bytes: int


class _Reports:
    """The latest report of a reading that goes on, renewed now and then."""

    def __init__(self, reading: Reading, declared: Declared) -> None:
        self._reading = reading
        self._declared = declared
        self._child: Fork | None = None
        self._begun_s = 0.0
        self._made_s: float | None = None
        """When what `latest` reports was folded."""
        self._made_of: tuple[int, Catalog] | None = None
        self._next_s = 0.0
        self.latest = self._make()
        self.rates = (PortRate(),) * len(self.latest.ports)
        self.events: list[Event] = []

    def _make(self) -> Report:
        return self._of_capture(sealed_so_far(self._reading))

    def _make_in_child(self) -> Report:
        """The same in less memory: the child's copy of the table is its own."""
        return self._of_capture(sealed(self._reading))

    def _of_capture(self, capture: Capture) -> Report:
        return diagnose(capture, self._declared.catalog, self._declared.choice)

    def renew(self, now_s: float, *, wait: bool) -> bool:
        """Fetch a report or begin one, if it need not `wait`; whether `latest` is new."""
        if self._child is None and wait:
            return False
        if self._child is None:
            due = now_s >= self._next_s or self._is_declared_anew()
            if due and not self._is_news():
                self.rates = (PortRate(),) * len(self.latest.ports)  # nothing comes any more
                return False
            return due and self._begin(now_s)
        if not self._child.ended():
            return False
        made = self._child.result()
        self.stop()
        return self._renewed(made if isinstance(made, Report) else self.latest)

    def _is_news(self) -> bool:
        """Whether another report could say anything else."""
        before, now = self._made_of, self._of()
        return before is None or before[0] != now[0] or before[1] is not now[1]

    def _is_declared_anew(self) -> bool:
        """A change of declarations does not wait for its turn."""
        return self._made_of is not None and self._made_of[1] is not self._declared.catalog

    def _of(self) -> tuple[int, Catalog]:
        """What a report made now would be of."""
        return self._reading.totals.frames, self._declared.catalog

    def _begin(self, now_s: float) -> bool:
        self._begun_s = now_s
        self._made_of = self._of()
        self._child = begun(self._make_in_child, NICENESS)
        return self._child is None and self._renewed(self._make())

    def _renewed(self, report: Report) -> bool:
        now_s = time.monotonic()
        self._next_s = self._begun_s + max(REPORT_EVERY_S, REST_FACTOR * (now_s - self._begun_s))
        if self._made_s is not None:
            self.rates = rates(self.latest, report, max(self._begun_s - self._made_s, 1e-3))
        else:
            self.rates = (PortRate(),) * len(report.ports)
        self._made_s = self._begun_s
        self.events += changes(self.latest, report, time.time_ns())
        self.latest = report
        return True

    def conclude(self, report: Report) -> None:
        """The last one: whatever it says has been told as an event."""
        self.events += changes(self.latest, report, time.time_ns())
        self.latest, self.rates = report, (PortRate(),) * len(report.ports)

    def stop(self) -> None:
        """What is being made is not needed."""
        if self._child is not None:
            self._child.stop()
            self._child = None


def _enough(report: Report) -> bool:
    """Every port with traffic has a verdict that rests on enough connections; one port at least."""
    with_traffic = [port for port in report.ports if port.verdict is not PortVerdict.NO_TRAFFIC]
    return bool(with_traffic) and all(
        port.seen.decided_flows >= ENOUGH_CONNECTIONS for port in with_traffic
    )


def _uncount(rest: FrameChunk, summary: SourceSummary) -> None:
    """Frames beyond a limit were read but are no part of the capture."""
    summary.frames -= rest.rows
    summary.bytes -= int(rest.caplen.sum())
    summary.truncated_frames -= int(np.count_nonzero(rest.caplen < rest.wirelen))
