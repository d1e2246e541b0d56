"""pcap files of every variant, and what happens to those that are damaged."""

from __future__ import annotations

import struct

import pytest

from sniffdiag.errors import SourceError
from sniffdiag.sources.rows import FrameRow
from tests.support.capture_files import (
    ETHERNET,
    KUZNETZOV,
    MICROSECONDS,
    NANOSECONDS,
    START_NS,
    Frame,
    frames,
    pcap,
    pcap_record,
    read,
)

ORDERS = {"little-endian": "<", "big-endian": ">"}
MAGICS = {"microseconds": MICROSECONDS, "nanoseconds": NANOSECONDS, "kuznetzov": KUZNETZOV}


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("magic", MAGICS.values(), ids=MAGICS)
def test_every_variant_and_byte_order_gives_the_same_frames(order: str, magic: int) -> None:
    records = frames(60, 0, 1514)
    found, summary = read(pcap(records, order=order, magic=magic))
    assert found == [
        FrameRow(number, record.ts_ns, len(record.data), ETHERNET, 0, record.data)
        for number, record in enumerate(records, start=1)
    ]
    assert (summary.format, summary.frames, summary.bytes) == ("pcap", 3, 1574)
    assert not summary.cut_short


def test_nanoseconds_are_kept() -> None:
    found, _ = read(pcap([Frame(b"x", START_NS + 123_456_789)], magic=NANOSECONDS))
    assert found[0].ts_ns == START_NS + 123_456_789


def test_fcs_length_and_class_are_masked_from_the_link_type() -> None:
    found, _ = read(pcap(frames(60), linktype=0x2400_0000 | 113))
    assert found[0].linktype == 113


def test_a_wire_length_below_the_captured_length_is_raised_to_it() -> None:
    found, summary = read(pcap([Frame(b"abcdef", wirelen=2)]))
    assert (found[0].wirelen, found[0].data) == (6, b"abcdef")
    assert summary.truncated_frames == 0


def test_frames_cut_by_the_snapshot_length_are_counted() -> None:
    _, summary = read(pcap([Frame(b"abcdef", wirelen=1500), Frame(b"abcdef")]))
    assert summary.truncated_frames == 1


def test_a_file_with_a_header_only_has_no_frames_and_is_no_error() -> None:
    found, summary = read(pcap([]))
    assert (found, summary.cut_short, summary.corrupt_records) == ([], False, 0)


def test_a_record_larger_than_the_block_is_read_whole() -> None:
    records = frames(10, 200_000, 10)
    found, _ = read(pcap(records), block_bytes=1000)
    assert [row.data for row in found] == [record.data for record in records]


def test_a_larger_snapshot_length_permits_larger_records() -> None:
    found, summary = read(pcap(frames(10, 400_000, 10), snaplen=524_288))
    assert ([len(row.data) for row in found], summary.corrupt_records) == ([10, 400_000, 10], 0)


def test_a_file_cut_at_any_byte_gives_the_frames_before_the_cut() -> None:
    records = frames(20, 0, 33)
    content = pcap(records)
    ends = [24, 24 + 36, 24 + 36 + 16, len(content)]
    for cut in range(24, len(content) + 1):
        found, summary = read(content[:cut])
        assert len(found) == sum(cut >= end for end in ends[1:])
        assert summary.cut_short == (cut not in ends)


def test_the_first_bytes_of_a_pcap_file_raise_nothing_but_source_errors() -> None:
    for cut in range(24):
        try:
            found, summary = read(pcap([])[:cut])
        except SourceError:
            assert cut < 4
        else:
            assert (found, summary.cut_short) == ([], True)


def test_an_absurd_length_is_passed_over_to_the_next_records() -> None:
    good = [pcap_record(frame) for frame in frames(*[60] * 20)]
    broken = struct.pack("<IIII", START_NS // 10**9, 0, 0x7FFF_0000, 60) + bytes(range(60))
    content = pcap([]) + b"".join([*good[:10], broken, *good[10:]])
    found, summary = read(content)
    assert [row.data for row in found] == [frame.data for frame in frames(*[60] * 20)]
    assert (summary.corrupt_records, summary.skipped_bytes) == (1, len(broken))


def test_a_hole_of_zeros_is_passed_over() -> None:
    good = [pcap_record(frame) for frame in frames(*[60] * 20)]
    found, summary = read(pcap([]) + b"".join([*good[:10], bytes(5000), *good[10:]]))
    assert (len(found), summary.corrupt_records, summary.skipped_bytes) == (20, 1, 5000)


def test_two_concatenated_files_read_as_one() -> None:
    content = pcap(frames(*[60] * 5))
    found, summary = read(content + content)
    assert (len(found), summary.skipped_bytes) == (10, 24)


def test_the_last_record_before_the_end_is_found_after_damage() -> None:
    content = pcap(frames(60)) + b"\xff" * 40 + pcap_record(frames(70)[0])
    found, summary = read(content)
    assert ([len(row.data) for row in found], summary.skipped_bytes) == ([60, 70], 40)


def test_damage_up_to_the_end_is_counted_to_the_last_byte() -> None:
    found, summary = read(pcap(frames(60)) + b"\xff" * 400)
    assert (len(found), summary.corrupt_records, summary.skipped_bytes) == (1, 1, 400)
