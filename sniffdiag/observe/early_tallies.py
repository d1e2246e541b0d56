"""Requests of flows that had to make room for others, by kind of flow and by time.

Kinds are numbers here; `sealed_early` knows which. What is kept does not grow with flows: a few
numbers for each kind and bucket of time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from sniffdiag.model import HTTP2_PROTOCOLS
from sniffdiag.observe.http2_tally import GRPC, cleared_of
from sniffdiag.records import dataclass

if TYPE_CHECKING:
    import numpy.typing as npt

    from sniffdiag.flows.tallied import Tallied
    from sniffdiag.observe.identified import IdentifiedFlows

    Ints = npt.NDArray[np.int64]

BEGAN = 0
"""The code of connections that began, in a `Tallied` of their own."""


@dataclass(frozen=True, slots=True)
class PortTallies:
    """What was counted of the flows of one declared port that left; rows mean nothing."""

    http1: Tallied
    http2: Tallied
    grpc: Tallied
    """Of `http2`."""
    began: Tallied
    http2_flows: int


@dataclass(frozen=True, slots=True)
class EarlyTallies:
    """Counts by kind; `http1.streams` are those of HTTP/2."""

    http1: Tallied
    began: Tallied

    @classmethod
    def of_flows(cls, identified: IdentifiedFlows, group: Ints) -> EarlyTallies | None:
        """Those of flows that leave; `group` of each, or -1."""
        tallied = identified.flows.tallied
        if tallied is None or not tallied.buckets:
            return None
        streams = tallied.streams and cleared_of(identified, tallied.streams)
        rows = np.flatnonzero(group >= 0)
        bucket = (identified.flows.first_ts_ns[rows] - tallied.start_ns) // tallied.bucket_ns
        none = np.zeros(0, np.int64)
        began = replace(
            tallied,
            row=rows,
            bucket=bucket,  # perhaps beyond those of the messages, which may come yet
            code=np.full(rows.shape[0], BEGAN, np.uint16),
            times=np.ones(rows.shape[0], np.int64),
            latency_row=none,
            latency_ns=none,
            latency_times=none,
            streams=None,
        )
        http1 = replace(tallied, streams=streams).grouped(group)
        return cls(http1, began.grouped(group))

    def renumbered(self, to: Ints) -> EarlyTallies:
        """With kind `i` as `to[i]`; without those that are -1 then."""
        return EarlyTallies(self.http1.grouped(to), self.began.grouped(to))

    def with_later(self, later: EarlyTallies) -> EarlyTallies:
        """Both, of the same kinds."""
        return EarlyTallies(self.http1.with_later(later.http1), self.began.with_later(later.began))

    def of(self, kinds: dict[int, tuple[str, int]], like: Tallied) -> PortTallies:
        """Of some kinds, in the buckets of `like`. Protocol and number of flows of each kind."""
        every = np.array(sorted(kinds), np.int64)
        http2 = [kind for kind in kinds if kinds[kind][0] in HTTP2_PROTOCOLS]
        grpc = [kind for kind in kinds if kinds[kind][0] == GRPC]
        http1 = self.http1.in_buckets_of(like)
        streams = http1.streams or http1.of(every[:0])
        began = self.began.in_buckets_of(like).of(every)
        return PortTallies(
            http1=http1.of(every),
            http2=streams.of(np.array(sorted(http2), np.int64)),
            grpc=streams.of(np.array(sorted(grpc), np.int64)),
            began=replace(began, bucket=np.clip(began.bucket, 0, like.buckets - 1)),
            http2_flows=sum(kinds[kind][1] for kind in http2),
        )
