"""`Tallied`: what was counted of the messages of sealed flows, as columns."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sniffdiag.flows.messages import (
    RESET,
    RESET_UNANSWERED,
    Context,
    is_final,
    latency_ns,
    places,
    steps_of,
)
from sniffdiag.flows.stream_codes import not_waiting, with_client_as_0
from sniffdiag.flows.stream_events import StreamContext
from sniffdiag.records import dataclass

if TYPE_CHECKING:
    from sniffdiag.flows.messages import Events
    from sniffdiag.flows.stream_events import StreamEvents
    from sniffdiag.flows.tuples import Ints


@dataclass(frozen=True, slots=True)
class Tallied:
    """Messages by flow, time and code; latencies by flow. Rows are ordered by flow."""

    start_ns: int
    """Where the first bucket of time begins."""
    bucket_ns: int
    buckets: int
    row: Ints
    """Row in `Flows`."""
    bucket: Ints
    code: npt.NDArray[np.uint16]
    """A method or a status (`nominate.messages`), `RESET` or `RESET_UNANSWERED`."""
    times: Ints
    latency_row: Ints
    latency_ns: Ints
    """The middle of a step; there are 16 between a latency and its double."""
    latency_times: Ints
    halves: Events | StreamEvents
    """The first messages of flows with one side, of which two may be joined."""
    streams: Tallied | None = None
    """The same of HTTP/2 (`flows.streams`), with the codes of `flows.stream_codes` besides."""

    def joined(self, row: Ints, client_side: npt.NDArray[np.integer]) -> Tallied:
        """The same with flow `i` in row `row[i]`; where two share one, they are halves of it.

        Their latencies are those of their first messages: of the others it was not kept which
        answer came after which request. `client_side` of each flow will be 0.
        """
        streams = self.streams and self.streams.joined_streams(row, client_side)
        return replace(self._joined_messages(row), streams=streams)

    def joined_streams(self, row: Ints, client_side: npt.NDArray[np.integer]) -> Tallied:
        """As `joined`, of streams: latencies are those of the first frames."""
        shared = np.bincount(row) > 1
        halves = self.halves.copy()
        halves["side"] ^= client_side[halves["owner"]].astype(np.uint8)
        halves["owner"] = row[halves["owner"]]
        halves = halves[shared[halves["owner"]]]
        halves = halves[np.lexsort((halves["side"], halves["ts_ns"], halves["owner"]))]
        answers, taken = StreamContext(halves).answers(np.ones(halves.shape[0], np.bool_))
        code = with_client_as_0(self.code, client_side[self.row])
        code = np.where(shared[row[self.row]], not_waiting(code), code)
        return self._moved(row, code, (halves["owner"][answers], taken))

    def _joined_messages(self, row: Ints) -> Tallied:
        shared = np.bincount(row) > 1
        halves = self.halves.copy()
        halves["owner"] = row[halves["owner"]]
        halves = halves[shared[halves["owner"]]]
        asks = halves["code"] < RESET
        halves["side"] = ~asks  # each half has its own smaller endpoint
        halves = halves[np.lexsort((~asks, halves["ts_ns"], halves["owner"]))]
        place, _ = places(halves["owner"])
        answers, taken = Context(halves, place).answers(np.ones(halves.shape[0], np.bool_))
        code = self._answered_after_all(row, shared)
        return self._moved(row, code, (halves["owner"][answers], taken))

    def _moved(self, row: Ints, code: npt.NDArray[np.uint16], more: tuple[Ints, Ints]) -> Tallied:
        """In other rows, with other codes and more latencies: their rows and ns."""
        of_more, taken = more
        of = np.concatenate([row[self.latency_row], of_more])
        latency = np.concatenate([self.latency_ns, latency_ns(steps_of(taken))])
        times = np.concatenate([self.latency_times, np.ones(taken.shape[0], np.int64)])
        by_flow, by_latency = np.argsort(row[self.row], kind="stable"), np.argsort(of)
        return replace(
            self,
            row=row[self.row][by_flow],
            bucket=self.bucket[by_flow],
            code=code[by_flow],
            times=self.times[by_flow],
            latency_row=of[by_latency],
            latency_ns=latency[by_latency],
            latency_times=times[by_latency],
            halves=self.halves[:0],
        )

    def _answered_after_all(
        self, row: Ints, shared: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.uint16]:
        """Codes; a RST in one half is no lack of answers if the other half holds all of them."""
        asked = np.bincount(row[self.row], self.times * (self.code < RESET), shared.shape[0])
        answered = np.bincount(row[self.row], self.times * is_final(self.code), shared.shape[0])
        all_answered = shared & (answered >= asked)
        after_all = (self.code == RESET_UNANSWERED) & all_answered[row[self.row]]
        return np.where(after_all, RESET, self.code).astype(np.uint16)

    def grouped(self, group: Ints) -> Tallied:
        """The same by group, that of flow `i` being `group[i]`, or none where that is negative.

        Groups are rows then, and nothing of them can be joined any more.
        """
        row, latency_row = group[self.row], group[self.latency_row]
        mine, latencies = row >= 0, latency_row >= 0
        of_groups = replace(
            self,
            row=row[mine],
            bucket=self.bucket[mine],
            code=self.code[mine],
            times=self.times[mine],
            latency_row=latency_row[latencies],
            latency_ns=self.latency_ns[latencies],
            latency_times=self.latency_times[latencies],
            halves=self.halves[:0],
            streams=self.streams and self.streams.grouped(group),
        )
        return _summed_up(of_groups)

    def with_later(self, later: Tallied) -> Tallied:
        """Both as one, in the buckets of `later`, which are as wide or wider."""
        mine = self.in_buckets_of(later)
        both = replace(
            later,
            row=np.append(mine.row, later.row),
            bucket=np.append(mine.bucket, later.bucket),
            code=np.append(mine.code, later.code),
            times=np.append(mine.times, later.times),
            latency_row=np.append(mine.latency_row, later.latency_row),
            latency_ns=np.append(mine.latency_ns, later.latency_ns),
            latency_times=np.append(mine.latency_times, later.latency_times),
            streams=mine.streams and later.streams and mine.streams.with_later(later.streams),
        )
        return _summed_up(both)

    def in_buckets_of(self, other: Tallied) -> Tallied:
        """The same in buckets that are as wide or wider, and begin no later."""
        number = self.start_ns // self.bucket_ns + self.bucket
        wider = number * self.bucket_ns // other.bucket_ns - other.start_ns // other.bucket_ns
        return replace(
            self,
            start_ns=other.start_ns,
            bucket_ns=other.bucket_ns,
            buckets=other.buckets,
            bucket=wider,
            streams=self.streams and self.streams.in_buckets_of(other),
        )

    def requests(self, rows: int) -> Ints:
        """Requests of each flow, shape `(rows,)`."""
        asked = self.times * (self.code < RESET)
        return np.bincount(self.row, asked, minlength=rows).astype(np.int64)

    def of(self, rows: Ints) -> Tallied:
        """Only some flows, in ascending order."""
        mine = _slices(self.row, rows)
        latencies = _slices(self.latency_row, rows)
        return replace(
            self,
            row=self.row[mine],
            bucket=self.bucket[mine],
            code=self.code[mine],
            times=self.times[mine],
            latency_row=self.latency_row[latencies],
            latency_ns=self.latency_ns[latencies],
            latency_times=self.latency_times[latencies],
        )


def _summed_up(tallied: Tallied) -> Tallied:
    """Equal rows added together, in ascending order."""
    first, times = _added((tallied.row, tallied.bucket, tallied.code), tallied.times)
    latencies = (tallied.latency_row, tallied.latency_ns)
    first_latency, answers = _added(latencies, tallied.latency_times)
    return replace(
        tallied,
        row=tallied.row[first],
        bucket=tallied.bucket[first],
        code=tallied.code[first],
        times=times,
        latency_row=tallied.latency_row[first_latency],
        latency_ns=tallied.latency_ns[first_latency],
        latency_times=answers,
    )


def _added(columns: tuple[npt.NDArray[np.integer], ...], times: Ints) -> tuple[Ints, Ints]:
    """One row of each kind of equal ones in `columns`, ascending, and the sum of their `times`."""
    order = np.lexsort(columns[::-1])
    begins = np.ones(order.shape[0], np.bool_)
    begins[1:] = False
    for column in columns:
        begins[1:] |= column[order[1:]] != column[order[:-1]]
    first = np.flatnonzero(begins)
    summed = np.add.reduceat(times[order], first) if first.size else times
    return order[first], summed


def _slices(column: Ints, values: Ints) -> Ints:
    """Where an ascending column holds one of the ascending `values`."""
    first = np.searchsorted(column, values, side="left")
    size = np.searchsorted(column, values, side="right") - first
    before = np.cumsum(size) - size
    places: Ints = np.repeat(first - before, size) + np.arange(int(size.sum()))
    return places
