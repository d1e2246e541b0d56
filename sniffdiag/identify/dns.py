"""DNS over UDP and TCP. The message itself is read in `dns_message`.

Over TCP each message has a u16 length before it. Follows RFC 1035 4.2, RFC 7766.
"""

from __future__ import annotations

from sniffdiag.identify import wire
from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    Grammar,
    Parse,
    Sounding,
    any_of,
    anywhere,
    probe_sides,
)
from sniffdiag.identify.dns_message import (
    HEADER_LEN,
    Family,
    answering,
    asking,
    header_layout,
    is_answered,
)
from sniffdiag.identify.verdict import Answer, Detector, Heads, Verdict, certain
from sniffdiag.identify.wire import Layout, be16
from sniffdiag.model import Transport

LENGTH_LEN = 2
SHORTEST_MESSAGE_BYTES = HEADER_LEN + 5


def _behind_length(parse: Parse, header: Layout) -> Grammar:
    def parse_stream(data: bytes) -> Clue:
        length = wire.u16(data, 0)
        if length is not None and length < SHORTEST_MESSAGE_BYTES:
            return AGAINST
        message = data[LENGTH_LEN:]
        return parse(message) if message else OPEN

    lengths = range(SHORTEST_MESSAGE_BYTES, 1 << 16)
    return Grammar(parse_stream, ((be16(0, lengths), *header),))


_query, _response = asking(Family.DNS, "DNS query"), answering(Family.DNS, "DNS response")
# A side does not know its transport. A datagram read as a stream would need its id to be a length
# and its flags to be an id, and then the question would start two bytes late.
_queries, _responses = (
    any_of(_query, _behind_length(_query, header_layout(LENGTH_LEN, responses=False))),
    any_of(_response, _behind_length(_response, header_layout(LENGTH_LEN, responses=True))),
)

_sides = probe_sides(anywhere(_queries, _queries), anywhere(_responses, _responses))


def probe(heads: Heads) -> Verdict:
    """Both sides apart, then a question that is answered under its id."""
    verdict = _sides(heads)
    if verdict.answer is Answer.CERTAIN or not is_answered(heads.client.head, heads.server.head):
        return verdict
    return certain("DNS question, cut or damaged, answered under its id")


DETECTOR = Detector(
    protocol="dns",
    title="DNS",
    transports=frozenset({Transport.UDP, Transport.TCP}),
    probe=Sounding(probe, _sides.client, _sides.server),
    evidence="Header with possible flags and counts, and a question of a known type and class.",
    midstream=True,
)
