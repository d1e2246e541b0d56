"""Law 3, tallies: however a capture is cut, requests, statuses and latencies are the same."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sniffdiag.flows.seal import seal
from sniffdiag.flows.table import FlowTable, merge
from sniffdiag.flows.tallied import Tallied
from tests.support.packets import (
    ACK,
    RST,
    SYN,
    Packet,
    chunk_of_packets,
    messages_of_packets,
    tallied,
)

ENDS = ((0x0A000001, 80), (0x0A000002, 40000), (0x0A000002, 40001), (0x0A000003, 80))
CONVERSATIONS = (*((1, 0), (0, 1)) * 6, (2, 0), (0, 2), (1, 3))
GET, POST, OK, CONTINUE, FAILED = 1, 3, 200, 100, 503


@st.composite
def messages(draw: st.DrawFn) -> Packet:
    """A packet that probably begins a message, of one of few conversations."""
    sender, receiver = draw(st.sampled_from(CONVERSATIONS))
    return Packet(
        *ENDS[sender],
        *ENDS[receiver],
        flags=draw(st.sampled_from((*[ACK] * 40, ACK | RST, RST, SYN))),
        seq=draw(st.sampled_from((1, 2, 3, 4))),
        payload=b"...",
        code=draw(st.sampled_from((0, GET, GET, POST, OK, OK, CONTINUE, FAILED))),
        ts_ns=draw(st.integers(0, 5000)) * draw(st.sampled_from((1, 10**6, 10**9))),
        status=draw(st.sampled_from((None, None, None, None, None, 3))),
    )


captures = st.integers(0, 60).flatmap(lambda n: st.lists(messages(), min_size=n, max_size=n))
cuts = st.lists(st.integers(0, 60), max_size=8)


@pytest.fixture(autouse=True, params=[0, 1 << 16], ids=["settled at once", "settled late"])
def _when_they_are_settled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sniffdiag.flows.counts.MANY_LOOSE", request.param)
    monkeypatch.setattr("sniffdiag.flows.tallies.MANY_LOOSE", request.param)
    monkeypatch.setattr("sniffdiag.flows.tallies.BATCH", 7 if request.param else 1 << 15)


@pytest.fixture(autouse=True)
def _few_one_sided_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sniffdiag.flows.tallies.ONE_SIDED", 6)


def told(table: FlowTable) -> dict[str, object]:
    """Everything that was tallied."""
    found = seal(table).tallied
    if found is None:
        return {}
    names = {each.name for each in fields(Tallied)} - {"streams"}
    columns = {name: getattr(found, name) for name in sorted(names)}
    return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in columns.items()}


def parts_of(capture: list[Packet], places: list[int]) -> list[tuple[int, list[Packet]]]:
    """First frame and packets of each part."""
    borders = sorted({0, len(capture), *(place for place in places if place < len(capture))})
    return [(first + 1, capture[first:end]) for first, end in pairwise(borders)]


EARLIER_BY_MANY_BUCKETS = [
    *[Packet(*ENDS[1], *ENDS[0], code=GET, seq=n, payload=b".", ts_ns=2**40) for n in range(9)],
    Packet(*ENDS[1], *ENDS[0], code=GET, seq=99, payload=b".", ts_ns=5),
]


@given(capture=captures, places=cuts)
@example(capture=EARLIER_BY_MANY_BUCKETS, places=[8, 9])
@settings(max_examples=60)
def test_chunk_borders_leave_no_trace(capture: list[Packet], places: list[int]) -> None:
    table = FlowTable(tallies=True)
    for first_frame, part in parts_of(capture, places):
        table.fold(*chunk_of_packets(part, first_frame), messages=messages_of_packets(part))
    assert told(table) == told(tallied(capture))


@given(capture=captures, places=cuts, data=st.data())
@settings(max_examples=60)
def test_tables_merge_in_any_tree(
    capture: list[Packet], places: list[int], data: st.DataObject
) -> None:
    tables = [tallied(part, first) for first, part in parts_of(capture, places)] or [tallied([])]
    while len(tables) > 1:
        left = data.draw(st.integers(0, len(tables) - 2))
        tables[left : left + 2] = [merge(tables[left], tables[left + 1])]
    assert told(tables[0]) == told(tallied(capture))


@given(capture=captures)
@settings(max_examples=20)
def test_sealing_leaves_the_tallies_as_they_were(capture: list[Packet]) -> None:
    table = tallied(capture)
    assert told(table) == told(table) == told(tallied(capture))


@given(capture=captures)
@settings(max_examples=20)
def test_an_empty_table_changes_nothing(capture: list[Packet]) -> None:
    alone = told(tallied(capture))
    assert told(merge(FlowTable(), tallied(capture))) == alone
    assert told(merge(tallied(capture), FlowTable())) == alone
