"""Times, and what could and could not be read of a capture, as several formats print them."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from sniffdiag.report.listing import CaptureReport, SourceReport

_NS = 1_000_000_000
_REMARKS_SHOWN = 20


def utc(ts_ns: int) -> str:
    """RFC 3339 with nine decimals: `2023-11-14T22:13:20.000000001Z`."""
    seconds, fraction = divmod(ts_ns, _NS)
    return f"{_second(seconds)}.{fraction:09d}Z"


@lru_cache(maxsize=4096)  # a listing of a million flows begins them within few distinct seconds
def _second(seconds: int) -> str:
    return f"{_calendar(seconds):%Y-%m-%dT%H:%M:%S}"


def clock(ts_ns: int) -> str:
    """Time of day in UTC with microseconds, as Wireshark's default column shows it."""
    seconds, fraction = divmod(ts_ns, _NS)
    return f"{_calendar(seconds):%H:%M:%S}.{fraction // 1000:06d}"


def _calendar(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return datetime.fromtimestamp(0, UTC)  # a corrupt record's date, beyond any calendar


def capture_lines(capture: CaptureReport) -> list[str]:
    """What was read, what could not be read, one sentence a line; unescaped."""
    lines = [f"{capture.frames:,} frames, {capture.flows:,} flows"]
    if capture.frames and capture.first_ts_ns >= 0:
        lines[0] += f", {utc(capture.first_ts_ns)} to {utc(capture.last_ts_ns)}"
    unread = [(s, n) for s, n in capture.statuses if s not in {"ok", "truncated"}]
    if unread:
        lines.append("not part of any flow: " + ", ".join(f"{n:,} {s}" for s, n in unread))
    counted = (
        (capture.truncated_frames, "{:,} frames cut by the snapshot length"),
        (capture.sealed_early, "flows sealed early to bound memory, counted only: {:,}"),
        (capture.copies, "{:,} frames are copies of others (same packet, other place)"),
        (capture.twins, "twins of other flows, seen beyond address translation: {:,}"),
        (capture.dropped, "{:,} packets dropped while capturing"),
    )
    lines += [sentence.format(count) for count, sentence in counted if count]
    remarks = [line for source in capture.sources for line in _source_lines(source)]
    lines += remarks[:_REMARKS_SHOWN]
    if len(remarks) > _REMARKS_SHOWN:
        lines.append(f"and {len(remarks) - _REMARKS_SHOWN:,} more such remarks, all in -o json")
    if capture.interrupted:
        lines.append("stopped by the user: this covers what was read until then")
    return lines


def _source_lines(source: SourceReport) -> list[str]:
    lines = []
    if source.cut_short:
        lines.append(f"{source.name} ends in the middle of a record")
    if source.corrupt_records:
        lines.append(
            f"{source.name}: {source.corrupt_records:,} corrupt records, "
            f"{source.skipped_bytes:,} bytes skipped"
        )
    return lines + [f"{source.name}: {note}" for note in source.notes]
