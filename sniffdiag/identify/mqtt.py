"""MQTT 3.1, 3.1.1 and 5.0, and what can be said about a session joined late.

CONNECT names the protocol. Every other packet is type and flags, a variable length, and little
else, so mid-stream several packets must chain, or both sides agree. Does not follow MQTT-SN.
Follows OASIS MQTT 3.1.1 chapter 2-3, MQTT 5.0 chapter 2-3.
"""

from __future__ import annotations

from sniffdiag.identify import wire
from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Begins,
    Clue,
    Grammar,
    Measure,
    Sounding,
    any_of,
    anywhere,
    beginning,
    best,
    chain_of,
    faint,
    hint,
    one_of,
    probe_sides,
    proof,
    when,
)
from sniffdiag.identify.verdict import NEED_MORE, Detector, Facts, Heads, Side, Verdict, possible
from sniffdiag.identify.wire import Layout, Literal, be16, byte
from sniffdiag.model import Transport

MOST_LENGTH_BYTES = 4
PUBLISH = 3
LONGEST_TOPIC_BYTES = 1024
# Low four bits that each packet type may have (MQTT 3.1.1 2.2.2); PUBLISH has DUP, QoS, RETAIN.
FLAGS: dict[int, frozenset[int]] = {
    **dict.fromkeys((4, 5, 7, 9, 11, 12, 13, 14, 15), frozenset({0})),
    # 3.1 clients set DUP and QoS on PUBREL, SUBSCRIBE and UNSUBSCRIBE retries.
    **dict.fromkeys((6, 8, 10), frozenset({2, 0xA})),
    PUBLISH: frozenset(range(16)) - {6, 7, 14, 15},
}
FROM_CLIENT = frozenset({3, 4, 5, 6, 7, 8, 10, 12, 14, 15})
FROM_SERVER = frozenset({3, 4, 5, 6, 7, 9, 11, 13, 14, 15})
LENGTHS: dict[int, range] = {
    **dict.fromkeys((4, 5, 6, 7), range(2, 1 << 10)),
    8: range(5, 1 << 20),
    9: range(3, 1 << 12),
    10: range(4, 1 << 20),
    11: range(2, 1 << 12),
    12: range(1),
    13: range(1),
    14: range(1 << 10),
    15: range(2, 1 << 16),
    PUBLISH: range(3, 1 << 28),
}
PACKET_ID_LEN = 2
SUBSCRIPTIONS, ACKNOWLEDGEMENTS = frozenset({8, 10}), frozenset({4, 5, 6, 7})
REASONS = frozenset({0, 0x10}) | frozenset(range(0x80, 0xA3))
"""MQTT 5.0 2.4: what an acknowledgement may say behind the packet's id."""
LEVEL_3_1 = 3
LEVELS = {LEVEL_3_1: "3.1", 4: "3.1.1", 5: "5.0"}
# Bridges set the top bit of the level (mosquitto).
_BRIDGE = 0x80


def _connects(level: int) -> list[tuple[Layout, Clue]]:
    name = b"\x00\x06MQIsdp" if level == LEVEL_3_1 else b"\x00\x04MQTT"
    claim = proof(f"MQTT {LEVELS[level]} CONNECT", Facts(version=LEVELS[level]))
    levels = frozenset({level, level | _BRIDGE})
    return [
        (
            (
                Literal(0, b"\x10"),
                *(byte(i, range(0x80, 0x100)) for i in range(1, width)),
                byte(width, range(0x80)),
                Literal(1 + width, name),
                byte(1 + width + len(name), levels),
            ),
            claim,
        )
        for width in range(1, MOST_LENGTH_BYTES + 1)
    ]


_connect = one_of(*(case for level in LEVELS for case in _connects(level)))
CONNACK_V3: Layout = (Literal(0, b"\x20\x02"), byte(2, range(2)), byte(3, range(6)))
CONNACK_V5: Layout = (
    Literal(0, b"\x20"),
    byte(1, range(3, 0x80)),
    byte(2, range(2)),
    byte(3, frozenset({0}) | frozenset(range(0x80, 0xA0))),
)
_connack = one_of(
    (CONNACK_V3, hint("MQTT CONNACK")),
    (CONNACK_V5, hint("MQTT 5 CONNACK")),
)


def _packets(types: frozenset[int]) -> Begins:
    """First bytes of packets; of PUBLISH also where its topic's length is."""
    others = frozenset(kind << 4 | flags for kind in types - {PUBLISH} for flags in FLAGS[kind])
    return ((byte(0, others),), *_PUBLISHES)


_PUBLISHES: Begins = tuple(
    (
        byte(0, frozenset(PUBLISH << 4 | flags for flags in FLAGS[PUBLISH])),
        *(byte(i, range(0x80, 0x100)) for i in range(1, width)),
        byte(width, range(0x80)),
        be16(1 + width, range(LONGEST_TOPIC_BYTES + 1)),
    )
    for width in range(1, MOST_LENGTH_BYTES + 1)
)


def _packet_len(types: frozenset[int]) -> Measure:
    def measure(data: bytes, at: int) -> int | None:
        first = wire.u8(data, at)
        if first is None:
            return None
        kind, flags = first >> 4, first & 0xF
        length = wire.varint(data, at + 1, MOST_LENGTH_BYTES)
        if kind not in types or flags not in FLAGS[kind] or length is False:
            return 0
        if not isinstance(length, tuple):
            return None
        size, body_at = length
        fits = _body_fits(kind, data, body_at, size)
        if fits is None:
            return None
        return body_at + size - at if fits and size in LENGTHS[kind] else 0

    return measure


def _body_fits(kind: int, data: bytes, at: int, size: int) -> bool | None:
    """Whether what the type and length announce may follow; None while that is cut."""
    if kind == PUBLISH:
        return _topic_fits(data, at, size)
    if kind in SUBSCRIPTIONS:
        return _filter_fits(data, at, size)
    if kind in ACKNOWLEDGEMENTS and size > PACKET_ID_LEN:
        reason = wire.u8(data, at + PACKET_ID_LEN)
        return None if reason is None else reason in REASONS
    return True


def _filter_fits(data: bytes, at: int, size: int) -> bool | None:
    """Behind the packet's id comes a filter that is text; in 5.0 there are properties before it.

    The names of a certificate look like chained SUBSCRIBEs: their ASN.1 tag is 0x82.
    """
    properties = wire.varint(data, at + PACKET_ID_LEN, MOST_LENGTH_BYTES)
    found = _text_fits(data, at + PACKET_ID_LEN, at + size)
    if found is not False or properties is False:
        return found
    if not isinstance(properties, tuple):
        return None
    length, behind = properties
    return _text_fits(data, behind + length, at + size)


def _text_fits(data: bytes, at: int, end: int) -> bool | None:
    if at + 2 >= end:
        return False
    length = wire.u16(data, at)
    if length is None:
        return None
    text = data[at + 2 : at + 2 + length]
    if not length or at + 2 + length > end or not wire.is_printable(text):
        return False
    return True if len(text) == length else None


def _topic_fits(data: bytes, body_at: int, size: int) -> bool | None:
    """A PUBLISH counts with a topic that is text without wildcards."""
    topic_len = wire.u16(data, body_at)
    if topic_len is None:
        return None
    topic = data[body_at + 2 : body_at + 2 + topic_len]
    fits = topic_len + 2 <= size and topic_len <= LONGEST_TOPIC_BYTES
    if not fits or not wire.is_printable(topic) or b"#" in topic or b"+" in topic:
        return False
    return True if len(topic) == topic_len else None


CHAIN = 3
TELLING_TOPIC_BYTES = 4
TELLING_BYTES = 4
ACKNOWLEDGEMENT: Layout = (byte(0, {0x40, 0x50, 0x62, 0x70}), Literal(1, b"\x02"))
PINGS: Layout = (byte(0, {0xC0, 0xD0}), Literal(1, b"\x00"))


@beginning(*_PUBLISHES)
def _publish(data: bytes) -> Clue:
    """One PUBLISH: its topic is all that tells it from anything else of that length."""
    if data[:1] not in _PUBLISH_FIRST:
        return AGAINST
    length = wire.varint(data, 1, MOST_LENGTH_BYTES)
    if not isinstance(length, tuple):
        return OPEN if length is None else AGAINST
    size, body_at = length
    topic_len = wire.u16(data, body_at)
    long_enough = topic_len is None or topic_len >= TELLING_TOPIC_BYTES
    fits = _topic_fits(data, body_at, size) if long_enough else False
    return when(fits, hint("an MQTT PUBLISH with its topic"))


_PUBLISH_FIRST = frozenset(bytes([PUBLISH << 4 | flags]) for flags in FLAGS[PUBLISH])
_one_packet = any_of(
    _publish,
    one_of((ACKNOWLEDGEMENT, faint("an MQTT acknowledgement")), (PINGS, faint("an MQTT ping"))),
)


def _chain(types: frozenset[int]) -> Grammar:
    chain = chain_of(_packet_len(types), CHAIN, hint("chained MQTT packets"))
    return Grammar(chain, _packets(types))


_client_packets, _server_packets = _chain(FROM_CLIENT), _chain(FROM_SERVER)


@beginning(*_connack.begins)
def _server_start(data: bytes) -> Clue:
    """CONNACK; together with packets that chain behind it, it is proof."""
    found = _connack(data)
    if found.sign <= OPEN.sign:
        return found
    more = _server_packets(data[2 + data[1] :])
    return best(found, proof("MQTT CONNACK and packets") if more.sign is found.sign else found)


_client = anywhere(_connect, any_of(_connect, _client_packets, _one_packet))
_server = anywhere(_server_start, any_of(_connack, _server_packets, _one_packet))
_sides = probe_sides(_client, _server)
_measures = _packet_len(FROM_CLIENT), _packet_len(FROM_SERVER)


def probe(heads: Heads) -> Verdict:
    """Both sides apart, then a side of which nothing was captured but packets, to the last byte."""
    verdict = _sides(heads)
    if verdict is not NEED_MORE:
        return verdict
    for side, measure in zip((heads.client, heads.server), _measures, strict=True):
        if _is_packets_alone(side, measure):
            by_client = side is heads.client
            return possible("nothing but an MQTT packet", by_client=by_client)
    return verdict


def _is_packets_alone(side: Side, measure: Measure) -> bool:
    at, end = 0, len(side.head)
    if side.from_start or not side.complete or end < TELLING_BYTES:
        return False
    while at < end:
        length = measure(side.head, at)
        if not length:
            return False
        at += length
    return at == end


DETECTOR = Detector(
    protocol="mqtt",
    title="MQTT",
    transports=frozenset({Transport.TCP}),
    probe=Sounding(probe, _client.begins, _server.begins),
    evidence="CONNECT with its protocol name and level; CONNACK; mid-stream, packets that chain on "
    "both sides.",
    midstream=True,
)
