"""RocketMQ remoting: length, header length, JSON header. Follows RocketMQ's RemotingCommand.

The compact ROCKETMQ header encoding has too little to be recognised by and is left out.
"""

from __future__ import annotations

import re

from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    anywhere,
    beginning,
    probe_sides,
    proof,
)
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Layout, Literal, be24, be32, fit
from sniffdiag.model import Transport

HEADER: Layout = (
    be32(0, range(20, 1 << 24)),
    # Serialization type 0 is JSON.
    Literal(4, b"\x00"),
    be24(5, range(16, 1 << 16)),
    Literal(8, b"{"),
)
_FIELDS = lazy(rb'\{.{0,256}"(?:code|opaque|serializeTypeCurrentRPC)":', re.DOTALL)
READ_BYTES = 320


@beginning(HEADER)
def _command(data: bytes) -> Clue:
    fits = fit(data, HEADER)
    header = data[8 : 8 + READ_BYTES]
    if fits and _FIELDS.match(header):
        return proof("RocketMQ JSON header")
    return AGAINST if fits is False or len(header) == READ_BYTES else OPEN


_side = anywhere(_command, _command)

DETECTOR = Detector(
    protocol="rocketmq",
    title="RocketMQ",
    transports=frozenset({Transport.TCP}),
    probe=probe_sides(_side, _side),
    evidence="Length, header length and a JSON header with code or opaque.",
    midstream=True,
)
