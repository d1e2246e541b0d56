"""Ring blocks as the kernel leaves them, made by hand: every frame is found, and only frames."""

from __future__ import annotations

import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sniffdiag.sources.ring import headers_of

HEADER_BYTES, FIRST_AT, MAC_AT = 68, 48, 112
SECOND = 1_700_000_000


def header(step: int, second: int, caplen: int) -> bytes:
    """tpacket3_hdr and sockaddr_ll, as far as a walk looks at them."""
    fields = struct.pack("=6I2H", step, second, 7, caplen, caplen, 1, MAC_AT, MAC_AT + 14)
    return fields.ljust(HEADER_BYTES, b"\x00")


def block(frames: list[tuple[int, bytes]], *, first: int = SECOND, last: int = SECOND) -> bytes:
    """A block with frames of (second, bytes)."""
    body = b""
    for number, (second, data) in enumerate(frames):
        length = -(-(MAC_AT + len(data)) // 8) * 8
        step = length if number + 1 < len(frames) else 0
        frame = header(step, second, len(data)).ljust(MAC_AT, b"\x00") + data
        body += frame.ljust(length, b"\x00")
    used = FIRST_AT + len(body)
    head = struct.pack("=IIIIIIQIIII", 1, 0, 1, len(frames), FIRST_AT, used, 1, first, 0, last, 0)
    return head + body


def places(frames: list[tuple[int, bytes]]) -> list[int]:
    lengths = [-(-(MAC_AT + len(data)) // 8) * 8 for _, data in frames]
    return [FIRST_AT + sum(lengths[:number]) for number in range(len(frames))]


lookalikes = st.sampled_from(
    [header(0, SECOND, 10), header(136, SECOND, 20), header(8, SECOND, 1) * 3, b"", b"x" * 90]
)
seconds = st.sampled_from([SECOND, SECOND + 1, SECOND - 1, SECOND + 5000, 0])


@given(st.lists(st.tuples(seconds, lookalikes), min_size=1, max_size=12), st.integers(0, 3))
def test_every_frame_is_found_whatever_it_holds_and_whatever_the_clock_does(
    frames: list[tuple[int, bytes]], blocks_before: int
) -> None:
    at = blocks_before * 1024
    data = np.frombuffer(bytes(at) + block(frames) + bytes(64), np.uint8)
    assert headers_of(data, at).tolist() == [at + place for place in places(frames)]


def test_a_block_without_packets_has_none() -> None:
    assert headers_of(np.frombuffer(block([]) + bytes(64), np.uint8), 0).size == 0
