"""What columns read of header blocks is what the hpack library decodes."""

from __future__ import annotations

import numpy as np
import pytest
from hpack import Encoder
from hypothesis import given, settings
from hypothesis import strategies as st

from sniffdiag.nominate.header_blocks import Blocks, read_blocks
from sniffdiag.nominate.messages import (
    GRPC_UNTOLD,
    METHODS,
    OTHER_METHOD,
    STATUS_UNTOLD,
    UNTOLD,
    UNTOLD_METHOD,
)


def read(block: bytes, captured: int | None = None) -> tuple[int, int]:
    """Code and gRPC status of one block, with other bytes behind it."""
    data = np.frombuffer(block + b"\xff" * 64, np.uint8)
    end = len(block) if captured is None else captured
    told: Blocks = read_blocks(data, np.zeros(1, np.int64), np.array([end]))
    return int(told.code[0]), int(told.grpc_status[0])


def coded(*fields: tuple[str, str], huffman: bool = True, encoder: Encoder | None = None) -> bytes:
    return bytes((encoder or Encoder()).encode(fields, huffman=huffman))


@pytest.mark.parametrize("huffman", [False, True])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("first", [":method", ":path"])
def test_methods(method: str, first: str, *, huffman: bool) -> None:
    fields = [(":method", method), (":path", "/shop?a=b"), ("user-agent", "x" * 200)]
    fields.sort(key=lambda field: field[0] != first)
    assert read(coded(*fields, huffman=huffman)) == (METHODS.index(method) + 1, GRPC_UNTOLD)


@pytest.mark.parametrize("huffman", [False, True])
@pytest.mark.parametrize("status", range(100, 600))
def test_statuses(status: int, *, huffman: bool) -> None:
    block = coded((":status", str(status)), ("server", "nginx"), huffman=huffman)
    assert read(block) == (status, GRPC_UNTOLD)


@pytest.mark.parametrize("huffman", [False, True])
@pytest.mark.parametrize("status", range(17))
def test_grpc_statuses(status: int, *, huffman: bool) -> None:
    trailers = coded(("x-a", "1"), ("grpc-status", str(status)), huffman=huffman)
    assert read(trailers) == (UNTOLD, status)
    alone = coded((":status", "200"), ("grpc-status", str(status)), huffman=huffman)
    assert read(alone) == (200, status)


def test_what_the_dynamic_table_holds_is_not_told() -> None:
    encoder = Encoder()
    for fields, again in (
        ([(":status", "503")], UNTOLD),
        ([(":method", "LOCK"), (":path", "/")], UNTOLD_METHOD),
    ):
        first = read(coded(*fields, encoder=encoder))
        assert first[0] in {503, OTHER_METHOD}
        assert read(coded(*reversed(fields), encoder=encoder))[0] == again


def test_a_table_size_update_comes_before_the_fields() -> None:
    assert read(b"\x20\x3f\xe1\x1f" + coded((":status", "404"))) == (404, GRPC_UNTOLD)


def test_what_was_not_captured_is_not_told() -> None:
    block = coded((":status", "503"), huffman=False)
    assert read(block, captured=len(block) - 1)[0] == STATUS_UNTOLD
    trailers = coded(("grpc-status", "14"), huffman=False)
    assert read(trailers, captured=len(trailers) - 1) == (UNTOLD, GRPC_UNTOLD)


@given(block=st.binary(max_size=80), captured=st.integers(0, 80))
@settings(max_examples=300)
def test_any_bytes_are_read(block: bytes, captured: int) -> None:
    code, grpc_status = read(block, min(captured, len(block)))
    assert code <= UNTOLD_METHOD or code in {STATUS_UNTOLD, UNTOLD} or 100 <= code < 600
    assert grpc_status <= 16 or grpc_status == GRPC_UNTOLD
