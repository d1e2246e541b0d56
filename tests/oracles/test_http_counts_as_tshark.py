"""Requests, statuses and latencies, counted in columns, are those that tshark dissects."""

from __future__ import annotations

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
from tests.support import corpus

ROOT = Path(__file__).parents[2]
LAB = [
    ROOT / "pcaps" / "lab" / name / "1.20" / "s1-lo.pcap"
    for name in ("http-on-http-web", "http-on-tcp-web", "websocket-on-http-web")
]
HTTP = [s.path for s in corpus.samples() if {f["label"] for f in s.flows} & {"http", "websocket"}]
FIELDS = ("http.request.method", "http.response.code", "http.time")
NOT_TOGETHER, SHOWN = "tcp.desegment_tcp_streams:FALSE", ("-T", "fields", "-E", "occurrence=f")
STEP = 0.032


@dataclass
class Told:
    """What is counted of a whole capture."""

    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    latency: list[float] = field(default_factory=list)


def by_tshark(path: Path) -> Told:
    """Messages are dissected where they begin: streams are not put together."""
    fields = [argument for name in FIELDS for argument in ("-e", name)]
    run = subprocess.run(
        ["tshark", "-r", str(path), "-o", NOT_TOGETHER, "-Y", "http && tcp", *SHOWN, *fields],
        capture_output=True,
        check=True,
        text=True,
    )
    told = Told()
    for line in run.stdout.splitlines():
        method, status, seconds = line.split("\t")
        told.requests += bool(method)
        told.statuses.update([int(status)] if status else [])
        told.latency += [float(seconds) * 1e9] if seconds else []
    return told


def by_sniffdiag(path: Path) -> Told:
    tallied: Tallied | None = sealed(
        read([str(path)], stdin=None, watcher=None)
    ).flows.flows.tallied
    assert tallied is not None
    told = Told(requests=int(tallied.times[tallied.code < RESET].sum()))
    for code, times in zip(tallied.code.tolist(), tallied.times.tolist(), strict=True):
        told.statuses.update({code: times} if code >= LOWEST_STATUS else {})
    latency = np.repeat(tallied.latency_ns, tallied.latency_times)
    told.latency = latency.astype(np.float64).tolist()
    return told


@pytest.mark.oracle
@pytest.mark.parametrize("path", [*HTTP, *LAB], ids=lambda path: path.parts[-3] + path.name)
def test_requests_statuses_and_latencies(path: Path) -> None:
    ours, theirs = by_sniffdiag(path), by_tshark(path)
    assert (ours.requests, ours.statuses) == (theirs.requests, theirs.statuses)
    assert sorted(ours.latency) == pytest.approx(sorted(theirs.latency), rel=STEP, abs=16)
