"""Requests of one declared port, from columns where these count them, else from heads."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sniffdiag.flows.messages import RESET, RESET_UNANSWERED
from sniffdiag.flows.stream_codes import GRPC_STATUS, NO_GRPC_STATUS
from sniffdiag.flows.tallied import Tallied
from sniffdiag.model import Shown
from sniffdiag.nominate.messages import LOWEST_STATUS, STATUS_UNTOLD
from sniffdiag.observe.change import Answers
from sniffdiag.observe.http2_tally import Http2Tally, Seen, method_of
from sniffdiag.observe.http_counts import Counted, HttpCounts, Latency, Timeline
from sniffdiag.observe.identified import IdentifiedFlows

if TYPE_CHECKING:
    from sniffdiag.observe.early_tallies import PortTallies

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


class HttpTally:
    """Counts of the connections of one declared port that stand nearest to the client."""

    def __init__(
        self, identified: IdentifiedFlows, rows: Ints, left: PortTallies | None = None
    ) -> None:
        """With those of the flows that `left` early."""
        self._identified = identified
        self._rows = rows
        tallied = identified.flows.tallied
        self._http1 = tallied.of(rows) if tallied is not None else None
        self._http2 = Http2Tally(identified, rows, left)
        self._left = left
        told = [self._http1, self._http2.tallied]
        told += [left.http1, left.http2] if left is not None else []
        self._tallied = [each for each in told if each is not None]

    def counts(self) -> HttpCounts | None:
        """None where the port has neither requests nor responses."""
        codes = _by_code(self._http1)
        codes += _by_code(self._left.http1) if self._left is not None else []
        found = Seen.nothing()
        for code, times in codes:
            if code < RESET:
                found.methods[method_of(code)] += times
            elif code >= LOWEST_STATUS:
                found.statuses[code] += times
        http2 = self._http2.seen()
        exact, connections = self._http2.exact, self._http2.connections
        way = _way(
            in_columns=found.messages > 0 or exact < connections,
            in_heads=exact > 0 and http2.messages > 0,
        )
        found.include(http2)
        if not found.messages:
            return None
        ends = self._http2.ends()
        return HttpCounts(
            way,
            methods=tuple(sorted(found.methods.items(), key=lambda item: (-item[1], item[0]))),
            statuses=tuple(sorted(found.statuses.items())),
            grpc_statuses=tuple(sorted(found.grpc_statuses.items())),
            latency=_latency(self._tallied),
            unanswered_resets=sum(n for code, n in codes if code == RESET_UNANSWERED)
            + ends.unanswered,
            responses_untold=found.responses_untold,
            grpc_untold=found.grpc_untold,
            ends=ends,
            heads=exact,
            heads_of=connections,
            head_bytes=self._http2.head_bytes,
            is_least=exact < connections,
        )

    def timeline(self, shown: dict[int, Shown]) -> Timeline | None:
        """None where nothing of the port was counted in columns. `shown`: what rows show."""
        if not any(each.row.size for each in self._tallied):
            return None
        tallied = self._tallied[0]
        return Timeline(
            start_ns=tallied.start_ns,
            bucket_ns=tallied.bucket_ns,
            connections=self._began(tallied),
            requests=self._per_bucket(lambda code: code < RESET),
            responses=self._per_bucket(
                lambda code: (code >= LOWEST_STATUS) | (code == STATUS_UNTOLD)
            ),
            status_4xx=self._per_bucket(lambda code: code // 100 == 4),  # noqa: PLR2004 - the class
            status_5xx=self._per_bucket(lambda code: code // 100 == 5),  # noqa: PLR2004 - the class
            resets=self._per_bucket(lambda code: (code == RESET) | (code == RESET_UNANSWERED)),
            grpc_errors=self._per_bucket(
                lambda code: (code > GRPC_STATUS) & (code < NO_GRPC_STATUS)
            ),
            shown=self._shown(tallied, shown),
        )

    def _per_bucket(self, wanted: Callable[[npt.NDArray[np.uint16]], Mask]) -> tuple[int, ...]:
        bucket, times = (
            np.concatenate([getattr(each, name)[wanted(each.code)] for each in self._tallied])
            for name in ("bucket", "times")
        )
        return _summed(bucket, times, self._tallied[0].buckets)

    def answers(self, row: int) -> list[Answers]:
        """Of connections that were first answered before `row` asked, and of the others.

        Not of those that began before: `row` may be of a leg behind theirs.
        """
        flows = self._identified.flows
        asked, answered = flows.first_payload_frame[:, 0], flows.first_payload_frame[:, 1]
        known = np.where(answered > 0, answered, flows.first_frame)[self._rows]
        later = known >= (int(asked[row]) or int(flows.first_frame[row]))
        return [self._answers(self._rows[part]) for part in (~later, later)]

    def _answers(self, rows: Ints) -> Answers:
        http = HttpTally(self._identified, rows).counts()
        if http is None:
            return Answers(len(rows), 0, 0)
        failed = http.of_class(4) + http.errors
        return Answers(len(rows), max(http.requests, http.responses), failed)

    def _began(self, tallied: Tallied) -> tuple[int, ...]:
        bucket = self._begins(tallied, self._rows)
        times = np.ones(bucket.shape[0], np.int64)
        if self._left is not None:
            began = self._left.began
            bucket, times = np.append(bucket, began.bucket), np.append(times, began.times)
        return _summed(bucket, times, tallied.buckets)

    def _begins(self, tallied: Tallied, rows: Ints) -> Ints:
        """The bucket in which each row begins."""
        began = self._identified.flows.first_ts_ns[rows]
        bucket = (began - tallied.start_ns) // tallied.bucket_ns
        return np.clip(bucket, 0, tallied.buckets - 1)

    def _shown(self, tallied: Tallied, shown: dict[int, Shown]) -> tuple[Shown | None, ...]:
        rows = np.array(list(shown), np.int64)
        found: list[Shown | None] = [None] * tallied.buckets
        begins = self._begins(tallied, rows).tolist()
        for bucket, word in zip(begins, shown.values(), strict=True):
            found[bucket] = word if found[bucket] in (None, word) else Shown.MIXED
        return tuple(found)


def _way(*, in_columns: bool, in_heads: bool) -> Counted:
    if in_columns and in_heads:
        return Counted.BOTH
    return Counted.COLUMNS if in_columns else Counted.HEADS


def _by_code(tallied: Tallied | None) -> list[tuple[int, int]]:
    """Codes and times, codes in ascending order."""
    if tallied is None:
        return []
    times = np.bincount(tallied.code, tallied.times).astype(np.int64)
    return [(code, int(times[code])) for code in np.flatnonzero(times).tolist()]


def _latency(tallied: list[Tallied]) -> Latency | None:
    taken, times = (
        np.concatenate([np.zeros(0, np.int64), *(getattr(each, name) for each in tallied)])
        for name in ("latency_ns", "latency_times")
    )
    if not times.size:
        return None
    order = np.argsort(taken)
    latency, up_to = taken[order], np.cumsum(times[order])
    answers = int(up_to[-1])
    ranks = [-(-answers * percent // 100) for percent in (50, 90, 99)]
    return Latency(answers, *latency[np.searchsorted(up_to, ranks)].tolist())


def _summed(bucket: Ints, times: Ints, buckets: int) -> tuple[int, ...]:
    return tuple(np.bincount(bucket, times, buckets).astype(np.int64).tolist())
