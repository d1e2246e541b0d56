"""gzip, zstd, lz4 and xz around captures: whole, cut, damaged, nested, in several members."""

from __future__ import annotations

import gzip

import pytest

from sniffdiag.errors import SourceError
from tests.support.capture_files import BZIP2, COMPRESS, frames, pcap, pcapng, read

RECORDS = frames(*[700] * 300)
CONTENT = pcap(RECORDS)


@pytest.mark.parametrize("codec", COMPRESS)
def test_data_that_ends_early_is_used_up_to_there(codec: str) -> None:
    squeezed = COMPRESS[codec](CONTENT)
    expected, _ = read(CONTENT)
    for cut in {8, 20, 40, len(squeezed) // 2, len(squeezed) - 1}:
        try:
            found, summary = read(squeezed[:cut])
        except SourceError:
            continue
        assert found == expected[: len(found)]
        assert summary.cut_short
        assert any("ends early" in note for note in summary.notes)


@pytest.mark.parametrize("codec", COMPRESS)
def test_a_small_capture_cut_at_any_byte_raises_nothing_but_source_errors(codec: str) -> None:
    squeezed = COMPRESS[codec](pcapng(frames(20, 30)))
    for cut in range(len(squeezed)):
        try:
            _, summary = read(squeezed[:cut])
        except SourceError:
            continue
        assert summary.cut_short


@pytest.mark.parametrize("codec", COMPRESS)
def test_a_changed_byte_anywhere_raises_nothing_but_source_errors(codec: str) -> None:
    squeezed = COMPRESS[codec](pcap(frames(20, 30)))
    for at in range(len(squeezed)):
        changed = bytearray(squeezed)
        changed[at] ^= 0xFF
        try:
            read(bytes(changed))
        except SourceError:
            continue


@pytest.mark.parametrize("codec", COMPRESS)
def test_members_one_after_the_other_are_one_stream(codec: str) -> None:
    compress = COMPRESS[codec]
    squeezed = b"".join(compress(CONTENT[at : at + 9999]) for at in range(0, len(CONTENT), 9999))
    found, summary = read(squeezed)
    assert [row.data for row in found] == [record.data for record in RECORDS]
    assert (summary.cut_short, summary.notes) == (False, [])


@pytest.mark.parametrize("inner", COMPRESS)
@pytest.mark.parametrize("outer", COMPRESS)
def test_one_codec_inside_another(inner: str, outer: str) -> None:
    found, summary = read(COMPRESS[outer](COMPRESS[inner](CONTENT)))
    assert (len(found), summary.format) == (300, f"pcap+{inner}+{outer}")


def test_three_codecs_deep_is_refused() -> None:
    with pytest.raises(SourceError, match="not a capture"):
        read(gzip.compress(gzip.compress(gzip.compress(CONTENT))))


def test_what_follows_the_compressed_data_is_noted() -> None:
    found, summary = read(gzip.compress(CONTENT) + b"trailer")
    assert (len(found), summary.cut_short) == (300, False)
    assert summary.notes == ["what follows the gzip data is not read"]


def test_zero_padding_after_the_compressed_data_is_ignored() -> None:
    assert read(gzip.compress(CONTENT) + bytes(512))[1].notes == []


@pytest.mark.parametrize("codec", COMPRESS)
@pytest.mark.parametrize("between", [bytes(4), bytes(70_000)])
def test_padding_between_members_hides_nothing(codec: str, between: bytes) -> None:
    compress = COMPRESS[codec]
    found, summary = read(compress(CONTENT[:9999]) + between + compress(CONTENT[9999:]))
    assert (len(found), summary.cut_short, summary.notes) == (300, False, [])


@pytest.mark.parametrize("codec", ["zstd", "lz4"])
def test_skippable_frames_are_passed_over(codec: str) -> None:
    """As pzstd writes them before each frame."""
    compress = COMPRESS[codec]
    remark = b"\x5f\x2a\x4d\x18" + (300).to_bytes(4, "little") + bytes(300)
    squeezed = remark + compress(CONTENT[:9999]) + remark + remark + compress(CONTENT[9999:])
    found, summary = read(squeezed + remark)
    assert (len(found), summary.cut_short, summary.notes) == (300, False, [])


def test_a_frame_that_skips_beyond_the_end_is_noted() -> None:
    found, summary = read(COMPRESS["zstd"](CONTENT) + b"\x50\x2a\x4d\x18\xff\xff\xff\xff")
    assert (len(found), summary.notes) == (300, ["what follows the zstd data is not read"])


def test_an_unknown_compression_is_named() -> None:
    with pytest.raises(SourceError, match="bzip2"):
        read(BZIP2(CONTENT))
