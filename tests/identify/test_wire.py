"""Readers and layouts: total over any bytes, and settled answers stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sniffdiag.identify import wire
from sniffdiag.identify.wire import Layout, Literal, Number, Text, be16, byte

LAYOUT: Layout = (Literal(0, b"AB"), be16(2, range(16)), byte(4, {7}), Text(5, 3, b"xyz"))
FITTING = b"AB\x00\x0f\x07xyz"


@given(data=st.binary(max_size=12), at=st.integers(0, 20))
def test_readers_answer_none_instead_of_raising(data: bytes, at: int) -> None:
    for read, width in ((wire.u8, 1), (wire.u16, 2), (wire.u32, 4)):
        expected = int.from_bytes(data[at : at + width]) if at + width <= len(data) else None
        assert read(data, at) == expected
    assert wire.number(data, at, 2, "little") == (
        int.from_bytes(data[at : at + 2], "little") if at + 2 <= len(data) else None
    )


@pytest.mark.parametrize("length", range(len(FITTING)))
def test_every_beginning_of_what_fits_may_still_fit(length: int) -> None:
    assert wire.fit(FITTING[:length], LAYOUT) is None


def test_what_fits_fits_with_anything_behind_it() -> None:
    assert wire.fit(FITTING, LAYOUT) is True
    assert wire.fit(FITTING + b"more", LAYOUT) is True


@pytest.mark.parametrize(
    "wrong",
    [b"B", b"AC", b"AB\x01\x00", b"AB\x00\x0f\x08", b"AB\x00\x0f\x07xa"],
    ids=["literal", "cut literal", "number", "byte", "text"],
)
def test_what_cannot_fit_never_will(wrong: bytes) -> None:
    assert wire.fit(wrong, LAYOUT) is False
    assert wire.fit(wrong + FITTING, LAYOUT) is False


@given(data=st.binary(max_size=16), more=st.binary(max_size=16))
def test_a_settled_fit_never_changes(data: bytes, more: bytes) -> None:
    answer = wire.fit(data, LAYOUT)
    assert answer is None or wire.fit(data + more, LAYOUT) is answer


def test_little_endian_numbers_are_read_from_their_low_byte() -> None:
    assert Number(0, 2, {1}, "little").fits(b"\x01\x00") is True
    assert Number(0, 2, {1}, "big").fits(b"\x01\x00") is False


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"\x7f", (127, 1), id="one byte"),
        pytest.param(b"\x80\x01", (128, 2), id="two bytes"),
        pytest.param(b"\x80", None, id="cut"),
        pytest.param(b"\x80\x80\x80", False, id="too long"),
    ],
)
def test_varints(data: bytes, expected: object) -> None:
    assert wire.varint(data, 0, 2) == expected
