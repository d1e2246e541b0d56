"""pcapng files: sections, interfaces, clocks, every block that holds frames, and damage."""

from __future__ import annotations

import struct

import pytest

from sniffdiag.errors import SourceError
from tests.support.capture_files import (
    START_NS,
    Frame,
    block,
    enhanced,
    frames,
    interface,
    obsolete,
    option,
    pcapng,
    read,
    section,
    simple,
    statistics,
)

ORDERS = {"little-endian": "<", "big-endian": ">"}


def _with_clock(units: int, *options: bytes) -> int:
    """The timestamp of a frame whose interface has these options."""
    record = enhanced(Frame(b"x", units), units_per_s=10**9)
    found, _ = read(section() + interface(options=b"".join(options)) + record)
    return found[0].ts_ns


def _resolution(value: int) -> bytes:
    return option(9, bytes([value]))


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("write", [enhanced, obsolete], ids=["enhanced", "obsolete"])
def test_packet_blocks_of_both_kinds_and_byte_orders(order: str, write: object) -> None:
    records = frames(60, 61, 0, 1514)
    content = section(order) + interface(order) + interface(order, linktype=113)
    blocks = [
        (enhanced if write is enhanced else obsolete)(one, order, number=1) for one in records
    ]
    found, summary = read(content + b"".join(blocks))
    assert [(row.data, row.ts_ns) for row in found] == [(one.data, one.ts_ns) for one in records]
    assert {(row.linktype, row.interface) for row in found} == {(113, 1)}
    assert (summary.format, summary.frames, summary.corrupt_records) == ("pcapng", 4, 0)


def test_simple_packets_are_cut_by_the_snapshot_length_and_take_the_time_before() -> None:
    first = Frame(b"first", START_NS)
    content = section() + interface(snaplen=8) + enhanced(first)
    content += simple(Frame(b"abcdefgh", wirelen=500)) + simple(Frame(b"abc"))
    found, summary = read(content)
    assert [(row.data, row.wirelen, row.ts_ns) for row in found[1:]] == [
        (b"abcdefgh", 500, START_NS),
        (b"abc", 3, START_NS),
    ]
    assert summary.truncated_frames == 1
    assert "no time" in summary.notes[0]


def test_the_time_before_may_come_from_another_section() -> None:
    found, _ = read(
        pcapng([Frame(b"a", START_NS)]) + section(">") + interface(">") + simple(Frame(b"b"), ">")
    )
    assert [row.ts_ns for row in found] == [START_NS, START_NS]


@pytest.mark.parametrize(
    ("units", "options", "expected"),
    [
        pytest.param(1_700_000_000_123_456, [], 1_700_000_000_123_456_000, id="default is µs"),
        pytest.param(1_700_000_000, [_resolution(0)], 1_700_000_000 * 10**9, id="seconds"),
        pytest.param(17 * 10**17 + 1, [_resolution(9)], 17 * 10**17 + 1, id="nanoseconds"),
        pytest.param(17 * 10**18 + 999, [_resolution(10)], 17 * 10**17 + 99, id="tenths of ns"),
        pytest.param((5 << 20) + (1 << 19), [_resolution(0x94)], 5_500_000_000, id="2^-20"),
        pytest.param((3 << 60) + (1 << 59), [_resolution(0xBC)], 3_500_000_000, id="2^-60"),
        pytest.param(1 << 63, [_resolution(0xFF)], 0, id="2^-127"),
        pytest.param(
            10, [_resolution(0), option(14, struct.pack("<q", 1000))], 1010 * 10**9, id="offset"
        ),
        pytest.param(10, [_resolution(0), option(14, struct.pack("<q", -4))], 6 * 10**9, id="back"),
        pytest.param((1 << 64) - 1, [_resolution(0)], (1 << 63) // 10**9 * 10**9, id="too late"),
    ],
)
def test_clocks(units: int, options: list[bytes], expected: int) -> None:
    assert _with_clock(units, *options) == expected


def test_each_interface_has_its_own_clock_and_link_type() -> None:
    one, other = frames(10, 11)
    content = section() + interface() + interface(linktype=101, options=_resolution(9))
    content += enhanced(one) + enhanced(other, number=1, units_per_s=10**9)
    found, _ = read(content)
    assert [(row.linktype, row.ts_ns) for row in found] == [(1, one.ts_ns), (101, other.ts_ns)]


def test_sections_of_different_byte_order_follow_each_other() -> None:
    found, summary = read(pcapng(frames(10, 11)) + pcapng(frames(12), ">") + pcapng(frames(13)))
    assert [len(row.data) for row in found] == [10, 11, 12, 13]
    assert [row.interface for row in found] == [0, 0, 1, 2]
    assert (summary.corrupt_records, summary.cut_short) == (0, False)


def test_the_last_drop_counter_of_every_interface_counts() -> None:
    content = pcapng(frames(10)) + interface()
    content += statistics(dropped=5) + statistics(number=1, dropped=2) + statistics(dropped=9)
    assert read(content)[1].dropped == 11
    assert read(content + content)[1].dropped == 22


def test_names_secrets_and_unknown_blocks_are_passed_over() -> None:
    strange = block(4, b"names") + block(10, b"secrets") + block(0x8000_0BAD, b"x" * 999)
    found, summary = read(pcapng(frames(10)) + strange + enhanced(frames(20)[0]))
    assert ([len(row.data) for row in found], summary.corrupt_records) == ([10, 20], 0)


def test_an_interface_may_be_described_between_packets() -> None:
    content = pcapng(frames(10)) + interface(linktype=113) + enhanced(frames(20)[0], number=1)
    found, _ = read(content)
    assert [(row.linktype, row.interface) for row in found] == [(1, 0), (113, 1)]


def test_a_packet_of_an_interface_never_described_is_counted_as_corrupt() -> None:
    content = section() + enhanced(frames(5)[0]) + interface() + enhanced(frames(6)[0])
    found, summary = read(content)
    assert ([len(row.data) for row in found], summary.corrupt_records) == ([6], 1)


def test_a_captured_length_beyond_its_block_is_counted_as_corrupt() -> None:
    lying = block(6, struct.pack("<IIIII", 0, 0, 0, 5000, 5000) + b"short")
    found, summary = read(pcapng(frames(10)) + lying + enhanced(frames(20)[0]))
    assert ([len(row.data) for row in found], summary.corrupt_records) == ([10, 20], 1)


def test_lengths_that_disagree_are_passed_over() -> None:
    broken = bytearray(enhanced(frames(100)[0]))
    broken[-4:] = b"\x00\x01\x00\x00"
    good = b"".join(enhanced(record) for record in frames(*[60] * 5))
    found, summary = read(pcapng(frames(10)) + bytes(broken) + good)
    assert ([len(row.data) for row in found], summary.corrupt_records) == ([10] + [60] * 5, 1)
    assert summary.skipped_bytes == len(broken)


def test_a_new_section_ends_damage() -> None:
    found, summary = read(pcapng(frames(10)) + b"\xff" * 101 + pcapng(frames(20), ">"))
    assert ([len(row.data) for row in found], summary.skipped_bytes) == ([10, 20], 101)


def test_a_file_cut_at_any_byte_gives_the_frames_before_the_cut() -> None:
    parts = [section(), interface(), enhanced(frames(20)[0]), obsolete(frames(3)[0])]
    parts += [simple(frames(9)[0]), statistics(dropped=1), section(">"), interface(">")]
    parts += [enhanced(frames(7)[0], ">")]
    content = b"".join(parts)
    whole = {sum(len(part) for part in parts[:count]) for count in range(len(parts) + 1)}
    expected, _ = read(content)
    for cut in range(len(content) + 1):
        try:
            found, summary = read(content[:cut])
        except SourceError:
            assert cut < 12
        else:
            assert found == expected[: len(found)]
            assert summary.cut_short == (cut not in whole)
            assert summary.corrupt_records == 0
