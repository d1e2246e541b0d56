"""Requests of one declared port, from columns where these count them, else from heads."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

from sniffdiag.flows.messages import RESET, RESET_UNANSWERED
from sniffdiag.flows.tallied import Tallied
from sniffdiag.identify.exchanges import exchanges
from sniffdiag.identify.messages import Exchange
from sniffdiag.model import HTTP2_PROTOCOLS, Shown
from sniffdiag.nominate.messages import LOWEST_STATUS, METHODS
from sniffdiag.observe.change import Answers
from sniffdiag.observe.http_counts import Counted, HttpCounts, Latency, Timeline
from sniffdiag.observe.identified import IdentifiedFlows

READ_PER_PORT = 300
"""Connections of one declared port whose heads are read for HTTP/2 requests."""

Ints = npt.NDArray[np.int64]
_OTHER = "other"


class HttpTally:
    """Counts of the connections of one declared port that stand nearest to the client."""

    def __init__(self, identified: IdentifiedFlows, rows: Ints) -> None:
        self._identified = identified
        self._rows = rows
        tallied = identified.flows.tallied
        self._tallied = tallied.of(rows) if tallied is not None else None

    def counts(self) -> HttpCounts | None:
        """None where the port has neither requests nor responses."""
        codes = _by_code(self._tallied)
        methods = Counter(
            {METHODS[c - 1] if c <= len(METHODS) else _OTHER: n for c, n in codes if c < RESET}
        )
        statuses = Counter({code: n for code, n in codes if code >= LOWEST_STATUS})
        in_columns = bool(methods or statuses)
        heads = _Heads(self._identified, self._rows)
        methods.update(heads.methods)
        statuses.update(heads.statuses)
        if not methods and not statuses:
            return None
        in_heads = bool(heads.methods or heads.statuses)
        return HttpCounts(
            _way(in_columns=in_columns, in_heads=in_heads),
            methods=tuple(sorted(methods.items(), key=lambda item: (-item[1], item[0]))),
            statuses=tuple(sorted(statuses.items())),
            grpc_statuses=tuple(sorted(heads.grpc_statuses.items())),
            latency=_latency(self._tallied),
            unanswered_resets=dict(codes).get(RESET_UNANSWERED, 0),
            heads=heads.read,
            heads_of=heads.all,
            head_bytes=heads.most_bytes,
            is_least=heads.is_least,
        )

    def timeline(self, shown: dict[int, Shown]) -> Timeline | None:
        """None where nothing of the port was counted in columns. `shown`: what rows show."""
        tallied = self._tallied
        if tallied is None or not tallied.row.size:
            return None
        code = tallied.code
        return Timeline(
            start_ns=tallied.start_ns,
            bucket_ns=tallied.bucket_ns,
            connections=self._began(tallied),
            requests=_per_bucket(tallied, code < RESET),
            responses=_per_bucket(tallied, code >= LOWEST_STATUS),
            status_4xx=_per_bucket(tallied, code // 100 == 4),  # noqa: PLR2004 - the class
            status_5xx=_per_bucket(tallied, code // 100 == 5),  # noqa: PLR2004 - the class
            resets=_per_bucket(tallied, (code == RESET) | (code == RESET_UNANSWERED)),
            shown=self._shown(tallied, shown),
        )

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
        failed = http.of_class(4) + http.of_class(5) + http.unanswered_resets
        return Answers(len(rows), max(http.requests, http.responses), failed)

    def _began(self, tallied: Tallied) -> tuple[int, ...]:
        return _summed(self._begins(tallied, self._rows), None, tallied.buckets)

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


class _Heads:
    """Exchanges in the heads of the HTTP/2 connections among `rows`."""

    def __init__(self, identified: IdentifiedFlows, rows: Ints) -> None:
        mine = rows[identified.speak(HTTP2_PROTOCOLS, rows)]
        self.all = len(mine)
        mine = mine[:READ_PER_PORT]
        self.methods: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.grpc_statuses: Counter[int] = Counter()
        self.read = len(mine)
        self.most_bytes = 0
        self.is_least = self.read < self.all
        for row in mine.tolist():
            heads = identified.heads(row)
            sides = (heads.client, heads.server)
            self.most_bytes = max(self.most_bytes, *(len(side.head) for side in sides))
            self.is_least |= not all(side.complete for side in sides)
            for exchange in exchanges(heads):
                self._count(exchange)

    def _count(self, exchange: Exchange) -> None:
        if exchange.request is not None:
            method = exchange.request.method
            self.methods[method if method in METHODS else _OTHER] += 1
        answer = exchange.response
        if answer is not None and answer.status is not None:
            self.statuses[answer.status] += 1
        if answer is not None and answer.grpc_status is not None:
            self.grpc_statuses[answer.grpc_status] += 1


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


def _latency(tallied: Tallied | None) -> Latency | None:
    if tallied is None or not tallied.latency_times.size:
        return None
    order = np.argsort(tallied.latency_ns)
    latency, up_to = tallied.latency_ns[order], np.cumsum(tallied.latency_times[order])
    answers = int(up_to[-1])
    ranks = [-(-answers * percent // 100) for percent in (50, 90, 99)]
    return Latency(answers, *latency[np.searchsorted(up_to, ranks)].tolist())


def _per_bucket(tallied: Tallied, rows: npt.NDArray[np.bool_]) -> tuple[int, ...]:
    return _summed(tallied.bucket[rows], tallied.times[rows], tallied.buckets)


def _summed(bucket: Ints, times: Ints | None, buckets: int) -> tuple[int, ...]:
    return tuple(np.bincount(bucket, times, buckets).astype(np.int64).tolist())
