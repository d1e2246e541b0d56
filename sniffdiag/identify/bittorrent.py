"""BitTorrent: peer handshake over TCP, DHT queries and answers over UDP. Follows BEP 3, BEP 5.

uTP and encrypted peers are not recognised.
"""

from __future__ import annotations

import re

from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    any_of,
    beginning,
    datagrams,
    one_of,
    probe_sides,
    proof,
)
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Literal, byte
from sniffdiag.model import Transport

_DHT = lazy(
    rb"d(?:1:[adr]d|1:eli\d{3}e|2:ip\d).{0,64}(?:2:id20:|1:[yqv])|d1:ad2:id20:|d1:rd2:id20:",
    re.DOTALL,
)
DHT_READ_BYTES = 128
_handshake = one_of(
    ((Literal(0, b"\x13BitTorrent protocol"),), proof("BitTorrent handshake")),
)


@beginning((Literal(0, b"d"), byte(1, frozenset(b"12")), Literal(2, b":")))
def _dht(data: bytes) -> Clue:
    if _DHT.match(data):
        return proof("BitTorrent DHT message")
    return OPEN if data[:1] == b"d" and len(data) < DHT_READ_BYTES else AGAINST


_side = datagrams(any_of(_handshake, _dht))

DETECTOR = Detector(
    protocol="bittorrent",
    title="BitTorrent",
    transports=frozenset({Transport.TCP, Transport.UDP}),
    probe=probe_sides(_side, _side),
    evidence="Peer handshake; bencoded DHT messages.",
)
