"""HPACK of connections seen from the start, and of those joined when its table was half full."""

from __future__ import annotations

import pytest
from hpack import Encoder
from hypothesis import given, settings
from hypothesis import strategies as st

from sniffdiag.identify.header_fields import MAX_LIST_BYTES, FieldReader, Fields

Headers = list[tuple[bytes, bytes]]
NAMES = st.sampled_from(
    [b":path", b":authority", b"grpc-status", b"content-type", b"x-long-name-of-a-header", b"te"]
)
HEADERS = st.lists(st.tuples(NAMES, st.binary(max_size=300)), min_size=1, max_size=12)


def encoded(lists: list[Headers], *, table_bytes: int = 4096) -> list[bytes]:
    encoder = Encoder()
    encoder.header_table_size = table_bytes
    return [encoder.encode(headers) for headers in lists]


@settings(max_examples=80)
@given(lists=st.lists(HEADERS, min_size=1, max_size=8), table_bytes=st.sampled_from([0, 200, 4096]))
def test_a_connection_from_its_start_is_read_as_it_was_written(
    lists: list[Headers], table_bytes: int
) -> None:
    reader = FieldReader(from_start=True)
    read = [reader.read(block) for block in encoded(lists, table_bytes=table_bytes)]
    assert read == [Fields(tuple(headers)) for headers in lists]


@settings(max_examples=120)
@given(
    lists=st.lists(HEADERS, min_size=2, max_size=12),
    joined=st.integers(1, 11),
    table_bytes=st.sampled_from([100, 700, 4096]),
)
def test_a_joined_connection_is_never_read_wrongly(
    lists: list[Headers], joined: int, table_bytes: int
) -> None:
    """What is known is right and in order, the rest is counted, and nothing is lost."""
    reader = FieldReader(from_start=False)
    for block, headers in list(zip(encoded(lists, table_bytes=table_bytes), lists, strict=True))[
        joined:
    ]:
        fields = reader.read(block)
        assert fields.whole
        assert len(fields.known) + fields.unknown == len(headers)
        rest = iter(headers)
        assert all(field in rest for field in fields.known)


def test_what_the_peer_repeats_after_we_joined_is_known_from_then_on() -> None:
    lists: list[Headers] = [[(b":path", b"/a")], [(b":path", b"/b")], [(b":path", b"/b")]]
    blocks = encoded([*lists, [(b":path", b"/a")]])
    reader = FieldReader(from_start=False)
    read = [reader.read(block) for block in blocks[1:]]
    assert [(fields.value(b":path"), fields.unknown) for fields in read] == [
        (b"/b", 0),
        (b"/b", 0),
        (None, 1),
    ]


def test_a_cut_block_gives_what_is_whole_in_it_and_breaks_the_table() -> None:
    (block,) = encoded([[(b":status", b"200"), (b"content-type", b"application/grpc")]])
    for length in range(1, len(block)):
        reader = FieldReader(from_start=True)
        assert reader.read(block[:length], whole=False) == Fields(
            ((b":status", b"200"),), whole=False
        )
        assert reader.broken


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(b"\x80", id="index 0"),
        pytest.param(b"\xff\xff\xff\xff\xff\x7f", id="absurd index"),
        pytest.param(b"\xbe", id="index of an empty table"),
        pytest.param(b"\x3f\xff\xff\x7f", id="table of 268 MB"),
        pytest.param(b"\x40\x81\x00\x00", id="Huffman code without end"),
        pytest.param(b"\x40\xff\xff\xff\xff\xff\xff", id="absurd length"),
    ],
)
def test_an_invalid_block_breaks_the_table_and_nothing_else(block: bytes) -> None:
    reader = FieldReader(from_start=True)
    assert reader.read(b"\x88" + block) == Fields(((b":status", b"200"),), whole=False)
    assert reader.broken


def test_a_block_that_names_a_large_entry_many_times_is_read_up_to_a_bound() -> None:
    large = b"\x40\x01a\x7f\xe1\x1e" + b"x" * 4000
    fields = FieldReader(from_start=True).read(large + b"\xbe" * 4000)
    assert not fields.whole
    assert sum(len(name) + len(value) for name, value in fields.known) < MAX_LIST_BYTES + 8192


@settings(max_examples=120)
@given(blocks=st.lists(st.binary(max_size=60), max_size=5), from_start=st.booleans())
def test_any_bytes_are_read(*, blocks: list[bytes], from_start: bool) -> None:
    reader = FieldReader(from_start=from_start)
    for block in blocks:
        reader.read(block)
