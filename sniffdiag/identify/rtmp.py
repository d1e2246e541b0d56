"""RTMP: the 1537-byte handshake of both sides and the connect command behind it.

One byte `03` is all that begins it, which TPKT (RDP) shares, so the whole handshake must be seen.
Does not recognise RTMPE or RTMPT. Follows Adobe's RTMP specification 1.0, 5.2 and 7.2.1.
"""

from __future__ import annotations

from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    Sign,
    Sounding,
    at_start,
    beginning,
    hint,
    proof,
    weigh,
)
from sniffdiag.identify.verdict import Answer, Detector, Heads, Verdict, certain
from sniffdiag.identify.wire import Layout, byte, fit
from sniffdiag.model import Transport

VERSION = 3
HELLO: Layout = (byte(0, {VERSION}),)
HANDSHAKE_LEN = 1536
CHUNK_AT = 1 + 2 * HANDSHAKE_LEN
ECHO_AT, ECHO_LEN = 8, 64
"""The random part that the other side repeats, behind time and zero."""
CONNECT = b"\x02\x00\x07connect"
_CONNECT_WITHIN_BYTES = 64
# Simple handshakes leave four zero bytes, digested ones put a Flash version there.
PLAIN = b"\x00\x00\x00\x00"


@beginning(HELLO)
def _hello(data: bytes) -> Clue:
    fits = fit(data, HELLO)
    if not fits or len(data) <= HANDSHAKE_LEN:
        return OPEN if fits is not False else AGAINST
    if CONNECT in data[CHUNK_AT : CHUNK_AT + _CONNECT_WITHIN_BYTES]:
        return proof("RTMP handshake and connect command")
    plain = data[5:9] == PLAIN
    return hint("an RTMP handshake") if plain else OPEN


_side = at_start(_hello)


def _echoes(asked: bytes, answered: bytes) -> bool:
    """The second handshake block of one side repeats the first one of the other."""
    sent = asked[1 + ECHO_AT : 1 + ECHO_AT + ECHO_LEN]
    echo_at = 1 + HANDSHAKE_LEN + ECHO_AT
    return len(sent) == ECHO_LEN and answered[echo_at : echo_at + ECHO_LEN] == sent


def probe(heads: Heads) -> Verdict:
    """Both sides apart, then the echo."""
    client, server = _side(heads.client), _side(heads.server)
    verdict = weigh(heads, client, server)
    both = Sign.AGAINST not in {client.sign, server.sign}
    if verdict.answer is not Answer.CERTAIN and both:
        asked, answered = heads.client.head, heads.server.head
        if _echoes(asked, answered) or _echoes(answered, asked):
            return certain("RTMP handshake echoed by the other side")
    return verdict


DETECTOR = Detector(
    protocol="rtmp",
    title="RTMP",
    transports=frozenset({Transport.TCP}),
    probe=Sounding(probe, _side.begins, _side.begins),
    evidence="Handshake of 1537 bytes on both sides, its random part echoed, then connect.",
)
