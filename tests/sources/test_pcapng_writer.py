"""What is written is read back the same, by this program and by others."""

from __future__ import annotations

import os
import resource
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sniffdiag.sources.capture_files import CaptureFiles, Rotation, file_name
from sniffdiag.sources.captures import open_sources
from sniffdiag.sources.frames import FrameChunk
from sniffdiag.sources.pcapng_writer import BLOCK_OVERHEAD, PcapngWriter, WrittenInterface
from sniffdiag.sources.rows import FrameRow, rows
from tests.support.chunks import chunk_of

INTERFACES = [WrittenInterface(1, "eth0", 262_144, "tcp port 80"), WrittenInterface(276, "any")]
START_NS = 1_700_000_000_123_456_789

frames = st.lists(st.binary(max_size=70), min_size=1, max_size=40)


def a_chunk(contents: list[bytes], first_frame: int = 1) -> FrameChunk:
    count = len(contents)
    chunk = chunk_of(
        contents,
        wirelens=[len(data) + number for number, data in enumerate(contents)],
        ts_ns=[START_NS + 1_000_000_007 * number for number in range(count)],
    )
    number = np.arange(count, dtype=np.int32) % 2
    linktypes = np.array([1, 276], np.int32)[number]
    return replace(chunk, interface=number, linktype=linktypes, first_frame=first_frame)


def read(*paths: Path) -> list[FrameRow]:
    return list(rows(open_sources([str(path) for path in paths], stdin=None)))


@given(contents=frames)
def test_frames_come_back_as_they_went_in(
    contents: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("written") / "a.pcapng"
    chunk = a_chunk(contents)
    files = CaptureFiles(str(path), Rotation(), INTERFACES)
    files.write(chunk, {})
    files.close({})
    assert read(path) == list(rows([chunk]))


def test_many_frames_need_many_calls(tmp_path: Path) -> None:
    """More vectors than one writev takes."""
    chunk = a_chunk([bytes([n % 256]) * (n % 200) for n in range(5_000)])
    path = tmp_path / "many.pcapng"
    files = CaptureFiles(str(path), Rotation(), INTERFACES)
    files.write(chunk, {})
    files.close({})
    assert read(path) == list(rows([chunk]))


def test_a_pipe_that_takes_a_little_at_a_time_gets_everything(tmp_path: Path) -> None:
    chunk = a_chunk([bytes([n % 256]) * 997 for n in range(3_000)])
    source, target = os.pipe()
    got = bytearray()

    def slowly() -> None:
        while piece := os.read(source, 4_099):
            got.extend(piece)

    reader = threading.Thread(target=slowly)
    reader.start()
    writer = PcapngWriter(target, INTERFACES)
    writer.write(chunk, INTERFACES)
    os.close(target)
    reader.join()
    os.close(source)
    path = tmp_path / "through.pcapng"
    path.write_bytes(got)
    assert read(path) == list(rows([chunk]))
    assert len(got) == writer.size


@pytest.mark.oracle
def test_tshark_reads_interfaces_filter_times_and_losses(tmp_path: Path) -> None:
    path = tmp_path / "a.pcapng"
    files = CaptureFiles(str(path), Rotation(), INTERFACES)
    files.write(a_chunk([b"x" * 60] * 4), {0: 3, 1: 4})
    files.close({0: 3, 1: 4})
    columns = ("frame.time_epoch", "frame.interface_name", "frame.len", "frame.cap_len")
    command = ["tshark", "-r", str(path), "-T", "fields", *(f"-e{each}" for each in columns)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    first, second = (line.split("\t") for line in told.splitlines()[:2])
    assert first == ["1700000000.123456789", "eth0", "60", "60"]
    assert second == ["1700000001.123456796", "any", "61", "60"]
    source = open_sources([str(path)], stdin=None)
    list(source)
    assert source.summaries[0].dropped == 7


@pytest.mark.parametrize(
    ("rotation", "number", "name"),
    [
        (Rotation(), 0, "web.pcapng"),
        (Rotation(megabytes=1), 0, "web.pcapng"),
        (Rotation(megabytes=1), 12, "web.pcapng12"),
        (Rotation(megabytes=1, files=10), 0, "web.pcapng0"),
        (Rotation(megabytes=1, files=11), 3, "web.pcapng03"),
        (Rotation(megabytes=1, files=11), 14, "web.pcapng03"),
        (Rotation(seconds=60), 2, "web.pcapng2"),
        (Rotation(seconds=60, files=3), 2, "web.pcapng2"),
    ],
)
def test_files_are_named_as_tcpdump_names_them(rotation: Rotation, number: int, name: str) -> None:
    assert file_name("web.pcapng", rotation, number, 0.0) == name


def test_letters_of_strftime_are_the_files_own_time() -> None:
    named = file_name("web-%Y.pcapng", Rotation(seconds=60), 3, 1_700_000_000.0)
    assert named == "web-2023.pcapng"


@given(contents=frames, seconds=st.integers(1, 5))
def test_rotated_by_time_nothing_is_lost_or_doubled(
    contents: list[bytes], seconds: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("rotated")
    chunk = a_chunk(contents)
    files = CaptureFiles(str(folder / "f"), Rotation(seconds=seconds), INTERFACES)
    files.write(chunk, {})
    files.close({})
    paths = sorted(folder.iterdir(), key=lambda path: int(path.name[1:] or 0))
    found = [row for path in paths for row in read(path)]
    assert [row.data for row in found] == contents
    assert [row.ts_ns for row in found] == chunk.ts_ns.tolist()
    for of_file in map(read, paths):
        assert of_file[-1].ts_ns - of_file[0].ts_ns < seconds * 10**9


def test_what_comes_after_the_last_file_of_a_time_has_no_turn(tmp_path: Path) -> None:
    files = CaptureFiles(str(tmp_path / "f"), Rotation(seconds=2, files=1), INTERFACES)
    assert files.write(a_chunk([b"x"] * 5), {}) == len(read(tmp_path / "f")) < 5
    assert files.full


def test_losses_are_told_once_over_all_files(tmp_path: Path) -> None:
    files = CaptureFiles(str(tmp_path / "f"), Rotation(seconds=1), INTERFACES)
    files.write(a_chunk([b"x"] * 2), {0: 5})
    files.close({0: 9})
    source = open_sources([str(path) for path in tmp_path.iterdir()], stdin=None)
    list(source)
    assert sum(summary.dropped for summary in source.summaries) == 9


@pytest.mark.parametrize("room", [0, 1, 631, 632, 20_000, 800_000])
def test_on_a_full_disk_stays_what_there_was_room_for_and_the_rest_is_counted(
    room: int, tmp_path: Path
) -> None:
    path = tmp_path / "full.pcapng"
    files = CaptureFiles(str(path), Rotation(), INTERFACES)
    first, second = a_chunk([b"x" * 60] * 4), a_chunk([b"y" * 600] * 2_000, first_frame=5)
    files.write(first, {})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + room, hard))
        assert files.write(second, {}) == 2_000
        files.write(a_chunk([b"z"]), {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    files.close({})
    whole = room // (600 + BLOCK_OVERHEAD)
    source = open_sources([str(path)], stdin=None)
    found = [row.data for row in rows(source)]
    assert found == [b"x" * 60] * 4 + [b"y" * 600] * whole
    assert source.summaries[0].corrupt_records == 0
    assert not source.summaries[0].cut_short
    told = f"writing {path} stopped: File too large; {2_001 - whole:,} packets were not written"
    assert files.problem() == told


def test_hours_that_are_named_alike_do_not_overwrite_each_other(tmp_path: Path) -> None:
    files = CaptureFiles(str(tmp_path / "h%Y"), Rotation(seconds=1), INTERFACES)
    files.write(a_chunk([b"x"] * 3), {})
    files.close({})
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("was_there", [True, False])
def test_only_a_file_that_was_made_changes_its_owner(
    was_there: bool,  # noqa: FBT001 - a case
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Under sudo, `-w /dev/null` gave the machine's device to the user."""
    path = tmp_path / "target"
    if was_there:
        path.touch()
    given: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "fchown", lambda _descriptor, uid, gid: given.append((uid, gid)))
    files = CaptureFiles(str(path), Rotation(), INTERFACES)
    files.give_to(1234, 1235)
    files.close({})
    assert given == ([] if was_there else [(1234, 1235)])
