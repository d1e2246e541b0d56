"""WebSocket over HTTP/1.1: the upgrade and its 101, or frames mid-stream (RFC 6455 4, 5.2).

A request that only offers the upgrade is possible until the answer is seen; an answer other than
101 leaves plain HTTP. WebSocket over HTTP/2 (RFC 8441) stays `http2`.
"""

from __future__ import annotations

from dataclasses import replace

from sniffdiag.identify import http1
from sniffdiag.identify.chains import CUT, NOT_A_FRAME, Chain, Measure, chains
from sniffdiag.identify.clue import Sounding
from sniffdiag.identify.sides import asked, join, raised
from sniffdiag.identify.verdict import (
    NEED_MORE,
    NO,
    Answer,
    Detector,
    Heads,
    Side,
    Verdict,
    certain,
    possible,
)
from sniffdiag.model import Transport

WEBSOCKET = b"websocket"
OPCODES = frozenset({0x0, 0x1, 0x2, 0x8, 0x9, 0xA})
CONTINUATION, FIRST_CONTROL_OPCODE = 0x0, 0x8
FIN, RSV1, RSV23, OPCODE_BITS = 0x80, 0x40, 0x30, 0x0F
MASK, LENGTH_BITS = 0x80, 0x7F
LENGTH_IN_2, LENGTH_IN_8 = 126, 127
MASK_KEY_LEN = 4
MAX_FRAME_LEN = 1 << 24
"""Larger frames exist; a length that large in unknown bytes is more likely not one."""
MIN_FRAMES = 3
"""A header has few fixed bits; this many in a chain each way leave nothing to chance."""


def _measure(data: bytes, at: int, mask: int) -> int:
    if len(data) - at < 2:  # noqa: PLR2004, the two fixed bytes of a header
        return CUT
    first, second = data[at], data[at + 1]
    if not _is_valid_start(first, second, mask):
        return NOT_A_FRAME
    length, width = (
        second & LENGTH_BITS,
        {LENGTH_IN_2: 2, LENGTH_IN_8: 8}.get(second & LENGTH_BITS, 0),
    )
    if width:
        extended = data[at + 2 : at + 2 + width]
        if len(extended) < width:
            return CUT
        length = int.from_bytes(extended)
    if length > MAX_FRAME_LEN or (width and length < LENGTH_IN_2):
        return NOT_A_FRAME
    if not length and not first & FIN:  # allowed, and what zeros look like
        return NOT_A_FRAME
    return 2 + width + (MASK_KEY_LEN if mask else 0) + length


def _is_valid_start(first: int, second: int, mask: int) -> bool:
    opcode = first & OPCODE_BITS
    if opcode not in OPCODES or first & RSV23 or second & MASK != mask:
        return False
    if opcode < FIRST_CONTROL_OPCODE:
        return True
    return first & (FIN | RSV1) == FIN and second & LENGTH_BITS < LENGTH_IN_2


def measure_masked(data: bytes, at: int) -> int:
    """Whole length of a frame from the client, which must mask (RFC 6455 5.1)."""
    return _measure(data, at, MASK)


def measure_unmasked(data: bytes, at: int) -> int:
    """Whole length of a frame from the server, which must not."""
    return _measure(data, at, 0)


def _names_websocket(message: http1.Message) -> bool:
    return WEBSOCKET in (message.field(b"upgrade") or b"").lower()


def _probe_request(side: Side) -> Verdict:
    message = http1.request(side.head)
    if message is not None and _names_websocket(message):
        facts = http1.request_facts(side.head)
        return possible("an HTTP/1.1 request that offers the WebSocket upgrade", facts)
    if side.from_start and http1.probe_client(side) is NO:
        return NO
    return NEED_MORE


def _probe_response(side: Side) -> Verdict:
    message = http1.response(side.head)
    if message is None:
        return NO if side.from_start and http1.probe_server(side) is NO else NEED_MORE
    if message.line[2] == b"101" and _names_websocket(message):
        return certain("101 answer that switches to WebSocket", http1.response_facts(side.head))
    return NEED_MORE


def probe(heads: Heads) -> Verdict:
    """The upgrade, by the answer where there is one; else frames with masks as they must be."""
    client, server = asked(heads.client, _probe_request), asked(heads.server, _probe_response)
    if server.answer is not Answer.CERTAIN and _is_declined(heads.server):
        client = NO if client is NO else NEED_MORE
    verdict = join(client, server)
    if verdict.answer is Answer.CERTAIN and http1.request(heads.client.head):
        # The request has its say although only the answer could make it certain.
        return replace(verdict, by_client=True)
    return _probe_frames(heads) if verdict is NEED_MORE else verdict


def _is_declined(server: Side) -> bool:
    message = http1.response(server.head)
    return message is not None and (message.whole or message.line[2] != b"101")


def _probe_frames(heads: Heads) -> Verdict:
    if heads.client.from_start or heads.server.from_start:
        return NEED_MORE
    frames = _longest_chain(heads.client, measure_masked)
    if frames > 1:
        frames = min(frames, _longest_chain(heads.server, measure_unmasked))
    if frames < 2:  # noqa: PLR2004, two make a chain
        return NEED_MORE
    claim = possible("chained WebSocket frames, masked by the client alone")
    return raised(claim, claim.why) if frames >= MIN_FRAMES else claim


def _longest_chain(side: Side, measure: Measure) -> int:
    return max((_frames_in_turn(chain) for chain in chains(side, measure)), default=0)


def _frames_in_turn(chain: Chain) -> int:
    """How many come before one that breaks the order of fragments (RFC 6455 5.4).

    A message that is not final goes on in continuations, with control frames between them at most.
    """
    goes_on: bool | None = None
    for number, (data, at) in enumerate(chain.frames):
        opcode = data[at] & OPCODE_BITS
        if opcode >= FIRST_CONTROL_OPCODE:
            continue
        if goes_on not in {None, opcode == CONTINUATION}:
            return number
        goes_on = not data[at] & FIN
    return len(chain.frames)


DETECTOR = Detector(
    protocol="websocket",
    title="WebSocket",
    transports=frozenset({Transport.TCP}),
    probe=Sounding(probe, http1.REQUEST_BEGINS, http1.RESPONSE_BEGINS),
    refines=("http",),
    evidence="an HTTP/1.1 upgrade answered by 101, or chained frames masked one way",
    midstream=True,
)
