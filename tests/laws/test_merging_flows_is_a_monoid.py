"""Law 3, flows: however a capture is cut into chunks and tables, the sealed flows are the same."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sniffdiag.flows import pieces
from sniffdiag.flows.seal import finish, seal
from sniffdiag.flows.table import FlowTable, merge
from sniffdiag.nominate.tags import Tag
from tests.support.packets import (
    ACK,
    FIN,
    PSH,
    RST,
    SYN,
    TCP,
    UDP,
    Packet,
    chunk_of_packets,
    everything_of,
    folded,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Cuts = list[int]

WEB, NODE, POD = 0x0A000001, 0x0A000002, 0xFD00 << 112 | 1
ENDS = ((WEB, 80), (NODE, 40000), (NODE, 80), (POD, 40000))
CONVERSATIONS = ((0, 1), (1, 0), (0, 1), (1, 0), (2, 0), (0, 2), (3, 0), (0, 3), (1, 1))
"""Sender and receiver; half of all packets belong to one conversation."""
FLAGS = (SYN, SYN | ACK, ACK, ACK, PSH | ACK, PSH | ACK, FIN | ACK, RST, 0, SYN | FIN)
SEQUENCE_NUMBERS = (0, 1, 5, 9, 99, 100, 101, 2**32 - 3, 2**31)


@st.composite
def packets(draw: st.DrawFn) -> Packet:
    """A packet of one of few conversations, otherwise with little sense."""
    sender, receiver = draw(st.sampled_from(CONVERSATIONS))
    return Packet(
        *ENDS[sender],
        *ENDS[receiver],
        flags=draw(st.sampled_from(FLAGS)),
        seq=draw(st.sampled_from(SEQUENCE_NUMBERS)),
        ack=draw(st.sampled_from(SEQUENCE_NUMBERS)),
        payload=draw(st.binary(max_size=12)),
        cut=draw(st.sampled_from((0, 0, 0, 3))),
        transport=draw(st.sampled_from((TCP, TCP, TCP, UDP))),
        ts_ns=draw(st.integers(0, 50)),
        tag=draw(st.integers(Tag.EMPTY + 1, max(Tag))),
        tunnel=draw(st.sampled_from(("", "", "vxlan", "gre"))),
        interface=draw(st.integers(0, 2)),
        status=draw(st.sampled_from((None, None, None, None, 3))),
    )


captures = st.lists(packets(), max_size=40)
cuts = st.lists(st.integers(0, 40), max_size=6)


@pytest.fixture(autouse=True)
def _small_budgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Budgets that random captures of forty packets can use up."""
    monkeypatch.setattr(pieces, "TIERS", np.array([3, 6, 12]))
    monkeypatch.setattr(pieces, "HEAD_BYTES", np.array([20, 12, 6, 0]))
    monkeypatch.setattr(pieces, "SAMPLES", np.array([3, 2, 1, 0]))
    monkeypatch.setattr(pieces, "SAMPLE_BYTES", 4)
    monkeypatch.setattr("sniffdiag.flows.table.CEILING", 12)


def parts_of(capture: Sequence[Packet], cuts: Cuts) -> list[tuple[int, Sequence[Packet]]]:
    """The capture cut at some places: first frame and packets of each part."""
    places = sorted({0, len(capture), *(cut for cut in cuts if cut < len(capture))})
    return [(first + 1, capture[first:end]) for first, end in pairwise(places)]


def merged_in_a_tree(tables: list[FlowTable], pick: Callable[[int], int]) -> FlowTable:
    """Neighbours merged in any order until one table is left."""
    while len(tables) > 1:
        left = pick(len(tables) - 1)
        tables[left : left + 2] = [merge(tables[left], tables[left + 1])]
    return tables[0]


@given(capture=captures, cuts=cuts)
@example(
    capture=[
        Packet(*ENDS[0], *ENDS[1], flags=SYN, payload=b"abc"),
        Packet(*ENDS[0], *ENDS[1], flags=SYN | ACK, payload=bytes(12)),
        *[Packet(*ENDS[0], *ENDS[1], flags=SYN) for _ in range(12)],
        Packet(*ENDS[0], *ENDS[1], flags=SYN, payload=b"abcdef"),
    ],
    cuts=[1],
)
@settings(max_examples=200)
def test_chunk_borders_leave_no_trace(capture: list[Packet], cuts: Cuts) -> None:
    table = FlowTable()
    for first_frame, part in parts_of(capture, cuts):
        table.fold(*chunk_of_packets(part, first_frame))
    assert everything_of(seal(table)) == everything_of(seal(folded(capture)))


@given(capture=captures, cuts=cuts, data=st.data())
@settings(max_examples=200)
def test_tables_merge_in_any_tree(capture: list[Packet], cuts: Cuts, data: st.DataObject) -> None:
    tables = [folded(part, first) for first, part in parts_of(capture, cuts)] or [FlowTable()]
    whole = merged_in_a_tree(tables, lambda last: data.draw(st.integers(0, last - 1)))
    assert everything_of(seal(whole)) == everything_of(seal(folded(capture)))


@given(capture=captures)
@settings(max_examples=200)
def test_an_empty_table_changes_nothing(capture: list[Packet]) -> None:
    alone = everything_of(seal(folded(capture)))
    assert everything_of(seal(merge(FlowTable(), folded(capture)))) == alone
    assert everything_of(seal(merge(folded(capture), FlowTable()))) == alone


@given(capture=captures)
@example(capture=[Packet(flags=SYN)])
@settings(max_examples=200)
def test_sealing_leaves_the_table_as_it_was(capture: list[Packet]) -> None:
    table = folded(capture)
    first = seal(table)
    first.reorient(np.ones(first.rows, np.bool_), first.flow(0).oriented_by) if first.rows else None
    assert everything_of(seal(table)) == everything_of(seal(folded(capture)))


@given(capture=captures)
@settings(max_examples=200)
def test_finishing_gives_what_sealing_gives(capture: list[Packet]) -> None:
    assert everything_of(finish(folded(capture))) == everything_of(seal(folded(capture)))
