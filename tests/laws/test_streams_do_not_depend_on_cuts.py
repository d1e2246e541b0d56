"""Law 3, HTTP/2: however a capture is cut, what is counted of streams is the same."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sniffdiag.flows.seal import seal
from sniffdiag.flows.table import FlowTable, merge
from sniffdiag.flows.tallied import Tallied
from sniffdiag.pipeline.reading import messages_of_chunk
from tests.support import h2
from tests.support.packets import ACK, RST, SYN, Packet, chunk_of_packets

CLIENT, SERVER, OTHER = (0x0A000002, 40000), (0x0A000001, 80), (0x0A000003, 41000)
WAYS = ((CLIENT, SERVER), (SERVER, CLIENT)) * 4 + ((OTHER, SERVER), (SERVER, OTHER))
FRAMES = (
    h2.headers(b"\x83\x86\x44\x01/\x41\x01a"),
    h2.headers(b"\x83\x86\xbf\xbe", stream=3),
    h2.headers(b"\xc0\xbf", stream=3, flags=5),
    h2.headers(b"\x88\xbe"),
    h2.headers(b"\x48\x03503", stream=3),
    h2.headers(b"\x40\x0bgrpc-status\x0214", flags=5),
    h2.headers(b"\xbf", stream=3, flags=5),
    h2.frame(3, b"\0\0\0\x08", stream=1),
    h2.frame(3, b"\0\0\0\x02", stream=3),
    h2.GOAWAY,
    h2.WINDOW_UPDATE,
    h2.data(b"\x00" * 40),
    h2.data(b"GET / HTTP/1.1\r\n\r\n", stream=3),
)
OTHERS = (h2.PREFACE, b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"\x00" * 20, b"...")


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """Frames, often from amid one or cut, and now and then something else."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.sampled_from(OTHERS))
    whole = b"".join(draw(st.lists(st.sampled_from(FRAMES), min_size=1, max_size=4)))
    begin = draw(st.sampled_from((0, 0, 0, 5, 12, 30)))
    end = len(whole) - draw(st.sampled_from((0, 0, 0, 1, 6)))
    return whole[begin:end]


@st.composite
def packets(draw: st.DrawFn) -> Packet:
    """A packet of one of few connections."""
    (src, sport), (dst, dport) = draw(st.sampled_from(WAYS))
    return Packet(
        src=src,
        sport=sport,
        dst=dst,
        dport=dport,
        flags=draw(st.sampled_from((*[ACK] * 20, RST, SYN))),
        seq=draw(st.integers(1, 6)) * 1000,
        payload=draw(payloads()),
        cut=draw(st.sampled_from((0, 0, 0, 20))),
        ts_ns=draw(st.integers(0, 5000)) * draw(st.sampled_from((1, 10**6, 10**9))),
        status=draw(st.sampled_from((None, None, None, None, None, 3))),
    )


ENDS = tuple(
    h2.headers(block, stream=stream, flags=5)
    for stream in (1, 3)
    for block in (
        b"\x40\x0bgrpc-status\x010",
        b"\x40\x0bgrpc-status\x0214",
        b"\x88\x40\x01a\x01b\xbf",
        b"\x40\x01a\x01b",
        b"\x7e\x015",
        b"\x7f\x00\x016\xbf",
        b"\x0f\x2f\x017",
        b"\xbe",
        b"\xbf",
        b"\xc0",
        b"\x88\xbe\xc0",
    )
)


@st.composite
def linked(draw: st.DrawFn) -> list[Packet]:
    """Segments most of which begin where the one before them ends: HPACK can be followed."""
    seq, found = dict.fromkeys(WAYS[:2], 1000), []
    for number in range(draw(st.integers(0, 30))):
        is_request = number == 0 or draw(st.integers(0, 4)) == 0
        (src, sport), (dst, dport) = way = WAYS[0 if is_request else 1]
        frames = FRAMES[:2] if is_request else draw(st.lists(st.sampled_from(ENDS), min_size=1))
        payload = b"".join(frames[:3])
        at = seq[way] + draw(st.sampled_from((*[0] * 30, -9, 50)))
        found.append(Packet(src, sport, dst, dport, seq=at, payload=payload, ts_ns=number << 20))
        seq[way] = at + len(payload)
    return found


captures = st.lists(packets(), max_size=40) | linked()
cuts = st.lists(st.integers(0, 40), max_size=6)


@pytest.fixture(autouse=True, params=[(0, 3, 2), (1 << 16, 3, 2), (0, 256, 64)])
def _little_is_looked_back_at(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    loose, window, reach = request.param
    monkeypatch.setattr("sniffdiag.flows.counts.MANY_LOOSE", loose)
    monkeypatch.setattr("sniffdiag.flows.tallies.MANY_LOOSE", loose)
    monkeypatch.setattr("sniffdiag.flows.tallies.ONE_SIDED_FRAMES", 2)
    for module in ("streams", "stream_events"):
        monkeypatch.setattr(f"sniffdiag.flows.{module}.WINDOW", window)
    monkeypatch.setattr("sniffdiag.flows.streams.REACH", reach)


def folded(table: FlowTable, part: list[Packet], first_frame: int = 1) -> FlowTable:
    headers, data, tags = chunk_of_packets(part, first_frame)
    table.fold(headers, data, tags, messages=messages_of_chunk(data, headers))
    return table


def table_of(part: list[Packet], first_frame: int = 1) -> FlowTable:
    return folded(FlowTable(tallies=True), part, first_frame)


def told(table: FlowTable) -> dict[str, object]:
    """Everything that was tallied of streams."""
    found = seal(table).tallied
    if found is None or found.streams is None:
        return {}
    names = {each.name for each in fields(Tallied)} - {"streams"}
    columns = {name: getattr(found.streams, name) for name in sorted(names)}
    return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in columns.items()}


def parts_of(capture: list[Packet], places: list[int]) -> list[tuple[int, list[Packet]]]:
    """First frame and packets of each part."""
    borders = sorted({0, len(capture), *(place for place in places if place < len(capture))})
    return [(first + 1, capture[first:end]) for first, end in pairwise(borders)]


@given(capture=captures, places=cuts)
@settings(max_examples=50)
def test_chunk_borders_leave_no_trace(capture: list[Packet], places: list[int]) -> None:
    table = FlowTable(tallies=True)
    for first_frame, part in parts_of(capture, places):
        folded(table, part, first_frame)
    assert told(table) == told(table_of(capture))


@given(capture=captures, places=cuts, data=st.data())
@settings(max_examples=50)
def test_tables_merge_in_any_tree(
    capture: list[Packet], places: list[int], data: st.DataObject
) -> None:
    tables = [table_of(part, first) for first, part in parts_of(capture, places)]
    tables = tables or [table_of([])]
    while len(tables) > 1:
        left = data.draw(st.integers(0, len(tables) - 2))
        tables[left : left + 2] = [merge(tables[left], tables[left + 1])]
    assert told(tables[0]) == told(table_of(capture))


@given(capture=captures)
@settings(max_examples=30)
def test_sealing_leaves_the_tallies_as_they_were(capture: list[Packet]) -> None:
    table = table_of(capture)
    assert told(table) == told(table) == told(table_of(capture))
