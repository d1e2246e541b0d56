"""What is believed after damage: three records in a row, or fewer that end with the file."""

from __future__ import annotations

import io
import random
import struct
from typing import Literal

import pytest

from sniffdiag.sources.lanes import Positions
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


@pytest.mark.parametrize("zeros", [0, 1, 4081, 4095, 4096, 4097, 12_288, 300_001])
def test_records_after_zeros_are_found_where_they_begin(zeros: int) -> None:
    content = bytes(zeros) + b"".join(RECORDS)
    assert _resumption(content, at_end_of_stream=True) == Resumption(zeros, decided=True)


def test_zeros_are_passed_over_without_a_look_at_each(monkeypatch: pytest.MonkeyPatch) -> None:
    def look(_records: PcapRecords, begin: int, end: int) -> Positions:
        msg = f"looked at zeros from {begin} to {end}"
        raise AssertionError(msg)

    monkeypatch.setattr(PcapRecords, "believable_starts", look)
    assert _resumption(bytes(1 << 20), at_end_of_stream=True).at == 1 << 20


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_where_a_header_looks_right_is_told_the_same_from_its_upper_bytes(byte_order: str) -> None:
    junk = random.Random(1)  # noqa: S311 - not for secrets
    pieces = [
        junk.choice((b"\0", b"\0\0\0", b"\x02", b"\xff", junk.randbytes(3))) for _ in range(9000)
    ]
    window = Window(io.BytesIO(b"".join(pieces)))
    window.require(16_000)
    order: Literal["<", ">"] = "<" if byte_order == "<" else ">"
    records = PcapRecords(window, Layout(MICROSECONDS, order, 262144, 1))
    found = records.believable_starts(0, 15_000).tolist()
    assert found == [at for at in range(15_000) if _right(window.head(16_000)[at : at + 16], order)]
    assert len(found) > 30


def _right(header: bytes, byte_order: str) -> bool:
    _, fraction, caplen, wirelen = struct.unpack(byte_order + "IIII", header)
    return bool(0 < caplen <= wirelen <= 262_144 and fraction < 1_000_000)
