"""HTTP/2 frames of flows, each with those before it: repeats, answers, trailers, resets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sniffdiag.flows.stream_codes import RESET_WAITING, UNCLEAR, grpc_codes
from sniffdiag.nominate.messages import (
    FIRST_FINAL_STATUS,
    GOAWAY,
    LOWEST_STATUS,
    STATUS_UNTOLD,
    STREAM_RESET,
    UNTOLD,
    UNTOLD_METHOD,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sniffdiag.flows.tuples import Ints, Mask

STREAM_EVENT = np.dtype(
    [
        ("ts_ns", np.int64),
        ("seq", np.uint32),  # of the frame's first byte
        ("owner", np.int32),  # the fragment or flow that it belongs to
        ("stream", np.uint32),
        ("tentative", np.int16),  # which segment of its table's flow it is in, from 1; else 0
        ("code", np.uint16),
        ("grpc_status", np.uint8),
        ("pending", np.uint8),  # what settles it (`header_tables.Told`)
        ("side", np.uint8),
        ("ends", np.bool_),
        ("counted", np.bool_),
    ]
)
StreamEvents = npt.NDArray[np.void]
_BLOB = np.dtype(f"V{STREAM_EVENT.itemsize}")
WINDOW = 256
"""Frames that are looked back at: some eighty requests may wait at once."""
_ON_A_STREAM = 4
"""Frames of one stream that are looked back at: request, 1xx, response, trailers."""


def events_of(events: StreamEvents, rows: npt.NDArray[Any]) -> StreamEvents:
    """The given rows (indices or a mask)."""
    found: StreamEvents = events.view(_BLOB)[rows].view(STREAM_EVENT)
    return found


def together(parts: Sequence[StreamEvents]) -> StreamEvents:
    """All of them, one after the other."""
    return np.concatenate([part.view(_BLOB) for part in parts]).view(STREAM_EVENT)


class StreamContext:
    """What the frames before each frame tell of it. Equal owners are adjacent."""

    __slots__ = (
        "_events",
        "_is_block",
        "_opened_at",
        "_repeats_after",
        "again",
        "asked",
        "repeated",
    )

    def __init__(self, events: StreamEvents) -> None:
        rows = events.shape[0]
        code = events["code"]
        self._events = events
        self._is_block = ((code <= UNTOLD_METHOD) | (code == UNTOLD) | (code == STATUS_UNTOLD)) | (
            code >= LOWEST_STATUS
        )
        self._repeats_after = _distances(events)
        self.repeated = self._repeats_after <= WINDOW
        """The same frame is among those before."""
        self.again = np.zeros(rows, np.bool_)
        """So is a header block of the same side on its stream, but of a 1xx status;"""
        self.asked = np.zeros(rows, np.bool_)
        """and one of the other side, but of a 1xx status."""
        self._opened_at = np.full(rows, -1)
        """The row of the first of the latter."""
        self._look_back()

    def _look_back(self) -> None:
        events = self._events
        key = (events["owner"].astype(np.int64) << 32) | events["stream"]
        order = np.argsort(key, kind="stable")
        key = key[order]
        code = events["code"]
        is_told = self._is_block & ~((code >= LOWEST_STATUS) & (code < FIRST_FINAL_STATUS))
        side = events["side"]
        for back in range(1, _ON_A_STREAM + 1):
            same = np.flatnonzero(key[back:] == key[:-back])
            row, before = order[same + back], order[same]
            distance = row - before
            seen = (distance <= WINDOW) & is_told[before]
            seen &= distance + self._repeats_after[before] > WINDOW
            row, before = row[seen], before[seen]
            is_own = side[row] == side[before]
            self.again[row[is_own]] = True
            self.asked[row[~is_own]] = True
            self._opened_at[row[~is_own]] = before[~is_own]

    def codes(self, rows: Mask) -> Iterator[tuple[Ints, npt.NDArray[np.uint16]]]:
        """What of `rows` counts, and as what; an answer and its gRPC status apart."""
        events = self._events
        due = np.flatnonzero(rows & ~self.repeated)
        code, again, asked = events["code"][due], self.again[due], self.asked[due]
        is_request = code <= UNTOLD_METHOD
        is_untold = code == UNTOLD
        is_answer = (is_untold & asked & ~again) | (code == STATUS_UNTOLD) | (code >= LOWEST_STATUS)
        is_trailers = is_untold & again
        is_unclear = is_untold & ~again & ~asked
        is_frame = ~self._is_block[due]
        told = code.copy()
        told[is_answer & is_untold] = STATUS_UNTOLD
        unclear = UNCLEAR + 2 * events["side"][due] + events["ends"][due]
        told = np.where(is_unclear, unclear, told).astype(np.uint16)
        is_reset = is_frame & (code < GOAWAY)
        told[is_reset & (again != asked)] += RESET_WAITING - STREAM_RESET
        counts = (is_request & ~again) | is_answer | is_unclear | is_frame
        yield due[counts], told[counts]
        status, ago = events["grpc_status"][due], events["pending"][due]
        tells = events["ends"][due] & (is_answer | is_trailers)
        yield due[tells], grpc_codes(events["side"][due[tells]], status[tells], ago[tells])

    def answers(self, rows: Mask) -> tuple[Ints, Ints]:
        """Which of `rows` answer a request before them, and after how many ns."""
        events = self._events
        code = events["code"]
        final = (code == UNTOLD) | (code == STATUS_UNTOLD) | (code >= FIRST_FINAL_STATUS)
        final &= rows & ~self.repeated & self.asked & ~self.again
        answers = np.flatnonzero(final)
        taken = events["ts_ns"][answers] - events["ts_ns"][self._opened_at[answers]]
        good = taken >= 0
        return answers[good], taken[good]


def _distances(events: StreamEvents) -> Ints:
    """How many frames of its flow ago the same frame came; beyond `WINDOW` where none did."""
    key = (events["owner"].astype(np.int64) << 33) | events["seq"]
    key |= events["side"].astype(np.int64) << 32
    order = np.argsort(key, kind="stable")
    distance = np.full(events.shape[0], WINDOW + 1, np.int64)
    same = np.flatnonzero(np.diff(key[order]) == 0)
    distance[order[same + 1]] = order[same + 1] - order[same]
    return distance
