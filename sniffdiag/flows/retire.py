"""Which tuples leave a table that has grown to its ceiling (law 9): those idle for longest.

The first few tuples of every kind stay, whatever their age, so that what was counted can still be
shown: a kind is a server endpoint and how both sides begin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sniffdiag.flows.seal import ORIENTING, clients

if TYPE_CHECKING:
    import numpy.typing as npt

    from sniffdiag.flows.table import FlowTable
    from sniffdiag.flows.tuples import Endpoints, Ints, Mask

WITNESSES = 32
"""Tuples of a kind that stay."""
MOST_FRAGMENTS = 8
"""Of a witness: a tuple that is used again and again is no witness but a load."""
WITNESS_SHARE = 4
"""Witnesses are at most this part of what stays."""
_MULTIPLIERS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], np.uint64)
"""Odd numbers that mix bits. Kinds whose numbers collide share their witnesses, no more."""


def leaving(table: FlowTable, stay: int) -> Mask:
    """The tuples that must leave so that about `stay` fragments remain, shape (tuples,)."""
    slot = table.fragments["slot"].astype(np.int64)
    tuples = table.tuples.count
    fragments = np.bincount(slot, minlength=tuples)
    latest = np.zeros(tuples, np.int64)
    np.maximum.at(latest, slot, table.fragments["last_frame"].astype(np.int64))
    witness = _witnesses(table, fragments, stay // WITNESS_SHARE)
    oldest_first = np.argsort(np.where(witness, np.iinfo(np.int64).max, latest), kind="stable")
    remain = slot.shape[0] - np.cumsum(fragments[oldest_first])
    count = int(np.searchsorted(-remain, -stay)) + 1
    leaves = np.zeros(tuples, np.bool_)
    leaves[oldest_first[:count]] = True
    return leaves


def _witnesses(table: FlowTable, fragments: Ints, most: int) -> Mask:
    """The first tuples of each kind, not more than `most` fragments of them."""
    slots = np.arange(fragments.shape[0], dtype=np.int32)
    kind = _kinds(table, slots)
    order = np.argsort(kind, kind="stable")
    begins = np.ones(order.shape[0], np.bool_)
    begins[1:] = kind[order[1:]] != kind[order[:-1]]
    place = np.arange(order.shape[0])
    number = place - np.maximum.accumulate(np.where(begins, place, 0))
    witness = np.zeros(order.shape[0], np.bool_)
    witness[order] = number < WITNESSES
    witness &= fragments <= MOST_FRAGMENTS
    witness &= np.cumsum(fragments * witness) <= most
    return witness


def _kinds(table: FlowTable, slots: npt.NDArray[np.int32]) -> npt.NDArray[np.uint64]:
    """A number for the server endpoint and both sides' first tags of each tuple."""
    first = np.zeros(slots.shape[0], np.int64)
    slot = table.fragments["slot"][::-1]
    first[slot] = np.arange(slot.shape[0])[::-1]  # of equal indices the last assignment stays
    begun = table.fragments.take(first, ("slot", "first_tag", *ORIENTING))
    ends: Endpoints = table.tuples.endpoints(slots)
    server_is_1 = clients(begun, ends) == 0
    tags = begun["first_tag"].astype(np.uint64)
    port = np.where(server_is_1, ends.port[1], ends.port[0]).astype(np.uint64)
    facts = (
        np.where(server_is_1, ends.hi[1], ends.hi[0]),
        np.where(server_is_1, ends.lo[1], ends.lo[0]),
        port | ends.transport.astype(np.uint64) << np.uint64(16),
    )
    kind = tags[:, 0] | tags[:, 1] << np.uint64(8)
    for fact, multiplier in zip(facts, _MULTIPLIERS, strict=True):
        kind = (kind ^ fact) * multiplier
        kind ^= kind >> np.uint64(29)
    return kind
