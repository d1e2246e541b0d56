"""When a client's proxy connected to a pod: before the client said a word, or not at all.

A proxy that reads HTTP, or looks at the first bytes, knows where to connect only when it has them;
one that passes bytes on unread connects at once. With a real Envoy no connection handled as HTTP
had its other half opened before the client's first byte (0 of 53), and half of those handled as TCP
had (41 of 82): early tells, late tells nothing. Idle clients are clearer still: 7 of 7 and 6 of 6.

Both halves must be of one capture, or its clock might be another; and no other connection of the
client may have been open, or the proxy may have connected for that one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sniffdiag.flows.flow import Flows
from sniffdiag.model import Leg
from sniffdiag.observe.legs import LEGS, Rows

AT_ONCE_NS = 20_000_000
"""Longer is no answer to the client's connection."""
TOGETHER_NS = 10_000_000
"""Both halves of a connection that is passed on unread end so near to each other (82 of 82); of the
others the far half stays open in a pool, or ends tenths of a second apart."""
MOST_LOOKED_AT = 100


class Opening(NamedTuple):
    """A connection to a pod that a proxy opened before its client spoke."""

    near: int
    """Row between application and proxy."""
    far: int
    """Row between proxy and pod."""
    near_frame: int
    """The client's SYN."""
    far_frame: int
    """The proxy's own."""
    ended_together: bool


def early_openings(
    flows: Flows, leg: npt.NDArray[np.uint8], near: Sequence[int], far: Sequence[int]
) -> Iterator[Opening]:
    """For rows `near` their halves among the rows `far`, where these were opened early."""
    far_rows = np.array([row for row in far if flows.syn_frame[row]], dtype=np.int64)
    if not far_rows.size:
        return
    own = np.flatnonzero(leg == LEGS.index(Leg.APP_TO_PROXY))
    for row in [row for row in near if flows.syn_frame[row]][:MOST_LOOKED_AT]:
        began, spoke = int(flows.syn_ts_ns[row]), int(flows.first_payload_ts_ns[row, 0])
        until = began + AT_ONCE_NS if spoke < 0 else min(spoke, began + AT_ONCE_NS)
        opened = flows.syn_ts_ns[far_rows]
        mine = far_rows[(opened > began) & (opened < until) & _same_place(flows, row, far_rows)]
        if len(mine) == 1 and len(_open_at(flows, row, own, int(flows.syn_ts_ns[mine[0]]))) == 1:
            (other,) = mine.tolist()
            apart = abs(int(flows.last_ts_ns[row]) - int(flows.last_ts_ns[other]))
            syns = (int(flows.syn_frame[row]), int(flows.syn_frame[other]))
            yield Opening(row, other, *syns, apart <= TOGETHER_NS)


def _same_place(flows: Flows, row: int, rows: Rows) -> npt.NDArray[np.bool_]:
    """Those of `rows` with the same client, seen at the same place."""
    same = flows.interface[rows] == flows.interface[row]
    same &= flows.client_hi[rows] == flows.client_hi[row]
    found: npt.NDArray[np.bool_] = same & (flows.client_lo[rows] == flows.client_lo[row])
    return found


def _open_at(flows: Flows, row: int, own: Rows, ts_ns: int) -> Rows:
    """Rows to the proxy of the same client that were open then."""
    there = (flows.first_ts_ns[own] <= ts_ns) & (flows.last_ts_ns[own] >= ts_ns)
    return own[there & _same_place(flows, row, own)]
