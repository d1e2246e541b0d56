"""What a user names: files, directories, pipes, several at once, and things that are no capture."""

from __future__ import annotations

import gzip
import io
import os
import threading
from pathlib import Path

import pytest

from sniffdiag.errors import SourceError
from sniffdiag.sources.captures import CaptureSource, open_sources
from sniffdiag.sources.rows import rows
from tests.support.capture_files import START_NS, Frame, frames, pcap, pcap_record, pcapng

DAY_NS = 86_400 * 10**9


def _late(days: int, count: int = 1) -> list[Frame]:
    return [Frame(bytes([days]) * 60, START_NS + days * DAY_NS) for _ in range(count)]


def _open(*names: object, stdin: bytes | None = None) -> CaptureSource:
    return open_sources(
        [str(name) for name in names], stdin=None if stdin is None else io.BytesIO(stdin)
    )


def test_rotated_files_are_one_capture_ordered_by_time_not_by_name(tmp_path: Path) -> None:
    (tmp_path / "ring.pcap0").write_bytes(pcap(_late(2)))
    (tmp_path / "ring.pcap1").write_bytes(gzip.compress(pcapng(_late(0, 2))))
    (tmp_path / "ring.pcap2").write_bytes(pcap(_late(1)))
    source = _open(tmp_path)
    found = list(rows(source))
    assert [row.data[0] for row in found] == [0, 0, 1, 2]
    assert [row.frame for row in found] == [1, 2, 3, 4]
    assert [row.interface for row in found] == [0, 0, 0, 0]
    assert [Path(one.name).name for one in source.summaries] == [
        "ring.pcap1",
        "ring.pcap2",
        "ring.pcap0",
    ]
    assert [one.first_frame for one in source.summaries] == [1, 3, 4]


def test_files_of_the_same_time_are_ordered_by_name(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        (tmp_path / name).write_bytes(pcap(_late(1)))
    source = _open(tmp_path / "c", tmp_path / "b", tmp_path / "a")
    assert len(list(rows(source))) == 3
    assert [Path(one.name).name for one in source.summaries] == ["a", "b", "c"]


def test_standard_input_is_read() -> None:
    source = _open("-", stdin=pcap(frames(60, 61)))
    assert [len(row.data) for row in rows(source)] == [60, 61]
    assert source.bytes_total is None


def test_standard_input_comes_after_the_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(pcap(frames(60)))
    assert [len(row.data) for row in rows(_open("-", tmp_path / "a", stdin=pcap(frames(9))))] == [
        60,
        9,
    ]


def test_frames_arrive_while_the_pipe_is_still_open() -> None:
    """`tcpdump -w - | sniffdiag`: nothing waits for a block to fill."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stdin, os.fdopen(writing, "wb", buffering=0) as pipe:
        source = iter(open_sources(["-"], stdin=stdin))
        pipe.write(pcap(frames(60, 61)))
        assert next(source).rows == 2
        pipe.write(pcap_record(frames(62)[0])[:30])
        threading.Timer(0.3, lambda: pipe.write(pcap_record(frames(62)[0])[30:])).start()
        assert next(source).caplen.tolist() == [62]


def test_a_named_pipe_is_read_once(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Thread(target=lambda: fifo.write_bytes(pcap(frames(60, 61))))
    writer.start()
    assert len(list(rows(_open(fifo)))) == 2
    writer.join()


def test_a_fast_writer_gives_large_chunks() -> None:
    reading, writing = os.pipe()
    content = pcap(frames(*[1000] * 3000))

    def write() -> None:
        with os.fdopen(writing, "wb", buffering=0) as pipe:
            pipe.write(content)

    writer = threading.Thread(target=write)
    with os.fdopen(reading, "rb") as stdin:
        writer.start()
        chunks = sum(1 for _ in open_sources(["-"], stdin=stdin))
    writer.join()
    assert chunks < 20


def test_progress_reaches_the_size_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(pcap(frames(*[60] * 100)))
    (tmp_path / "b.gz").write_bytes(gzip.compress(pcap(frames(*[60] * 100))))
    source = _open(tmp_path)
    sizes = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert (source.bytes_read, source.bytes_total) == (0, sizes)
    assert len(list(rows(source))) == 200
    assert source.bytes_read == sizes


NOT_CAPTURES = {
    "empty": b"",
    "a YAML manifest": b"apiVersion: v1\nkind: Service\n",
    "a JSON document": b'{"items": []}',
    "an ELF program": b"\x7fELF\x02\x01\x01\x00",
    "a ZIP archive": b"PK\x03\x04\x00\x00",
    "a text file": "Größe\n".encode(),
    "in no format": bytes(range(8)),
}


@pytest.mark.parametrize("looks_like", NOT_CAPTURES)
def test_what_is_no_capture_is_named_for_what_it_is(tmp_path: Path, looks_like: str) -> None:
    path = tmp_path / "incident.pcap"
    path.write_bytes(NOT_CAPTURES[looks_like])
    with pytest.raises(SourceError, match=looks_like) as error:
        _open(path)
    assert "pcap or pcapng" in error.value.hint
    with pytest.raises(SourceError, match=f"standard input is {looks_like}"):
        list(_open("-", stdin=NOT_CAPTURES[looks_like]))


def test_text_inside_gzip_is_named_with_its_wrapping(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(gzip.compress(b"hello"))
    with pytest.raises(SourceError, match="a text file inside gzip"):
        _open(tmp_path / "a")


def test_a_missing_file_says_so_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file") as error:
        _open(tmp_path / "missing.pcap")
    assert error.value.hint


def test_a_file_without_permission_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a").write_bytes(pcap(frames(60)))
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SourceError, match="Permission denied") as error:
        _open(tmp_path / "a")
    assert "sudo" in error.value.hint


def test_a_directory_without_captures_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing here")
    with pytest.raises(SourceError, match="directory without captures"):
        _open(tmp_path)


def test_other_files_in_a_directory_are_counted_and_named(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a.pcap").write_bytes(pcap(frames(60)))
    (tmp_path / "notes.txt").write_text("nothing here")
    source = _open(tmp_path)
    assert len(list(rows(source))) == 1
    (note,) = source.summaries[0].notes
    assert "files that were not read: 1" in note
    assert "notes.txt is a text file" in note


def test_an_unreadable_file_among_others_is_noted_and_the_rest_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(pcap(frames(60)))
    source = _open(tmp_path / "a", tmp_path / "missing", "-", stdin=b"no capture")
    assert len(list(rows(source))) == 1
    notes = {Path(one.name).name: one.notes for one in source.summaries}
    assert "No such file" in notes["missing"][0]
    assert "a text file" in notes["-"][0]
    assert notes["a"] == []


def test_no_readable_file_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="No such file"):
        _open(tmp_path / "x", tmp_path / "y")


def test_a_capture_without_frames_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(pcap([]))
    source = _open(tmp_path / "a")
    assert list(source) == []
    assert source.summaries[0].format == "pcap"


def test_reading_stops_where_damage_outweighs_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Short chains between junk would make every block break thousands of times."""
    monkeypatch.setattr("sniffdiag.sources.records.MOST_DAMAGED_PLACES", 100)
    records = [pcap_record(frame) for frame in frames(*[7, 60, 11] * 200)]
    chains = (b"".join(records[at : at + 3]) + b"\xff" * 17 for at in range(0, len(records), 3))
    (tmp_path / "a").write_bytes(pcap([]) + b"".join(chains))
    source = _open(tmp_path / "a")
    assert len(list(rows(source))) == 303
    (summary,) = source.summaries
    assert (summary.corrupt_records, summary.skipped_bytes) == (101, 101 * 17)
    assert summary.cut_short
    assert "the rest is not read" in summary.notes[0]
