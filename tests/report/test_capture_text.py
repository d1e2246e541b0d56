"""Times and sentences about a capture, as every format prints them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sniffdiag.report.capture_text import capture_lines, clock, utc
from sniffdiag.report.listing import CaptureReport
from tests.support.reports import CAPTURE, SOURCE

AT = 1_700_000_000_123_456_789
BEYOND_ANY_CALENDAR = 2**62 * 1_000


def test_times_are_cut_and_not_rounded() -> None:
    assert clock(AT) == "22:13:20.123456"
    assert clock(AT - AT % 10**9 + 999_999_999) == "22:13:20.999999"
    assert utc(AT) == "2023-11-14T22:13:20.123456789Z"


@pytest.mark.parametrize("ts_ns", [BEYOND_ANY_CALENDAR, -BEYOND_ANY_CALENDAR])
def test_a_corrupt_date_is_the_epoch(ts_ns: int) -> None:
    assert utc(ts_ns).startswith("1970-01-01T00:00:00.")


def test_a_capture_without_frames_has_no_times() -> None:
    assert capture_lines(CaptureReport()) == ["0 frames, 0 flows"]


def test_a_capture_from_the_epoch_has_times() -> None:
    (line, *_) = capture_lines(replace(CAPTURE, first_ts_ns=0, last_ts_ns=1))
    assert line.endswith("1970-01-01T00:00:00.000000000Z to 1970-01-01T00:00:00.000000001Z")


def test_only_what_was_not_read_is_told_beside_the_count() -> None:
    found = capture_lines(replace(CAPTURE, statuses=(("ok", 5), ("truncated", 2), ("not ip", 1))))
    assert found[1:] == ["not part of any flow: 1 not ip"]


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ("truncated_frames", "1,204 frames cut by the snapshot length"),
        ("sealed_early", "flows sealed early to bound memory, counted only: 1,204"),
        ("copies", "1,204 frames are copies of others (same packet, other place)"),
        ("twins", "twins of other flows, seen beyond address translation: 1,204"),
    ],
)
def test_what_does_not_count_is_said(field: str, sentence: str) -> None:
    counted: dict[str, Any] = {field: 1_204}
    assert sentence in capture_lines(replace(CAPTURE, **counted))


def test_every_source_tells_what_is_wrong_with_it() -> None:
    torn = replace(SOURCE, cut_short=True, corrupt_records=2, skipped_bytes=3_000, dropped=7)
    noted = replace(SOURCE, name="b.pcap", notes=("by dumpcap",))
    found = capture_lines(replace(CAPTURE, sources=(torn, noted), statuses=(("ok", 9),)))
    assert found[1:] == [
        "7 packets dropped while capturing",
        "web.pcap ends in the middle of a record",
        "web.pcap: 2 corrupt records, 3,000 bytes skipped",
        "b.pcap: by dumpcap",
    ]
