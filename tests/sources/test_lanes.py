"""The lane walk equals a plain walk, whatever the payloads pretend to be."""

from __future__ import annotations

import io
import math
from unittest.mock import Mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sniffdiag.sources import lanes
from sniffdiag.sources.lanes import Records, walk_in_lanes, walk_plainly
from sniffdiag.sources.pcap import FILE_HEADER_BYTES, Layout, PcapRecords
from sniffdiag.sources.pcapng_blocks import PcapngBlocks
from sniffdiag.sources.window import Window
from tests.support.capture_files import (
    MICROSECONDS,
    Frame,
    deceptive_frames,
    enhanced,
    frames,
    pcap,
    pcap_record,
)


def _loaded(content: bytes) -> Window:
    window = Window(io.BytesIO(content), 2 * len(content))
    window.require(len(content))
    return window


def _pcap_records(records: list[Frame]) -> tuple[Records, int]:
    window = _loaded(pcap(records)[FILE_HEADER_BYTES:])
    return PcapRecords(window, Layout(MICROSECONDS, "<", 262144, 1)), window.end


def _pcapng_blocks(records: list[Frame]) -> tuple[Records, int]:
    window = _loaded(b"".join(enhanced(record) for record in records))
    return PcapngBlocks(window, "<"), window.end


FORMATS = {"pcap": _pcap_records, "pcapng": _pcapng_blocks}


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 600), missing=st.integers(0, 2000))
def test_lanes_find_what_a_plain_walk_finds(kind: str, seed: int, count: int, missing: int) -> None:
    records, end = FORMATS[kind](deceptive_frames(seed, count))
    bound = max(1, end - records.header_bytes + 1 - missing)
    expected, expected_stop = walk_plainly(records, 0, bound)
    found, stop, _ = walk_in_lanes(records, 0, bound)
    assert (found.tolist(), stop) == (expected.tolist(), expected_stop)


@given(wrong=st.sets(st.integers(1, 60_000), max_size=40))
@settings(max_examples=60)
def test_wrong_guesses_change_nothing(wrong: set[int]) -> None:
    records, end = _pcap_records(frames(*[60, 500, 1] * 200))
    bound = end - records.header_bytes + 1
    guesses = sorted(guess for guess in wrong if guess < bound)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "likely_starts", lambda _begin, _targets: guesses)
        found, stop, _ = walk_in_lanes(records, 0, bound)
    expected, expected_stop = walk_plainly(records, 0, bound)
    assert (found.tolist(), stop) == (expected.tolist(), expected_stop)


def test_most_lanes_of_an_ordinary_capture_are_guessed_right() -> None:
    """Otherwise the walk is exact but slow, which no other test would notice."""
    records, end = _pcap_records(frames(*[60, 1514, 300] * 1000))
    targets = range(10_000, end - 10_000, 10_000)
    guesses = records.likely_starts(0, targets)
    expected, _ = walk_plainly(records, 0, end - records.header_bytes + 1)
    assert len(guesses) == len(targets)
    assert np.isin(guesses, expected).all()


def test_a_block_of_many_records_is_not_walked_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    records, end = _pcap_records(frames(*[60] * 5000))
    single_steps = Mock(side_effect=records.next_start)
    monkeypatch.setattr(records, "next_start", single_steps)
    found, _, _ = walk_in_lanes(records, 0, end - records.header_bytes + 1)
    assert found.size == 5000
    assert single_steps.call_count <= lanes.SAMPLE


def test_a_record_that_swallows_several_lanes_is_one_record() -> None:
    sizes = [60] * 300 + [200_000] + [60] * 300
    records, end = _pcap_records(frames(*sizes))
    found, stop, _ = walk_in_lanes(records, 0, end - records.header_bytes + 1)
    assert (found.size, stop) == (601, end)


def test_bait_inside_a_payload_is_no_record() -> None:
    bait = Frame(pcap_record(frames(60)[0]) * 400)
    records, end = _pcap_records([*frames(*[60] * 200), bait, *frames(*[60] * 200)])
    found, _, _ = walk_in_lanes(records, 0, end - records.header_bytes + 1)
    assert found.size == 401


@pytest.mark.parametrize("tail", [100_000, 3_000_000])
def test_a_tail_of_zeros_takes_no_step_for_each_of_them(
    monkeypatch: pytest.MonkeyPatch, tail: int
) -> None:
    """Zeros read as records of nothing, among which no lane can be guessed."""
    window = _loaded(pcap(frames(*[60] * 500))[FILE_HEADER_BYTES:] + bytes(tail))
    records = PcapRecords(window, Layout(MICROSECONDS, "<", 262144, 1))
    bound = window.end - records.header_bytes + 1
    expected, expected_stop = walk_plainly(records, 0, bound)
    steps = Mock(side_effect=records.next_starts)
    monkeypatch.setattr(records, "next_starts", steps)
    found, stop, _ = walk_in_lanes(records, 0, bound)
    assert (found.tolist(), stop) == (expected.tolist(), expected_stop)
    assert steps.call_count < 10 * math.sqrt(found.size)


def test_payload_that_is_made_of_what_is_searched_for_is_given_up() -> None:
    stuffed = Frame(pcap_record(frames(60)[0])[2:4] * 100_000)
    window = _loaded(pcap([*frames(60), stuffed])[FILE_HEADER_BYTES:])
    records = PcapRecords(window, Layout(MICROSECONDS, "<", 262144, 1))
    tries = Mock(side_effect=records._looks_right)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "_looks_right", tries)
        records.likely_starts(0, range(1000, 101_000, 50_000))
    assert tries.call_count <= 2000
