"""A capture that goes on for days: flows make room for others, and nothing is miscounted."""

from __future__ import annotations

import json
import os
import socket
import struct
import time
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sniffdiag.catalog.manifests import load
from sniffdiag.flows.flow import Flows
from sniffdiag.flows.seal import seal
from sniffdiag.flows.table import FlowTable
from sniffdiag.pipeline import ceiling as pipeline_ceiling
from sniffdiag.pipeline.capture import sealed
from sniffdiag.pipeline.ceiling import PATIENCE, Ceiling
from sniffdiag.pipeline.diagnosis import MeshChoice, diagnose
from sniffdiag.pipeline.reading import Reading, Totals
from sniffdiag.report import as_json
from sniffdiag.sources.frames import rows_of
from tests.support.chunks import chunk_of
from tests.support.netns import FAR, PORT, request_frames

FLOWS = 3_000
CATALOG = load([], declarations=[f"shop/reviews:{PORT}/tcp-web={FAR}"], stdin=None)
CHOICE = MeshChoice(version="1.20")


def syn(number: int, port: int = PORT) -> bytes:
    """One packet of a flood: a SYN from nowhere."""
    source = struct.pack(">I", 0xC6120000 + number)
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40, 1, 0, 64, 6, 0) + source + socket.inet_aton(FAR)
    tcp = struct.pack(">HHIIBBHHH", 1024, port, number, 0, 0x50, 2, 512, 0, 0)
    return bytes.fromhex("02000000000b02000000000a0800") + ip + tcp


def reading(frames: Iterable[bytes], most_flows: int, chunk_rows: int = 500) -> Reading:
    whole = chunk_of(list(frames))
    so_far = Reading(FlowTable(tallies=True), Totals(), [])
    ceiling = Ceiling(so_far, most_flows)
    for begin in range(0, whole.rows, chunk_rows):
        so_far.fold(rows_of(whole, begin, min(begin + chunk_rows, whole.rows)))
        ceiling.hold()
    ceiling.settle()
    return so_far


def report(frames: Iterable[bytes], most_flows: int) -> dict[str, Any]:
    capture = sealed(reading(frames, most_flows))
    found: dict[str, Any] = json.loads(as_json.render(diagnose(capture, CATALOG, CHOICE)))
    return found


def requests(count: int) -> list[bytes]:
    return [frame for flow in range(count) for frame in request_frames(flow, b"x")]


def test_below_the_ceiling_nothing_is_different() -> None:
    frames = requests(100)
    assert report(frames, 100) == report(frames, 1 << 40)


@pytest.mark.parametrize("most_flows", [300, 1_000])
def test_above_it_verdict_counts_and_requests_are_what_they_would_be(most_flows: int) -> None:
    frames = [*requests(FLOWS), *(syn(number, port=9) for number in range(FLOWS))]
    held, free = report(frames, most_flows), report(frames, 1 << 40)
    assert held["capture"].pop("sealed_early") > FLOWS
    assert free["capture"].pop("sealed_early") == 0
    assert held["capture"] == free["capture"]
    assert held["unmatched"] == free["unmatched"]
    (mine,), (theirs,) = held["ports"], free["ports"]
    for port in (mine, theirs):
        del port["timeline"]["shown"]  # of the connections that were looked at
    assert sum(theirs["timeline"]["requests"]) == theirs["http"]["latency"]["answers"] == FLOWS
    told = ("observed", "requests", "undecided", "verdict", "http", "timeline")
    assert [mine[name] for name in told] == [theirs[name] for name in told]
    assert held["findings"][0]["evidence"] == free["findings"][0]["evidence"]
    assert held["findings"][0]["message"] == free["findings"][0]["message"]


def test_a_flood_does_not_drive_out_the_evidence() -> None:
    """Requests first, then many times the ceiling of SYNs to the same port."""
    found = report([*requests(50), *(syn(number) for number in range(20_000))], 1_000)
    assert found["ports"][0]["observed"] == {"http": 50, "unknown": 20_000}
    assert found["ports"][0]["verdict"] == "mismatch"
    assert found["findings"][0]["evidence"][0]["frame"] == 3


def test_the_table_never_holds_more_than_the_ceiling_and_a_chunk() -> None:
    held = reading((syn(number, port=number % 60_000) for number in range(20_000)), 1_000)
    assert held.table.fragments.rows <= 1_000 * PATIENCE
    assert held.table.tuples.count <= 1_000 * PATIENCE
    assert held.early is not None
    assert held.early.total + held.table.fragments.rows == 20_000


def test_one_tuple_with_ever_new_connections_makes_room_too() -> None:
    again = [
        bytes.fromhex("02000000000b02000000000a0800")
        + struct.pack(">BBHHHBBHII", 0x45, 0, 40, 1, 0, 64, 6, 0, 0x0A000001, 0x0A000002)
        + struct.pack(">HHIIBBHHH", 1024, 80, 7 * number, 0, 0x50, 2, 512, 0, 0)
        for number in range(5_000)
    ]
    held = reading(again, 1_000)
    assert held.table.fragments.rows <= 1_000 * PATIENCE
    assert sealed(held).report.flows == 5_000


def test_flows_whose_child_died_are_counted_as_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline_ceiling, "find_twins", lambda _: os._exit(1))
    found = report((syn(number) for number in range(5_000)), 1_000)
    assert found["capture"]["flows"] == 5_000
    assert found["capture"]["sealed_early"] >= 3_500
    assert found["unmatched"]["flows"] == found["capture"]["sealed_early"]


def test_without_children_the_capture_counts_them_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = requests(2_000)
    by_children = report(frames, 1_000)
    monkeypatch.setattr(pipeline_ceiling, "begun", lambda *_: None)
    by_itself = report(frames, 1_000)
    for each in (by_children, by_itself):  # children may take their time, and more leave then
        assert each["capture"].pop("sealed_early") >= 500
    assert by_children["capture"] == by_itself["capture"]
    assert by_children["ports"][0]["observed"] == by_itself["ports"][0]["observed"]


def test_flows_that_leave_faster_than_they_are_looked_at_say_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pipeline_ceiling, "find_twins", lambda _: time.sleep(0.3))
    odd = [
        frame.replace(b"GET /x HTTP/1.1", b"\x00\x01\x02 no protocol") for frame in requests(4_000)
    ]
    (port,) = report(
        [frame.replace(b"HTTP/1.1 200", b"\x00\x03\x04\x05 nothing") for frame in odd], 1_000
    )["ports"]
    assert port["undecided"]["more flows at once than could be looked at"] >= 500
    assert sum(port["observed"].values()) == 4_000


@settings(max_examples=40)
@given(leaves=st.lists(st.booleans(), min_size=12, max_size=12), cut=st.integers(5, 60))
def test_what_is_taken_out_and_what_stays_are_what_was_there(leaves: list[bool], cut: int) -> None:
    table = reading(requests(12), 1 << 40, chunk_rows=cut).table
    before = described(seal(table))
    gone = table.part(np.array(leaves))
    table.keep(~np.array(leaves))
    assert sorted(described(seal(gone)) + described(seal(table))) == sorted(before)
    assert gone.tuples.count == sum(leaves)


def described(flows: Flows) -> list[tuple[object, ...]]:
    """Everything about each flow, bytes included, but its place in the list."""
    found: list[tuple[object, ...]] = []
    for row in range(flows.rows):
        flow = flows.flow(row)
        sides = (flow.from_client, flow.from_server)
        heads = [(side.head, side.head_frames, side.segments) for side in sides]
        counts = (flows.packets[row].tolist(), flows.bytes[row].tolist())
        found.append((flow.first_frame, flow.last_frame, str(flow.client), heads, counts))
    return found
