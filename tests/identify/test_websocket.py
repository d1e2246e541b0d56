"""WebSocket: who decides, and how frames are measured."""

from __future__ import annotations

import pytest

from sniffdiag.identify.resolve import identify
from sniffdiag.identify.verdict import Heads, Side
from sniffdiag.identify.websocket import measure_masked, measure_unmasked
from sniffdiag.model import Transport

OFFER = b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n"

ANSWERED = {
    "not captured": (b"", "websocket", 0.66),
    "switched": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
        "websocket",
        1.0,
    ),
    "refused": (b"HTTP/1.1 403 Forbidden\r\n\r\n", "http", 1.0),
}


@pytest.mark.parametrize(("server", "protocol", "confidence"), ANSWERED.values(), ids=ANSWERED)
def test_an_offer_is_decided_by_its_answer(server: bytes, protocol: str, confidence: float) -> None:
    heads = Heads(Side(OFFER, from_start=True), Side(server, from_start=True))
    found = identify(heads, Transport.TCP, oriented=True)
    assert (found.protocol, found.confidence) == (protocol, confidence)
    assert found.facts.target == "/ws"


UNMASKED = {
    "text": (b"\x81\x05Hello", 7),
    "126 bytes": (b"\x82\x7e\x00\x7e" + bytes(126), 130),
    "65536 bytes": (b"\x82\x7f" + (65536).to_bytes(8), 65546),
    "deflated": (b"\xc1\x01x", 3),
    "length in a needless long form": (b"\x82\x7e\x00\x05", -1),
    "zeros": (bytes(4), -1),
    "reserved bit": (b"\xa1\x01x", -1),
    "reserved opcode": (b"\x83\x01x", -1),
    "fragmented ping": (b"\x09\x01x", -1),
    "long close": (b"\x88\x7e\x01\x00", -1),
    "header cut": (b"\x82\x7e\x00", 0),
    "nothing": (b"", 0),
}


@pytest.mark.parametrize(("frame", "length"), UNMASKED.values(), ids=UNMASKED)
def test_a_frame_is_measured(frame: bytes, length: int) -> None:
    assert measure_unmasked(frame, 0) == length


def test_masks_belong_to_clients() -> None:
    masked = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"
    assert measure_masked(masked, 0) == len(masked)
    assert measure_unmasked(masked, 0) < 0


def masked(first: int) -> bytes:
    return bytes([first, 0x83]) + b"keys" + b"abc"


IN_TURN = {
    "whole messages": (0x81, 0x82, 0x81),
    "fragments around a ping": (0x01, 0x89, 0x80),
    "the end of fragments": (0x00, 0x80, 0x82),
}
OUT_OF_TURN = {
    "a continuation of what is complete": (0x81, 0x80, 0x00),
    "a message inside another": (0x01, 0x81, 0x01),
}


@pytest.mark.parametrize(
    ("first_bytes", "protocol"),
    [(v, "websocket") for v in IN_TURN.values()] + [(v, "unknown") for v in OUT_OF_TURN.values()],
    ids=[*IN_TURN, *OUT_OF_TURN],
)
def test_chained_frames_count_while_fragments_come_in_turn(
    first_bytes: tuple[int, ...], protocol: str
) -> None:
    client = b"".join(masked(first) for first in first_bytes)
    heads = Heads(Side(client), Side(b"\x81\x02hi" * 3))
    assert identify(heads, Transport.TCP, oriented=True).protocol == protocol
