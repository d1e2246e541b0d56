"""Captures that end anywhere or are damaged: what is readable is analysed, reports say the rest."""

from __future__ import annotations

import io
import random
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import pytest

from sniffdiag.catalog.manifests import load
from sniffdiag.errors import SourceError
from sniffdiag.pipeline.capture import list_flows
from sniffdiag.pipeline.diagnosis import MeshChoice, analyze_captures
from sniffdiag.report.formats import FORMATS as REPORT_FORMATS
from sniffdiag.report.listing import CaptureReport, FlowRow
from sniffdiag.report.report import Report
from tests.support.capture_files import pcap
from tests.support.small_captures import DECLARED, FORMATS, FRAMES, PLAIN, Format

CATALOG = load([], declarations=DECLARED)
STEP = 59
"""Every 59th byte now, every byte in the long run."""
LONGEST_HEAD = 32
SECTION_HEADER_BYTES = 28
ONE_BLOCK = {"zstd", "lz4"}
"""So little is one block for them, of which nothing comes out before it is whole."""
each_format = pytest.mark.parametrize("one", FORMATS, ids=lambda one: one.name)


def listed(content: bytes) -> tuple[CaptureReport, list[FlowRow]]:
    found = list_flows(["-"], stdin=io.BytesIO(content))
    return found.capture, list(found.rows)


def diagnosed(content: bytes) -> Report:
    choice = MeshChoice(version="1.3.6")
    return analyze_captures(["-"], CATALOG, choice, stdin=io.BytesIO(content))


@lru_cache
def flows_of_first(frames: int) -> list[FlowRow]:
    return listed(pcap(FRAMES[:frames]))[1]


def hold_truncated(one: Format, length: int) -> None:
    """What every truncated file must satisfy."""
    try:
        capture, flows = listed(one.content[:length])
    except SourceError:
        assert length < LONGEST_HEAD or one.name in {"zstd", "xz", "lz4", "gzip"}
        return
    source = capture.sources[0]
    assert flows == flows_of_first(source.frames)
    assert capture.frames == source.frames == sum(count for _, count in capture.statuses)
    ends_with_a_record = length == len(whole_records(one, source.frames))
    ends_with_a_record |= one.name.startswith("pcapng") and length == SECTION_HEADER_BYTES
    assert source.cut_short != ends_with_a_record


@lru_cache
def whole_records(one: Format, frames: int) -> bytes:
    """The beginning of the file that holds whole records only; for compressed ones the file."""
    if "pcap" not in one.name:
        return one.content
    header = len(one.content) - sum(_record_bytes(one, frame.data) for frame in FRAMES)
    records = sum(_record_bytes(one, frame.data) for frame in FRAMES[:frames])
    return one.content[: header + records]


def _record_bytes(one: Format, data: bytes) -> int:
    if one.name.startswith("pcapng"):
        return 32 + len(data) + -len(data) % 4
    return 16 + len(data)


@each_format
def test_a_capture_cut_at_some_byte_is_read_up_to_there(one: Format) -> None:
    shift = len(one.name) % STEP
    for length in (*range(LONGEST_HEAD), *range(LONGEST_HEAD + shift, len(one.content), STEP)):
        hold_truncated(one, length)


@pytest.mark.long
@each_format
def test_a_capture_cut_at_every_byte_is_read_up_to_there(one: Format) -> None:
    for length in range(len(one.content)):
        hold_truncated(one, length)


@pytest.mark.parametrize(
    "one", [one for one in FORMATS if one.name not in ONE_BLOCK], ids=lambda one: one.name
)
def test_the_report_says_that_a_capture_is_cut_short(one: Format) -> None:
    report = diagnosed(one.content[:-5])
    assert report.capture is not None
    assert report.capture.sources[0].cut_short
    for name, render in REPORT_FORMATS.items():
        text = render(report)
        assert (
            '"cut_short": true' in text if name == "json" else "in the middle of a record" in text
        )


def hold_damaged(seed: int) -> None:
    """What every damaged file must satisfy: an account of all frames, or one error."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    one = chance.choice(FORMATS)
    content = bytearray(one.content)
    for _ in range(chance.choice((1, 1, 2, 5, 30))):
        at = chance.randrange(len(content))
        content[at] = chance.choice((0, 0xFF, 0x7F, content[at] ^ (1 << chance.randrange(8))))
    try:
        report = diagnosed(bytes(content))
    except SourceError:
        return
    for render in REPORT_FORMATS.values():
        render(report)
    assert report.capture is not None
    assert report.capture.frames == sum(count for _, count in report.capture.statuses)


def test_damaged_captures_never_stop_a_run() -> None:
    for seed in range(300):
        hold_damaged(seed)


@pytest.mark.long
def test_many_damaged_captures_never_stop_a_run() -> None:
    for seed in range(1_000, 11_000):
        hold_damaged(seed)


@pytest.mark.parametrize("length", [0, 3, 24, 30, 1500, len(PLAIN) - 1])
def test_the_command_ends_with_a_code_of_its_own_on_a_cut_file(tmp_path: Path, length: int) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(PLAIN[:length])
    command = [sys.executable, "-m", "sniffdiag", "analyze", str(cut), "--mesh-version", "1.3.6"]
    declared = [part for text in DECLARED for part in ("-s", text)]
    run = subprocess.run([*command, *declared], capture_output=True, text=True, check=False)
    assert run.returncode == {0: 2, 3: 2, 24: 3, 30: 3}.get(length, 1)
    assert "Traceback" not in run.stderr
    assert "internal error" not in run.stderr
