"""Requests, statuses and latencies of HTTP/2, counted in segments, are those tshark dissects."""

from __future__ import annotations

import io
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from sniffdiag.flows.messages import RESET
from sniffdiag.flows.tallied import Tallied
from sniffdiag.nominate.messages import LOWEST_STATUS
from sniffdiag.pipeline.capture import sealed
from sniffdiag.pipeline.reading import read
from tests.support.capture_files import Frame, pcap

ROOT = Path(__file__).parents[2] / "pcaps" / "http2" / "many"
MANY = sorted(ROOT.glob("*.pcap"))
PORT, HEADERS = "8446", "1"
FIELDS = (
    "frame.time_epoch",
    "tcp.stream",
    "tcp.dstport",
    "http2.type",
    "http2.streamid",
    "http2.headers.status",
)
STEP = 0.032
RECORD_HEAD, GLOBAL_HEAD = 16, 24


@dataclass
class Told:
    """What is counted of a whole capture."""

    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    latency: list[float] = field(default_factory=list)


def by_tshark(path: Path) -> Told:
    """Header blocks that come first of their side on a stream."""
    arguments = [argument for name in FIELDS for argument in ("-e", name)]
    run = subprocess.run(
        ["tshark", "-r", str(path), "-d", f"tcp.port=={PORT},http2", "-T", "fields", *arguments],
        capture_output=True,
        check=True,
        text=True,
    )
    told, first = Told(), dict[tuple[str, str, bool], float]()
    for line in run.stdout.splitlines():
        epoch, connection, port, kinds, streams, statuses = line.split("\t")
        for kind, stream in zip(kinds.split(","), streams.split(","), strict=True):
            if kind == HEADERS:
                first.setdefault((connection, stream, port == PORT), float(epoch))
        told.statuses.update(int(status) for status in filter(None, statuses.split(",")))
    asked = {(c, s): at for (c, s, to_server), at in first.items() if to_server}
    answered = {(c, s): at for (c, s, to_server), at in first.items() if not to_server}
    told.requests = len(asked)
    told.latency = [(answered[key] - at) * 1e9 for key, at in asked.items() if key in answered]
    return told


def by_sniffdiag(data: bytes) -> Told:
    flows = sealed(read(["-"], stdin=io.BytesIO(data), watcher=None)).flows.flows
    assert flows.tallied is not None
    tallied: Tallied | None = flows.tallied.streams
    assert tallied is not None
    told = Told(requests=int(tallied.times[tallied.code < RESET].sum()))
    for code, times in zip(tallied.code.tolist(), tallied.times.tolist(), strict=True):
        told.statuses.update({code: times} if code >= LOWEST_STATUS else {})
    latency = np.repeat(tallied.latency_ns, tallied.latency_times)
    told.latency = latency.astype(np.float64).tolist()
    return told


@pytest.mark.oracle
@pytest.mark.parametrize("path", MANY, ids=lambda path: path.stem)
def test_whole_connections(path: Path) -> None:
    ours, theirs = by_sniffdiag(path.read_bytes()), by_tshark(path)
    assert (ours.requests, ours.statuses) == (theirs.requests, theirs.statuses)
    assert sorted(ours.latency) == pytest.approx(sorted(theirs.latency), rel=STEP, abs=2_000)


@pytest.mark.oracle
@pytest.mark.parametrize("path", MANY, ids=lambda path: path.stem)
def test_joined_mid_stream(path: Path, tmp_path: Path) -> None:
    """Without the first third of the packets: tshark is told the protocol, sniffdiag is not."""
    frames = frames_of(path)
    later = tmp_path / "later.pcap"
    later.write_bytes(pcap(frames[len(frames) // 3 :], linktype=1))
    ours, theirs = by_sniffdiag(later.read_bytes()), by_tshark(later)
    assert ours.requests == theirs.requests
    assert ours.statuses.total() >= 0.99 * len(theirs.latency)


@pytest.mark.parametrize("path", MANY, ids=lambda path: path.stem)
def test_cut_by_the_snapshot_length(path: Path) -> None:
    """96 bytes hold the first frames of a segment, and never more than there were."""
    whole = by_sniffdiag(path.read_bytes())
    cut = by_sniffdiag(pcap([snapped(frame) for frame in frames_of(path)], linktype=1))
    assert cut.requests <= whole.requests
    assert cut.statuses.total() <= whole.statuses.total()
    if "one-by-one" in path.stem:  # the first request comes behind SETTINGS that are cut
        assert (cut.requests, cut.statuses) == (whole.requests - 1, whole.statuses)


@pytest.mark.parametrize("path", MANY, ids=lambda path: path.stem)
def test_lost_packets_cost_what_they_held(path: Path) -> None:
    frames = frames_of(path)
    lossy = [frame for number, frame in enumerate(frames) if number % 13]
    whole, ours = by_sniffdiag(path.read_bytes()), by_sniffdiag(pcap(lossy, linktype=1))
    assert 0.75 * whole.requests <= ours.requests <= whole.requests


@pytest.mark.parametrize("path", MANY, ids=lambda path: path.stem)
def test_what_is_sent_again_counts_once(path: Path) -> None:
    twice = [again for frame in frames_of(path) for again in (frame, later(frame))]
    whole, ours = by_sniffdiag(path.read_bytes()), by_sniffdiag(pcap(twice, linktype=1))
    assert (ours.requests, ours.statuses) == (whole.requests, whole.statuses)


def frames_of(path: Path) -> list[Frame]:
    """Frames of a little-endian pcap with microseconds."""
    data, frames, at = path.read_bytes(), [], GLOBAL_HEAD
    while at < len(data):
        seconds, micros, caplen, _ = np.frombuffer(data, "<u4", 4, at).tolist()
        at += RECORD_HEAD
        frames.append(Frame(data[at : at + caplen], seconds * 10**9 + micros * 1000))
        at += caplen
    return frames


def snapped(frame: Frame) -> Frame:
    """As `tcpdump -s 96` would have captured it."""
    return Frame(frame.data[:96], frame.ts_ns, len(frame.data))


def later(frame: Frame) -> Frame:
    """The same packet sent again a moment later: another IP identification."""
    data = bytearray(frame.data)
    data[18] ^= 0x80
    return Frame(bytes(data), frame.ts_ns + 1000)
