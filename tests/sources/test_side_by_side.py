"""Files that were written at the same time are one capture in order of time."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sniffdiag.sources import side_by_side
from sniffdiag.sources.captures import open_sources
from sniffdiag.sources.rows import FrameRow, rows
from tests.support.capture_files import START_NS, Frame, pcap

MILLISECOND = 1_000_000


def told(folder: Path, block_bytes: int = 1 << 20) -> list[FrameRow]:
    return list(rows(open_sources([str(folder)], stdin=None, block_bytes=block_bytes)))


def write(folder: Path, files: list[list[Frame]]) -> None:
    for number, content in enumerate(files):
        (folder / f"{number:03}.pcap").write_bytes(pcap(content))


def at(*milliseconds: int, file: int = 0) -> list[Frame]:
    return [
        Frame(bytes([file, n % 256]) * 20, START_NS + ms * MILLISECOND)
        for n, ms in enumerate(milliseconds)
    ]


@given(
    files=st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=30), min_size=1, max_size=5),
    block_bytes=st.sampled_from((64, 100, 700, 1 << 20)),
)
@settings(max_examples=60)
def test_frames_come_when_the_latest_time_of_their_file_does(
    tmp_path_factory: pytest.TempPathFactory, files: list[list[int]], block_bytes: int
) -> None:
    """Whatever the blocks; clocks may run back, and then a frame comes right behind its file's."""
    folder = tmp_path_factory.mktemp("files")
    contents = [at(*times, file=number) for number, times in enumerate(files)]
    write(folder, contents)
    by_start = sorted(range(len(files)), key=lambda number: (files[number][0], number))
    wanted = sorted(
        (max(files[number][: row + 1]), order, row)
        for order, number in enumerate(by_start)
        for row in range(len(files[number]))
    )
    found = told(folder, block_bytes)
    assert [row.frame for row in found] == list(range(1, len(wanted) + 1))
    assert [row.data for row in found] == [
        contents[by_start[order]][row].data for _, order, row in wanted
    ]


def test_files_that_follow_one_another_share_an_interface_and_others_do_not(tmp_path: Path) -> None:
    write(tmp_path, [at(0, 10, 20), at(5, 15), at(30, 40)])
    found = [(row.interface, row.ts_ns) for row in told(tmp_path)]
    numbers = [interface for interface, _ in sorted(found, key=lambda one: one[1])]
    assert numbers[0] == numbers[2] == numbers[4] == numbers[5] == numbers[6]
    assert numbers[1] == numbers[3] != numbers[0]


def test_each_file_says_which_frame_was_its_first(tmp_path: Path) -> None:
    write(tmp_path, [at(0, 10, 20), at(5, 15), at(30, 40)])
    source = open_sources([str(tmp_path)], stdin=None)
    assert len(list(rows(source))) == 7
    assert [(one.first_frame, one.frames) for one in source.summaries] == [(1, 3), (2, 2), (6, 2)]


def test_more_files_than_may_be_open_are_all_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_by_side, "MOST_OPEN", 3)
    write(tmp_path, [at(n, 50 + n, file=n) for n in range(10)])
    assert len(told(tmp_path)) == 20


@pytest.mark.oracle
def test_frames_are_numbered_as_mergecap_numbers_them(tmp_path: Path) -> None:
    captured = Path(__file__).parents[2] / "pcaps" / "copies"
    names = [captured / name for name in ("client.pcap", "node.pcap", "server.pcap")]
    merged = tmp_path / "merged.pcap"
    mergecap = shutil.which("mergecap")
    assert mergecap is not None
    subprocess.run([mergecap, "-F", "pcap", "-w", str(merged), *map(str, names)], check=True)
    theirs = [row.data for row in rows(open_sources([str(merged)], stdin=None))]
    ours = [row.data for row in rows(open_sources([str(one) for one in names], stdin=None))]
    assert ours == theirs
