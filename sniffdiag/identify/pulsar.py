"""Apache Pulsar binary protocol: two lengths and a protobuf BaseCommand.

A command's sub-message has the field number of its type, so type and next tag must agree. Follows
"Pulsar binary protocol specification" and PulsarApi.proto.
"""

from __future__ import annotations

from sniffdiag.identify.clue import Clue, Parse, anywhere, one_of, probe_sides, proof
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Layout, Literal, be32
from sniffdiag.model import Transport

SIZES = range(4, (5 << 20) + (1 << 14))
# Type and field number: the tag of a length-delimited field is number << 3 | 2, as a varint.
CLIENT = {2: "CONNECT", 4: "SUBSCRIBE", 5: "PRODUCER", 6: "SEND", 10: "ACK", 11: "FLOW"}
SERVER = {3: "CONNECTED", 7: "SEND_RECEIPT", 8: "SEND_ERROR", 9: "MESSAGE", 13: "SUCCESS"}
BOTH = {18: "PING", 19: "PONG"}


def _varint(value: int) -> bytes:
    low = value & 0x7F
    return bytes([low]) if value == low else bytes([low | 0x80, value >> 7])


def _command(kind: int) -> Layout:
    tag = _varint(kind << 3 | 2)
    return (
        Literal(0, b"\x00"),
        be32(0, SIZES),
        be32(4, SIZES),
        Literal(8, b"\x08" + bytes([kind]) + tag),
    )


def _sounds(commands: dict[int, str]) -> Parse:
    cases: list[tuple[Layout, Clue]] = [
        (_command(kind), proof(f"Pulsar {name} command")) for kind, name in commands.items()
    ]
    return one_of(*cases)


_client, _server = _sounds(CLIENT | BOTH), _sounds(SERVER | BOTH)

DETECTOR = Detector(
    protocol="pulsar",
    title="Apache Pulsar",
    transports=frozenset({Transport.TCP}),
    probe=probe_sides(anywhere(_client, _client), anywhere(_server, _server)),
    evidence="Total and command size, command type and the tag of that type's sub-message.",
    midstream=True,
)
