"""Law 3 from end to end: however a capture is cut into files and blocks, the report is the same."""

from __future__ import annotations

import gzip
import io
import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, BinaryIO
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sniffdiag.catalog.manifests import load
from sniffdiag.catalog.services import Catalog
from sniffdiag.pipeline.capture import Wanted, list_flows
from sniffdiag.pipeline.diagnosis import MeshChoice, analyze_captures
from sniffdiag.report.flow_formats import FLOW_FORMATS
from sniffdiag.report.formats import FORMATS
from sniffdiag.sources.captures import open_sources
from sniffdiag.sources.rows import rows
from tests.support.capture_files import DRIBBLES, Frame, enhanced, interface, pcap, section
from tests.support.small_captures import DECLARED, FRAMES

if TYPE_CHECKING:
    from typing_extensions import Buffer

INCIDENT = Path(__file__).parents[2] / "pcaps" / "tke-rename"
CHOICE = MeshChoice(version="1.3.6")
EVERYTHING = Wanted(facts=True, ja4=True)


class Sample:
    """Frames of one link type, their declarations, and what is reported of them uncut."""

    def __init__(self, frames: Sequence[Frame], linktype: int, catalog: Catalog) -> None:
        self.frames = frames
        self.linktype = linktype
        self.catalog = catalog
        self.borders = self._borders()
        self.uncut = self.told(["-"], io.BytesIO(self.as_pcap(frames)))

    def _borders(self) -> list[int]:
        """Where a file may begin: its first frame is later than all before it."""
        latest = -1
        found = []
        for at, frame in enumerate(self.frames):
            if frame.ts_ns > latest:
                found.append(at)
            latest = max(latest, frame.ts_ns)
        return [*found, len(self.frames)]

    def as_pcap(self, part: Sequence[Frame]) -> bytes:
        return pcap(part, linktype=self.linktype)

    def as_big_endian_pcap(self, part: Sequence[Frame]) -> bytes:
        return pcap(part, linktype=self.linktype, order=">")

    def as_pcapng(self, part: Sequence[Frame]) -> bytes:
        packets = b"".join(enhanced(frame) for frame in part)
        return section() + interface(linktype=self.linktype) + packets

    def as_gzip(self, part: Sequence[Frame]) -> bytes:
        return gzip.compress(self.as_pcap(part))

    @property
    def writers(self) -> tuple[Callable[[Sequence[Frame]], bytes], ...]:
        return (self.as_pcap, self.as_big_endian_pcap, self.as_pcapng, self.as_gzip)

    def told(self, names: list[str], stdin: BinaryIO | None = None) -> tuple[str, str]:
        """Flows, and what follows the account of the capture in the report."""
        listing = "".join(FLOW_FORMATS["json"](list_flows(names, stdin=stdin, wanted=EVERYTHING)))
        if stdin is not None:
            stdin.seek(0)
        report = FORMATS["json"](analyze_captures(names, self.catalog, CHOICE, stdin=stdin))
        return listing[listing.index('"flows": [') :], report[report.index('"ports": [') :]


def _incident() -> Sample:
    found = list(rows(open_sources([str(INCIDENT / "incident.pcap")], stdin=None)))
    frames = [Frame(row.data, row.ts_ns, row.wirelen) for row in found]
    return Sample(frames, found[0].linktype, load([str(INCIDENT / "services.yaml")]))


@pytest.fixture(scope="module", params=("incident", "every kind of connection"))
def sample(request: pytest.FixtureRequest) -> Sample:
    if request.param == "incident":
        return _incident()
    return Sample(FRAMES, 1, load([], declarations=DECLARED))


def blocks_of(block_bytes: int) -> AbstractContextManager[object]:
    """Everything is read in blocks of that size, whoever opens it."""
    defaults = open_sources.__kwdefaults__
    assert defaults is not None
    assert "block_bytes" in defaults
    return patch.dict(defaults, block_bytes=block_bytes)


block_sizes = st.sampled_from((64, 77, 500, 4096, 50_000, 1 << 20))


def test_the_samples_say_something(sample: Sample) -> None:
    flows, report = sample.told(["-"], io.BytesIO(sample.as_pcapng(sample.frames)))
    assert flows.count('"client"') >= 5
    assert "SD101" in report


@given(data=st.data())
@settings(max_examples=10)
def test_files_cut_anywhere_and_read_in_any_blocks_give_the_same_report(
    sample: Sample, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.lists(st.sampled_from(sample.borders), max_size=5), label="cuts"))
    names = list(range(len(cuts) + 1))
    random.Random(data.draw(st.integers(0, 99), label="names")).shuffle(names)  # noqa: S311 - order
    with TemporaryDirectory() as folder:
        for number, begin, end in zip(names, [0, *cuts], [*cuts, len(sample.frames)], strict=True):
            write = data.draw(st.sampled_from(sample.writers), label="format")
            Path(folder, f"{number}.cap").write_bytes(write(sample.frames[begin:end]))
        with blocks_of(data.draw(block_sizes, label="block bytes")):
            assert sample.told([folder]) == sample.uncut


class _Dribbling(io.BytesIO):
    """Standard input that gives a few bytes at a time."""

    def __init__(self, content: bytes, sizes: Sequence[int]) -> None:
        super().__init__(content)
        self._sizes = cycle(max(size, len(content) // DRIBBLES) for size in sizes)

    def readinto(self, buffer: Buffer, /) -> int:
        return super().readinto(memoryview(buffer)[: next(self._sizes)])


@given(
    sizes=st.lists(st.integers(1, 3000), min_size=1, max_size=8),
    block_bytes=block_sizes,
    way=st.integers(0, 3),
)
@settings(max_examples=10)
def test_a_pipe_gives_the_same_report_however_it_dribbles(
    sample: Sample, sizes: list[int], block_bytes: int, way: int
) -> None:
    stdin = _Dribbling(sample.writers[way](sample.frames), sizes)
    with blocks_of(block_bytes):
        assert sample.told(["-"], stdin) == sample.uncut
