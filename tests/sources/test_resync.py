"""What is believed after damage: three records in a row, or fewer that end with the file."""

from __future__ import annotations

import io

import pytest

from sniffdiag.sources.pcap import Layout, PcapRecords
from sniffdiag.sources.resync import Resumption, find_resumption
from sniffdiag.sources.window import Window
from tests.support.capture_files import MICROSECONDS, START_NS, Frame, frames, pcap_record

JUNK = b"\xff" * 50
RECORDS = [pcap_record(frame) for frame in frames(60, 70, 80, 90)]


def _resumption(content: bytes, *, at_end_of_stream: bool) -> Resumption:
    window = Window(io.BytesIO(content))
    window.require(len(content))
    records = PcapRecords(window, Layout(MICROSECONDS, "<", 262144, 1))
    return find_resumption(records, 0, window.end, at_end_of_stream=at_end_of_stream)


def test_three_records_in_a_row_are_believed() -> None:
    content = JUNK + b"".join(RECORDS[:3]) + JUNK
    assert _resumption(content, at_end_of_stream=True) == Resumption(50, decided=True)


def test_two_records_in_a_row_could_be_payload() -> None:
    content = JUNK + b"".join(RECORDS[:2]) + JUNK
    assert _resumption(content, at_end_of_stream=True) == Resumption(len(content), decided=True)


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_that_end_with_the_stream_are_believed(count: int) -> None:
    content = JUNK + b"".join(RECORDS[:count])
    assert _resumption(content, at_end_of_stream=True) == Resumption(50, decided=True)
    assert not _resumption(content, at_end_of_stream=False).decided


def test_records_days_apart_are_not_neighbours() -> None:
    apart = [pcap_record(Frame(b"x" * 60, START_NS + day * 2 * 86_400 * 10**9)) for day in range(4)]
    content = JUNK + b"".join(apart) + JUNK
    assert _resumption(content, at_end_of_stream=True).at == len(content)


def test_the_search_says_how_far_it_has_ruled_out() -> None:
    assert _resumption(b"\xff" * 9000, at_end_of_stream=False) == Resumption(8985, decided=False)
