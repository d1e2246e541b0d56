"""`FlowTable`: a fold over chunks that merges (law 3), and the ceiling on kept bytes (law 9).

Cut a capture wherever you like, fold the parts and merge them in capture order: the table seals to
the same flows. Who is the client, and which SYN begins a new flow, is not decided here: see `seal`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from sniffdiag.decode.headers import TCP_ACK, TCP_RST, TCP_SYN
from sniffdiag.flows.account import account
from sniffdiag.flows.chunk import NO_ROW, grouped, latest_of, packets_of, previous, syns_of
from sniffdiag.flows.fragments import FRAME_COLUMNS, SIDES, Fragments
from sniffdiag.flows.pieces import (
    BEYOND_ANY_BUDGET,
    CEILING,
    Block,
    Offer,
    Pieces,
    before_in_group,
)
from sniffdiag.flows.tuples import Tuples, grown

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sniffdiag.decode.headers import HeaderTable
    from sniffdiag.flows.chunk import Packets, TagsOf
    from sniffdiag.flows.fragments import Column
    from sniffdiag.flows.tallies import Tallies
    from sniffdiag.flows.tuples import Ints, Mask
    from sniffdiag.nominate.messages import Messages


class FlowTable:
    """Fragments of flows and the bytes kept of them. An empty table is the unit of `merge`."""

    __slots__ = (
        "_known",
        "_latest",
        "encapsulations",
        "fragments",
        "pieces",
        "tallies",
        "tuples",
    )

    def __init__(self, *, tallies: bool = False) -> None:
        """With `tallies` requests, statuses and latencies are counted."""
        self.tuples = Tuples()
        self.fragments = Fragments()
        self.pieces = Pieces()
        self.encapsulations: list[str] = [""]
        self.tallies = _new_tallies() if tallies else None
        self._latest = np.zeros(0, np.int32)
        """The latest fragment of each tuple, `NO_ROW` before its first."""
        self._known = 0
        """Fragments; one that no SYN began and the next of its tuple count as one.

        Both may be added to the same fragment when tables are merged, and a part must not know of
        more than the whole (`pieces`).
        """

    def fold(
        self,
        headers: HeaderTable,
        data: npt.NDArray[np.uint8],
        tags_of: TagsOf,
        copied: Mask | None = None,
        messages: Messages | None = None,
    ) -> None:
        """Add the chunk that follows. `data` is the chunk's; what is kept of it is copied.

        Rows that are `copied` of earlier ones (`flows.copies`) are counted as such and no more.
        `messages` are tallied, where that was asked for.
        """
        packets = packets_of(headers, tags_of, self.tuples, copied)
        if copied is None:
            self._add(packets, data, messages)
            return
        copies = packets_of(headers, tags_of, self.tuples, ~copied)
        self._learn_tuples()
        latest = self._latest[copies.slot].astype(np.int64)
        fragment = latest_of(copies, packets, self._add(packets, data, messages), latest)
        np.add.at(self.fragments["copies"], fragment, np.uint32(1))

    def _add(
        self, packets: Packets, data: npt.NDArray[np.uint8], messages: Messages | None
    ) -> Ints:
        """Add the packets of a chunk; the fragment of each."""
        if not packets.frame.size:
            return packets.frame
        self._learn_tuples()
        starts = self._starts(packets)
        self._begin(packets, starts)
        fragment, before = self._fragment_of_each(packets.slot, starts)
        owner = fragment * SIDES + packets.side
        counted = starts[self._counts(before)]
        if self._known < CEILING:
            self._keep_payload(packets, data, owner, counted)
        self._known += counted.shape[0]
        account(self.fragments, packets, fragment, owner)
        if self.tallies is not None and messages is not None:
            self.tallies.hear(packets, fragment, messages)
        return fragment

    def keep(self, stays: Mask) -> None:
        """Forget the tuples that `stays` does not mark.

        A packet of theirs that comes later begins a new fragment. Bytes are kept from now on as if
        the tuples that stay were all there ever were.
        """
        rest = self.part(stays)
        for name in ("tuples", "fragments", "pieces", "tallies", "_latest", "_known"):
            setattr(self, name, getattr(rest, name))

    def part(self, tuples: Mask) -> FlowTable:
        """A copy of everything about some tuples."""
        slots = np.flatnonzero(tuples)
        part = FlowTable()
        part.encapsulations = list(self.encapsulations)
        place = np.full(self.tuples.count, NO_ROW, np.int32)
        place[slots], _ = part.tuples.place(self.tuples.keys().take(slots))
        part._learn_tuples()
        rows = np.flatnonzero(place[self.fragments["slot"]] != NO_ROW)
        part.fragments = self.fragments.take(rows)
        part.fragments["slot"][:] = place[part.fragments["slot"]]
        part._latest[part.fragments["slot"]] = np.arange(rows.shape[0])
        part._known = int(
            np.count_nonzero(part._counts(previous(part.fragments["slot"].astype(np.int64))))
        )
        moved = np.full(self.fragments.rows, NO_ROW)
        moved[rows] = np.arange(rows.shape[0])
        part.pieces = self.pieces.moved(moved)
        part.tallies = None if self.tallies is None else self.tallies.part(moved)
        return part

    def renumber(self, by: int) -> None:
        """Add `by` to every frame number: so many frames come before those of this table."""
        for name in FRAME_COLUMNS:
            self.fragments.shift_frames(name, by)
        self.pieces.blocks = [replace(b, frame=b.frame + by) for b in self.pieces.blocks]

    def merge(self, other: FlowTable) -> None:
        """Add a table of what was captured after everything in this one. `other` is spent."""
        slots, _ = self.tuples.place(other.tuples.keys())
        self._learn_tuples()
        theirs = other.fragments
        theirs["slot"][:] = slots[theirs["slot"]]
        theirs["encapsulation"][:] = self._numbers(other.encapsulations)[theirs["encapsulation"]]
        before = previous(theirs["slot"].astype(np.int64))
        latest = self._latest[theirs["slot"]].astype(np.int64)
        target, sent = self._continue(theirs, before, latest)
        new = np.flatnonzero(target == NO_ROW)
        target[new] = self.fragments.rows + np.arange(new.shape[0])
        self.fragments.append(theirs, new)
        self._latest[theirs["slot"]] = target  # of equal indices the last assignment stays
        before = np.where(before == NO_ROW, latest, target[before]) if target.size else before
        counted = theirs["first_frame"][new[self._counts(before[new])]]
        if self._known < CEILING:
            self._keep_pieces(other.pieces, target, sent, counted)
        self._known += counted.shape[0]
        if other.tallies is not None:
            self.tallies = self.tallies or _new_tallies()
            self.tallies.merge(other.tallies, target)

    def _continue(self, theirs: Fragments, before: Ints, latest: Ints) -> tuple[Ints, Ints]:
        """Add the fragments of a later table that continue ours to them.

        Returns for each which one it was added to, or `NO_ROW`, and the payload bytes by side that
        were captured of that one until then. A tuple's first fragment continues if no SYN began it
        or if that repeats ours; in the former case so may its second.
        """
        mine, begun = self.fragments, theirs["begun_by_syn"]
        target = np.full(theirs.rows, NO_ROW)
        sent = np.zeros((theirs.rows, SIDES), np.int64)
        ask = np.flatnonzero((before == NO_ROW) & (latest != NO_ROW))
        for _ in ("first", "second"):
            again = mine.repeats(latest[ask], theirs["first_side"][ask], theirs["syn_seq"][ask])
            rows = ask[again | ~begun[ask]]
            target[rows] = latest[rows]
            sent[rows] = mine["captured_bytes"][latest[rows]]
            mine.combine(latest[rows], theirs, rows)
            open_ended = np.zeros(theirs.rows, np.bool_)
            open_ended[rows[~begun[rows]]] = True
            follows = np.flatnonzero(before != NO_ROW)
            ask = follows[open_ended[before[follows]]]
        return target, sent

    def _counts(self, before: Ints) -> Mask:
        """Whether fragments count as known, by the fragment before each in its tuple."""
        counts: Mask = before == NO_ROW
        follows = np.flatnonzero(~counts)
        counts[follows] = self.fragments["begun_by_syn"][before[follows]]
        return counts

    def _numbers(self, names: Sequence[str]) -> npt.NDArray[np.uint8]:
        """This table's numbers of encapsulations."""
        self.encapsulations += [name for name in names if name not in self.encapsulations]
        return np.array([self.encapsulations.index(name) for name in names], np.uint8)

    def _learn_tuples(self) -> None:
        """Make room for the latest fragments of new tuples."""
        used = self._latest.shape[0]
        if self.tuples.count > used:
            self._latest = grown(self._latest, used, self.tuples.count)
            self._latest[used:] = NO_ROW

    def _starts(self, packets: Packets) -> Ints:
        """The packets that begin fragments."""
        begins = np.zeros(packets.frame.shape[0], np.bool_)
        begins[packets.fresh] = True
        asking = (packets.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN
        if (asking > begins).any():
            syns = syns_of(packets)
            begins[syns.row[~syns.again]] = True
            first = syns.row[syns.first]
            first = first[self._latest[packets.slot[first]] != NO_ROW]
            latest = self._latest[packets.slot[first]]
            seq = packets.headers.seq[first]
            begins[first[self.fragments.repeats(latest, packets.side[first], seq)]] = False
        return np.flatnonzero(begins)

    def _begin(self, packets: Packets, starts: Ints) -> None:
        """Append fragments that know their first packets, and nothing else yet."""
        fragments, headers = self.fragments, packets.headers
        first = fragments.rows
        fragments.extend(starts.shape[0], int(packets.frame[-1]))
        numbers = self._numbers(headers.encapsulations)
        for name, values in (
            ("slot", packets.slot),
            ("begun_by_syn", (packets.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN),
            ("first_side", packets.side),
            ("first_frame", packets.frame),
            ("first_ts_ns", headers.ts_ns),
            ("interface", headers.interface),
            ("encapsulation", numbers[headers.encapsulation]),
        ):
            fragments[name][first:] = values[starts]

    def _fragment_of_each(self, slot: npt.NDArray[np.int32], starts: Ints) -> tuple[Ints, Ints]:
        """The fragment of every packet, and the one before that of each of `starts`.

        `starts` have begun the last fragments.
        """
        before = self._latest[slot].astype(np.int64)
        first = self.fragments.rows - starts.shape[0]
        begun = first + np.arange(starts.shape[0])
        self._latest[slot[starts]] = begun  # of equal indices the last assignment stays
        fragment = self._latest[slot].astype(np.int64)
        several = (before[starts] != NO_ROW) | (fragment[starts] != begun)
        if several.any():
            marked = np.zeros(self.tuples.count, np.bool_)
            marked[slot[starts[several]]] = True
            rows = np.flatnonzero(marked[slot])
            rows = rows[grouped(slot[rows].astype(np.int64))]
            known = before.copy()
            known[starts] = begun
            # A fragment ends where its tuple's rows do, or where the next begins.
            begins = np.zeros(slot.shape[0], np.bool_)
            begins[starts] = True
            same = slot[rows[1:]] == slot[rows[:-1]]
            goes_on = same & ~begins[rows[1:]]
            place = np.arange(rows.shape[0])
            place[1:][goes_on] = 0
            fragment[rows] = known[rows[np.maximum.accumulate(place)]]
            follows = np.flatnonzero(same & ~goes_on)
            before[rows[follows + 1]] = fragment[rows[follows]]
        return fragment, before[starts]

    def _keep_payload(
        self, packets: Packets, data: npt.NDArray[np.uint8], owner: Ints, counted: Ints
    ) -> None:
        """Offer a chunk's payload to `pieces`; with each row in `counted` one more is known."""
        headers, sent = packets.headers, self.fragments.by_side("captured_bytes")
        rows = np.flatnonzero(headers.payload_len)
        rows = rows[self.pieces.room(owner[rows], sent, self._known)]
        rows = rows[grouped(owner[rows])]
        before = sent[owner[rows]] + before_in_group(owner[rows], headers.payload_len[rows])
        # What comes with a RST explains it (RFC 9293 3.5.2) and is no part of the stream.
        streamed = np.flatnonzero((packets.flags[rows] & TCP_RST) == 0)
        rows, before = rows[streamed], before[streamed]
        offer = Offer(
            owner=owner[rows],
            before=_bounded(before),
            captured=headers.payload_len[rows],
            known=self._known + np.searchsorted(counted, rows, side="right"),
        )
        chosen, sample, kept = self.pieces.choose(offer)
        rows = rows[chosen]
        self.pieces.append(
            Block(
                owner=owner[rows].astype(np.int32),
                seq=headers.seq[rows] + ((packets.flags[rows] & TCP_SYN) != 0),
                frame=packets.frame[rows],
                before=offer.before[chosen],
                captured=headers.payload_len[rows],
                wire=headers.payload_wirelen[rows],
                sample=sample,
                at=headers.payload_at[rows],
                kept=kept,
                data=data[:0],
            ).copied(data)
        )

    def _keep_pieces(self, pieces: Pieces, target: Ints, sent: Ints, counted: Column) -> None:
        """Offer the pieces of a later table to `pieces`: they may be too many for both together."""
        sent = sent.reshape(-1)
        for block in pieces.blocks:
            owner = target[block.owner // SIDES] * SIDES + block.owner % SIDES
            order = grouped(owner)
            offer = Offer(
                owner=owner[order],
                before=_bounded(sent[block.owner] + block.before)[order],
                captured=block.captured[order],
                known=self._known + np.searchsorted(counted, block.frame[order], side="right"),
            )
            chosen, sample, kept = self.pieces.choose(offer)
            moved = replace(
                block.take(order[chosen]),
                owner=offer.owner[chosen].astype(np.int32),
                before=offer.before[chosen],
                sample=sample,
                kept=kept,
            )
            self.pieces.append(moved.compact())


def _new_tallies() -> Tallies:
    from sniffdiag.flows.tallies import Tallies  # noqa: PLC0415 - a listing does without

    return Tallies()


def _bounded(before: Ints) -> npt.NDArray[np.uint32]:
    """Counts beyond any budget are all the same."""
    return np.minimum(before, BEYOND_ANY_BUDGET).astype(np.uint32)


def merge(earlier: FlowTable, later: FlowTable) -> FlowTable:
    """Both as one table; `later` was captured after `earlier`. Neither may be used again."""
    earlier.merge(later)
    return earlier
