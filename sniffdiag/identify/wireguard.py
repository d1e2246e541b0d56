"""WireGuard: handshake messages and the indexes that answer each other.

Follows wireguard.pdf 5.4.
"""

from __future__ import annotations

from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    Sign,
    Sounding,
    beginning,
    datagrams,
    hint,
    weigh,
)
from sniffdiag.identify.verdict import Detector, Heads, Side, Verdict, certain
from sniffdiag.identify.wire import Literal, byte
from sniffdiag.model import Transport

# Message type and three reserved zero bytes; the length of each message is fixed.
INITIATION, RESPONSE, COOKIE, TRANSPORT = (bytes([kind, 0, 0, 0]) for kind in range(1, 5))
LENGTHS = {INITIATION: 148, RESPONSE: 92, COOKIE: 64}
SENDER, RECEIVER_OF_RESPONSE = slice(4, 8), slice(8, 12)


@beginning((byte(0, range(1, 5)), Literal(1, bytes(3))))
def _datagram(data: bytes) -> Clue:
    kind = data[:4]
    if kind in LENGTHS:
        return hint("a WireGuard handshake message") if len(data) >= LENGTHS[kind] else OPEN
    if kind == TRANSPORT:
        return OPEN
    return OPEN if any(known.startswith(data) for known in (*LENGTHS, TRANSPORT)) else AGAINST


def _messages(side: Side, kind: bytes) -> list[bytes]:
    sent = (side.head, *(sample.data for sample in side.samples))
    return [data for data in sent if data.startswith(kind) and len(data) >= LENGTHS[kind]]


def _answered(heads: Heads) -> bool:
    asked = {data[SENDER] for data in _messages(heads.client, INITIATION)}
    return any(data[RECEIVER_OF_RESPONSE] in asked for data in _messages(heads.server, RESPONSE))


_side = datagrams(_datagram)


def probe(heads: Heads) -> Verdict:
    """Both sides apart; certain when the response names the initiation's index."""
    client, server = _side(heads.client), _side(heads.server)
    if Sign.AGAINST not in {client.sign, server.sign} and _answered(heads):
        return certain("WireGuard response to this initiation")
    return weigh(heads, client, server)


DETECTOR = Detector(
    protocol="wireguard",
    title="WireGuard",
    transports=frozenset({Transport.UDP}),
    probe=Sounding(probe, _side.begins, _side.begins),
    evidence="Handshake messages of fixed length whose indexes answer each other.",
    midstream=True,
)
