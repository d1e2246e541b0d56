"""On other projects' captures, frames are those that dpkt and scapy read."""

from __future__ import annotations

import gzip
from fractions import Fraction
from pathlib import Path
from typing import Any

import dpkt
import pytest
from scapy.utils import RawPcapReader

from sniffdiag.sources.captures import open_sources
from sniffdiag.sources.rows import FrameRow, rows
from tests.support.corpus import Sample, samples

pytestmark = pytest.mark.corpus

SCAPY_CANNOT = {"deepflowio-nats-nrpc3.pcap": "Kuznetzov's variant"}


def _rows(path: Path) -> list[FrameRow]:
    return list(rows(open_sources([str(path)], stdin=None)))


@pytest.mark.parametrize("sample", samples(), ids=str)
def test_frames_are_those_of_dpkt(sample: Sample) -> None:
    opened = gzip.open if sample.path.suffix == ".gz" else open
    with opened(sample.path, "rb") as file:
        reader = dpkt.pcap.UniversalReader(file)
        expected = [(Fraction(ts), bytes(data)) for ts, data in reader]
        linktype = reader.datalink()
    found = _rows(sample.path)
    assert [row.data for row in found] == [data for _, data in expected]
    assert {row.linktype for row in found} <= {linktype}
    for row, (ts, _) in zip(found, expected, strict=True):
        assert abs(row.ts_ns - ts * 10**9) < 1000  # dpkt's pcapng reader counts in floats


@pytest.mark.parametrize(
    "sample", [one for one in samples() if str(one) not in SCAPY_CANNOT], ids=str
)
def test_lengths_and_times_are_those_of_scapy(sample: Sample) -> None:
    with RawPcapReader(str(sample.path)) as reader:
        expected = [(len(data), meta.wirelen, _ts_ns(reader, meta)) for data, meta in reader]
    found = _rows(sample.path)
    assert [(len(row.data), row.wirelen, row.ts_ns) for row in found] == expected


def _ts_ns(reader: RawPcapReader, meta: Any) -> int:
    """Scapy's records of pcap and of pcapng have different fields."""
    if hasattr(meta, "tshigh"):
        return int(((meta.tshigh << 32) + meta.tslow) * 10**9 // int(meta.tsresol))
    return int(meta.sec * 10**9 + meta.usec * (1 if reader.nano else 1000))
