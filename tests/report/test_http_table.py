"""The table of requests: what stands in its cells, in text and Markdown."""

from __future__ import annotations

from typing import Any

import pytest

from sniffdiag.observe.http_counts import Counted, HttpCounts, Latency, Timeline
from sniffdiag.report.formats import FORMATS
from sniffdiag.report.http_table import counted_notes, duration, http_rows, sparkline
from sniffdiag.report.report import Report
from tests.support.observations import port, seen, sighting
from tests.support.reports import report_of

LATENCY = Latency(90, 1_740_000, 5_900_000, 553_000_000)
WEB: dict[str, Any] = {
    "methods": (("GET", 80), ("POST", 20)),
    "statuses": ((200, 90), (404, 4), (503, 3)),
    "latency": LATENCY,
}


def report_with(*, timeline: Timeline | None = None, **counts: Any) -> Report:
    http = HttpCounts(counts.pop("counted", Counted.COLUMNS), **counts)
    return report_of(seen(port(), "1.20", sighting("http"), http=http, timeline=timeline))


def cells(**counts: Any) -> list[str]:
    (row,) = http_rows(report_with(**counts))
    return row[1:-1]


def test_the_most_frequent_answers_come_first() -> None:
    assert cells(**WEB) == ["100", "200 90, 404 4, 503 3", "3 (3.0%)", "1.74 ms", "553 ms"]


def test_resets_are_errors_and_said_to_be_resets() -> None:
    assert cells(**WEB, unanswered_resets=2)[2] == "5 (5.0%, 2 resets)"


def test_rare_statuses_are_put_together() -> None:
    many = tuple((200 + n, 10 - n) for n in range(8))
    assert cells(statuses=many)[1] == "200 10, 201 9, 202 8, 203 7, 204 6, others 12"


def test_grpc_failures_are_told_apart_from_http() -> None:
    grpc: dict[str, Any] = {"statuses": ((200, 5),), "grpc_statuses": ((0, 3), (14, 2))}
    found = cells(methods=(("POST", 5),), counted=Counted.HEADS, heads=1, heads_of=1, **grpc)
    assert found == ["5", "200 5, grpc-status 14: 2", "2 (40.0%)", "-", "-"]


def test_a_port_without_requests_has_no_row_and_no_note() -> None:
    silent = seen(port("http-admin", 9090), "1.20")
    counts: dict[str, Any] = {"methods": (("POST", 9),), "counted": Counted.HEADS}
    (busy,) = report_with(is_least=True, heads=1, heads_of=2, head_bytes=3, **counts).ports
    report = report_of(silent, busy.seen)
    assert [row[0] for row in http_rows(report)] == ["shop/reviews:8080"]
    assert [note.partition(": ")[0] for note in counted_notes(report)] == ["shop/reviews:8080"]


def test_a_lower_bound_is_marked_and_explained() -> None:
    counts: dict[str, Any] = {
        "is_least": True,
        "heads": 300,
        "heads_of": 5_000,
        "head_bytes": 4_096,
    }
    report = report_with(methods=(("POST", 900),), counted=Counted.HEADS, **counts)
    assert http_rows(report)[0][1] == "900+"
    (note,) = counted_notes(report)
    assert note == (
        "shop/reviews:8080: at least; HTTP/2 is counted exactly in 300 of 5,000 connections, in "
        "segments in 4,700 of which not all bytes were kept"
    )
    assert note in FORMATS["text"](report)


def test_what_hpack_hides_is_said_to_be_unknown() -> None:
    counts: dict[str, Any] = {"responses_untold": 1, "grpc_untold": 2_000}
    report = report_with(methods=(("POST", 2_001),), **counts)
    because = "cannot be known, because HPACK state is missing"
    assert counted_notes(report) == [
        f"shop/reviews:8080: :status of 1 response {because}",
        f"shop/reviews:8080: grpc-status of 2,000 calls {because}",
    ]


def test_a_port_without_requests_has_no_row() -> None:
    report = report_of(seen(port(), "1.20", sighting("redis")))
    assert http_rows(report) == []
    assert "REQUESTS" not in FORMATS["text"](report)
    assert "Requests" not in FORMATS["markdown"](report)


@pytest.mark.parametrize(
    ("ns", "told"),
    [
        (999, "999 ns"),
        (1_000, "1.00 us"),
        (64_321, "64.3 us"),
        (1_740_000, "1.74 ms"),
        (553_000_000, "553 ms"),
        (61_000_000_000, "61.0 s"),
        (3_600_000_000_000, "3600 s"),
    ],
)
def test_a_duration_has_three_digits(ns: int, told: str) -> None:
    assert duration(ns) == told


@pytest.mark.parametrize(
    ("values", "drawn"),
    [
        ([], ""),
        ([0, 0], "  "),
        ([0, 1, 7], " .#"),
        ([1, 100], ".#"),
        ([5] * 32, "#" * 32),
        ([5] * 64, "#" * 32),
        ([0] * 33 + [1] * 31, " " * 16 + "=" + "#" * 15),
    ],
)
def test_the_more_the_darker_and_never_blank_where_there_was_something(
    values: list[int], drawn: str
) -> None:
    assert sparkline(values) == drawn


def test_over_time_stands_in_the_table_and_is_plain_ascii() -> None:
    none = (0,) * 4
    timeline = Timeline(0, 1 << 20, none, (9, 0, 3, 9), none, none, none, none)
    text = FORMATS["text"](report_with(timeline=timeline, **WEB))
    assert f"|{sparkline((9, 0, 3, 9))}|" in text
    assert text.isascii()
