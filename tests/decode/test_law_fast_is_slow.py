"""Laws 1 and 2: frames in = rows out, and the columnar and the scalar decoder agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sniffdiag.decode.chain import LINK_TYPES
from sniffdiag.decode.decode import decode
from sniffdiag.decode.headers import DecodeStatus
from sniffdiag.sources.captures import open_sources
from tests.support import corpus
from tests.support import wire as h
from tests.support.chunks import chunk_of
from tests.support.frame_samples import FRAME, FRAME_SAMPLES, PACKET, FrameSample, over_ipv4

if TYPE_CHECKING:
    from sniffdiag.sources.frames import FrameChunk

LINKTYPES = sorted(LINK_TYPES)
INTERESTING_BYTES = (0, 1, 2, 3, 4, 6, 8, 0x10, 0x11, 0x2F, 0x45, 0x46, 0x60, 0x81, 0x88, 0xFF)


@st.composite
def mutated_frames(draw: st.DrawFn) -> tuple[bytes, int, int]:
    """A valid frame with a few bytes changed, cut anywhere: (frame, link type, wire length)."""
    sample: FrameSample = draw(st.sampled_from(FRAME_SAMPLES))
    frame = bytearray(sample.frame)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(frame) - 1))
        frame[at] = draw(st.sampled_from(INTERESTING_BYTES) | st.integers(0, 255))
    caplen = draw(st.just(len(frame)) | st.integers(0, len(frame)))
    wirelen = draw(st.just(len(frame)) | st.just(caplen) | st.integers(0, 2**32 - 1))
    return bytes(frame[:caplen]), sample.linktype, wirelen


def differences(chunk: FrameChunk) -> list[str]:
    """Every cell in which the two decoders do not say the same."""
    fast, slow = decode(chunk), h.decode_slowly(chunk)
    found = [
        f"row {row} {name}: fast {getattr(fast, name)[row]} slow {getattr(slow, name)[row]}"
        for name in h.COLUMNS
        for row in np.flatnonzero(getattr(fast, name) != getattr(slow, name)).tolist()
    ]
    pairs = zip(h.tunnel_names(fast), h.tunnel_names(slow), strict=True)
    return found + [f"row {row}: {pair}" for row, pair in enumerate(pairs) if pair[0] != pair[1]]


def assert_rows_are_sane(chunk: FrameChunk) -> None:
    table = decode(chunk)
    flows = table.status <= DecodeStatus.TRUNCATED
    for name in h.COLUMNS:
        column = getattr(table, name)
        assert column.shape == (chunk.rows,)
        assert name == "status" or not column[~flows].any(), name
    end = chunk.offset + chunk.caplen
    assert (table.payload_len >= 0).all()
    assert (table.payload_len <= table.payload_wirelen).all()
    assert (table.payload_at[flows] >= chunk.offset[flows]).all()
    assert (table.payload_at + table.payload_len <= end)[flows].all()


def nested(labels: int) -> bytes:
    return h.ethernet(0x8847, h.mpls(PACKET, labels=labels))


def nested_pseudowire(labels: int) -> bytes:
    return h.ethernet(0x8847, h.mpls(bytes(4) + FRAME, labels=labels))


@given(st.lists(mutated_frames(), min_size=1, max_size=8))
@example([(nested(labels), 1, 500) for labels in range(24, 34)])
@example([(nested_pseudowire(labels), 1, 500) for labels in range(24, 34)])
@example([(over_ipv4(h.GRE, h.gre(0x6558, FRAME, flags=0x4000)), 1, 200)])
@example([(over_ipv4(h.GRE, h.gre(0x6558, FRAME, flags=0x0002)), 1, 200)])
def test_mutated_and_cut_frames_are_read_alike(frames: list[tuple[bytes, int, int]]) -> None:
    chunk = chunk_of(
        [frame for frame, _, _ in frames],
        linktypes=[linktype for _, linktype, _ in frames],
        wirelens=[wirelen for _, _, wirelen in frames],
    )
    assert_rows_are_sane(chunk)
    assert differences(chunk) == []


@pytest.mark.parametrize("sample", FRAME_SAMPLES, ids=lambda sample: sample.name)
def test_frames_cut_at_every_length_are_read_alike(sample: FrameSample) -> None:
    cuts = [sample.frame[:length] for length in range(len(sample.frame) + 1)]
    whole = [len(sample.frame)] * len(cuts)
    for wirelens in (whole, [len(cut) for cut in cuts]):
        chunk = chunk_of(cuts, linktypes=sample.linktype, wirelens=wirelens, filler=0xFF)
        assert_rows_are_sane(chunk)
        assert differences(chunk) == []


@pytest.mark.parametrize("sample", FRAME_SAMPLES, ids=lambda sample: sample.name)
def test_frames_with_any_one_byte_changed_are_read_alike(sample: FrameSample) -> None:
    changed = [
        sample.frame[:at] + bytes([byte]) + sample.frame[at + 1 :]
        for at in range(len(sample.frame))
        for byte in (*INTERESTING_BYTES, sample.frame[at] ^ 1)
    ]
    chunk = chunk_of(changed, linktypes=sample.linktype)
    assert_rows_are_sane(chunk)
    assert differences(chunk) == []


def test_a_hundred_thousand_random_frames_are_a_hundred_thousand_rows() -> None:
    """Totality: no bytes at all make decoding raise."""
    random = np.random.default_rng(20240229)
    lengths = random.integers(0, 90, 100_000)
    blob = random.integers(0, 256, int(lengths.sum()), np.uint8).tobytes()
    ends = np.cumsum(lengths).tolist()
    frames = [blob[end - length : end] for end, length in zip(ends, lengths.tolist(), strict=True)]
    # Half of them begin like something, so that they get past the first header.
    for row in range(0, len(frames), 2):
        frame = FRAME_SAMPLES[row % len(FRAME_SAMPLES)].frame
        frames[row] = frame[: lengths[row] // 2] + frames[row]
    linktypes = [
        FRAME_SAMPLES[row % len(FRAME_SAMPLES)].linktype if row % 2 == 0 else linktype
        for row, linktype in enumerate(random.choice([*LINKTYPES, 77], len(frames)).tolist())
    ]
    chunk = chunk_of(frames, linktypes=linktypes, wirelens=(lengths * 3).tolist())
    assert_rows_are_sane(chunk)
    assert differences(chunk) == []


@pytest.mark.corpus
def test_real_captures_are_read_alike() -> None:
    captures = [str(sample.path) for sample in corpus.samples()]
    assert captures
    for capture in captures:
        for chunk in open_sources([capture], stdin=None):
            assert_rows_are_sane(chunk)
            assert differences(chunk) == [], capture
