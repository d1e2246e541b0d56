"""Requests of HTTP/2 connections: exactly where all bytes were kept, else as segments show them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sniffdiag.flows.messages import RESET
from sniffdiag.flows.stream_codes import (
    GRPC_STATUS,
    NO_GRPC_STATUS,
    RESET_WAITING,
    cleared,
)
from sniffdiag.flows.tallied import Tallied
from sniffdiag.identify.exchanges import exchanges
from sniffdiag.identify.messages import Exchange
from sniffdiag.model import HTTP2_PROTOCOLS
from sniffdiag.nominate.messages import (
    ERROR_CODES,
    GOAWAY,
    LOWEST_STATUS,
    METHODS,
    STATUS_UNTOLD,
    STREAM_RESET,
    UNTOLD_METHOD,
)
from sniffdiag.observe.http_counts import OTHER_METHOD, UNKNOWN_METHOD, StreamEnds
from sniffdiag.observe.identified import IdentifiedFlows
from sniffdiag.records import dataclass

if TYPE_CHECKING:
    from sniffdiag.observe.early_tallies import PortTallies

READ_PER_PORT = 300
"""Connections of one declared port whose heads are read for HTTP/2 requests."""
GRPC = "grpc"

Ints = npt.NDArray[np.int64]


@dataclass(slots=True)
class Seen:
    """What was counted of some connections."""

    methods: Counter[str]
    statuses: Counter[int]
    grpc_statuses: Counter[int]
    responses_untold: int = 0
    grpc_untold: int = 0

    @classmethod
    def nothing(cls) -> Seen:
        """An empty one."""
        return cls(Counter(), Counter(), Counter())

    def include(self, other: Seen) -> None:
        """Add what was counted of others."""
        self.methods.update(other.methods)
        self.statuses.update(other.statuses)
        self.grpc_statuses.update(other.grpc_statuses)
        self.responses_untold += other.responses_untold
        self.grpc_untold += other.grpc_untold

    @property
    def messages(self) -> int:
        """Requests and responses."""
        return self.methods.total() + self.statuses.total() + self.responses_untold


class Http2Tally:
    """Counts of the HTTP/2 connections among `rows`."""

    def __init__(
        self, identified: IdentifiedFlows, rows: Ints, left: PortTallies | None = None
    ) -> None:
        """With those of the flows that `left` early, which are counted in segments."""
        self.rows = rows[identified.speak(HTTP2_PROTOCOLS, rows)]
        self._identified = identified
        tallied = identified.flows.tallied
        streams = tallied.streams if tallied is not None else None
        self.tallied = streams and cleared_of(identified, streams.of(self.rows))
        self._left = left
        self.connections = len(self.rows) + (left.http2_flows if left is not None else 0)
        self.exact = 0
        """Connections of which all bytes were kept, and read."""
        self.head_bytes = 0
        """The most that was read of one side of these."""

    def seen(self) -> Seen:
        """Requests and answers of all of them."""
        found, by_segments = Seen.nothing(), []
        for row in self.rows[:READ_PER_PORT].tolist():
            in_head = self._in_head(row)
            if in_head is not None:
                found.include(in_head)
            else:
                by_segments.append(row)
        rest = np.concatenate([np.array(by_segments, np.int64), self.rows[READ_PER_PORT:]])
        found.include(self._in_segments(rest))
        if self._left is not None:
            found.include(_of_segments(self._left.http2, self._left.grpc))
        return found

    def _in_head(self, row: int) -> Seen | None:
        """None where there was more than was kept, and segments tell no less."""
        heads = self._identified.heads(row)
        sides = (heads.client, heads.server)
        is_all = all(side.complete for side in sides)
        seen = Seen.nothing()
        for exchange in exchanges(heads):
            _count(seen, exchange)
        if not is_all and self._in_segments(np.array([row])).messages >= seen.messages:
            return None
        self.exact += is_all
        self.head_bytes = max(self.head_bytes, *(len(side.head) for side in sides))
        return seen

    def _in_segments(self, rows: Ints) -> Seen:
        if self.tallied is None:
            return Seen.nothing()
        of_grpc = self.tallied.of(rows[self._identified.speak({GRPC}, rows)])
        return _of_segments(self.tallied.of(rows), of_grpc)

    def ends(self) -> StreamEnds:
        """How streams and connections were ended by errors."""
        times = _by_code(self.tallied) if self.tallied is not None else Counter()
        times.update(_by_code(self._left.http2) if self._left is not None else {})
        waiting = _from(times, RESET_WAITING)
        resets = _from(times, STREAM_RESET) + waiting
        return StreamEnds(
            resets=tuple(sorted(resets.items())),
            unanswered=waiting.total(),
            goaways=tuple(sorted(_from(times, GOAWAY).items())),
        )


def _of_segments(tallied: Tallied, of_grpc: Tallied) -> Seen:
    """What the frames in segments tell, of all connections and of those that speak gRPC."""
    times, ends = _by_code(tallied), _by_code(of_grpc)
    return Seen(
        Counter({method_of(code): n for code, n in times.items() if code < RESET}),
        Counter({code: n for code, n in times.items() if code >= LOWEST_STATUS}),
        Counter(
            {
                code - GRPC_STATUS: n
                for code, n in ends.items()
                if GRPC_STATUS <= code < NO_GRPC_STATUS
            }
        ),
        responses_untold=times[STATUS_UNTOLD],
        grpc_untold=ends[NO_GRPC_STATUS],
    )


def method_of(code: int) -> str:
    """Name of a method, by its code."""
    if code <= len(METHODS):
        return METHODS[code - 1]
    return UNKNOWN_METHOD if code == UNTOLD_METHOD else OTHER_METHOD


def cleared_of(identified: IdentifiedFlows, tallied: Tallied) -> Tallied:
    """By now it is known who is the client."""
    code = cleared(tallied.code, identified.flows.client_side[tallied.row])
    return replace(tallied, code=code)


def _from(times: Counter[int], first: int) -> Counter[int]:
    """Error codes and times of frames whose codes begin at `first`."""
    return Counter(
        {code - first: n for code, n in times.items() if first <= code < first + ERROR_CODES}
    )


def _by_code(tallied: Tallied) -> Counter[int]:
    times = np.bincount(tallied.code, tallied.times).astype(np.int64)
    return Counter({code: int(times[code]) for code in np.flatnonzero(times).tolist()})


def _count(seen: Seen, exchange: Exchange) -> None:
    if exchange.request is not None:
        method = exchange.request.method
        known = method if method in METHODS else OTHER_METHOD
        seen.methods[known if method else UNKNOWN_METHOD] += 1
    answer = exchange.response
    if answer is None:
        return
    if answer.status is not None:
        seen.statuses[answer.status] += 1
    else:
        seen.responses_untold += 1
    if answer.grpc_status is not None:
        seen.grpc_statuses[answer.grpc_status] += 1
