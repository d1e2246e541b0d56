"""A capture read in parts by several processes is the capture read by one (law 3)."""

from __future__ import annotations

import os
import signal
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sniffdiag.pipeline import copying, reading
from sniffdiag.pipeline.capture import list_flows
from sniffdiag.report.flow_formats import FLOW_FORMATS
from sniffdiag.sources import parts
from sniffdiag.sources.parts import PartSource, parts_of
from tests.support.wire import ethernet, ipv4, tcp

HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)


def record(number: int, frame: bytes) -> bytes:
    seconds, fraction = divmod(number, 50)
    return struct.pack("<4I", 1_700_000_000 + seconds, fraction, len(frame), len(frame)) + frame


def request(number: int) -> bytes:
    return b"GET /%d HTTP/1.1\r\n\r\n" % number


def misleading(number: int) -> bytes:
    """Every third payload looks like records, to deceive whoever guesses where one begins."""
    return record(number, bytes(40)) * (1 + number % 8) if number % 3 == 0 else request(number)


def conversation(frames: int, payload: Callable[[int], bytes] = misleading) -> bytes:
    """Segments on a few tuples."""
    records = []
    for number in range(frames):
        segment = bytearray(tcp(payload(number), dst_port=8080))
        struct.pack_into(">H", segment, 0, 40_000 + number % 7)
        struct.pack_into(">I", segment, 4, 1 + 1000 * number)
        records.append(record(number, ethernet(0x0800, ipv4(6, bytes(segment)))))
    return HEADER + b"".join(records)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "SMALLEST_PART_BYTES", 4096)
    monkeypatch.setattr(copying, "WATCHED_FRAMES", 40)


def listed(path: Path, processes: int) -> str:
    return "".join(FLOW_FORMATS["json"](list_flows([str(path)], processes=processes)))


@pytest.mark.parametrize("payload", [request, misleading])
@pytest.mark.parametrize("processes", [2, 3, 8])
@pytest.mark.usefixtures("small_parts")
def test_parts_and_whole_give_the_same_listing(
    tmp_path: Path, processes: int, payload: Callable[[int], bytes]
) -> None:
    path = tmp_path / "web.pcap"
    path.write_bytes(conversation(900, payload))
    assert len(parts_of([str(path)], processes)) > 1
    assert listed(path, processes) == listed(path, 1)


@pytest.mark.usefixtures("small_parts")
def test_a_border_that_is_no_record_is_noticed_and_the_file_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "web.pcap"
    path.write_bytes(conversation(900))
    monkeypatch.setattr(parts, "_record_start", lambda _file, _header, target: target + 1)
    assert listed(path, 2) == listed(path, 1)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("at", [0.2, 0.8], ids=["in the first part", "in the second part"])
def test_damage_anywhere_is_reported_as_by_one_process(tmp_path: Path, at: float) -> None:
    data = bytearray(conversation(900))
    place = int(len(data) * at)
    data[place : place + 200] = bytes([0xEE]) * 200
    path = tmp_path / "web.pcap"
    path.write_bytes(data)
    assert listed(path, 2) == listed(path, 1)


@pytest.mark.usefixtures("small_parts")
def test_a_file_cut_in_its_last_record_is_said_to_be_cut(tmp_path: Path) -> None:
    path = tmp_path / "web.pcap"
    path.write_bytes(conversation(900)[:-5])
    assert '"cut_short": true' in listed(path, 2)
    assert listed(path, 2) == listed(path, 1)


@pytest.mark.usefixtures("small_parts")
def test_a_child_that_dies_costs_time_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "web.pcap"
    path.write_bytes(conversation(900))
    monkeypatch.setattr(reading, "_fold_part", lambda *_parts: os.kill(os.getpid(), signal.SIGKILL))
    assert listed(path, 2) == listed(path, 1)


@pytest.mark.usefixtures("small_parts")
def test_ctrl_c_while_waiting_for_another_process_reports_what_came_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "web.pcap"
    path.write_bytes(conversation(900, request))
    monkeypatch.setattr(reading, "_fold_part", lambda *_parts: time.sleep(60))
    pressed = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    pressed.start()
    stopped = list_flows([str(path)], processes=2).capture
    pressed.join()
    assert stopped.interrupted
    assert 0 < stopped.frames < 900


@pytest.mark.usefixtures("small_parts")
def test_frames_of_parts_are_all_frames(tmp_path: Path) -> None:
    path = tmp_path / "web.pcap"
    path.write_bytes(conversation(900, request))
    frames, cut = 0, parts_of([str(path)], 4)
    assert len(cut) == 4
    for part in cut:
        source = PartSource(part)
        frames += sum(chunk.rows for chunk in source)
        assert source.ends_whole
    assert frames == 900


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize(
    "names",
    [["-"], ["gone.pcap"], ["a.pcap", "b.pcap"], ["services.yaml"]],
    ids=["pipe", "missing", "two files", "no capture"],
)
def test_what_cannot_be_parted_has_no_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("services.yaml").write_text("kind: Service\n" * 2000)
    assert parts_of(names, 2) == ()


def test_a_small_file_is_read_by_one_process(tmp_path: Path) -> None:
    path = tmp_path / "web.pcap"
    path.write_bytes(conversation(900))
    assert parts_of([str(path)], 2) == ()
