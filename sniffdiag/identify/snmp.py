"""SNMP v1, v2c and v3: BER envelope with version and community.

Follows RFC 1157 4, 3416, 3412 6.
"""

from __future__ import annotations

from sniffdiag.identify.ber import (
    ENVELOPES,
    INTEGER,
    OCTET_STRING,
    SEQUENCE,
    Element,
    Envelope,
    parse_element,
    parse_envelope,
)
from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    beginning,
    datagrams,
    probe_sides,
    proof,
)
from sniffdiag.identify.verdict import Detector, Facts
from sniffdiag.model import Transport

VERSIONS = {0: "1", 1: "2c", 2: "2", 3: "3"}
V3 = 3
PDUS = range(0xA0, 0xA9)
LONGEST_COMMUNITY = 255


@beginning(*ENVELOPES)
def _message(data: bytes) -> Clue:
    envelope = parse_envelope(data)
    if not isinstance(envelope, Envelope):
        return OPEN if envelope is None else AGAINST
    if envelope.number not in VERSIONS or envelope.length > LONGEST_COMMUNITY:
        return AGAINST
    expected = SEQUENCE if envelope.number == V3 else OCTET_STRING
    if envelope.tag != expected:
        return AGAINST
    following = parse_element(data, _next_at(envelope))
    if not isinstance(following, Element):
        return OPEN if following is None else AGAINST
    version = VERSIONS[envelope.number]
    fits = following.tag == INTEGER if envelope.number == V3 else following.tag in PDUS
    return proof(f"SNMP v{version} message", Facts(version=version)) if fits else AGAINST


def _next_at(envelope: Envelope) -> int:
    """Behind the community; in version 3, inside the global data."""
    inside = envelope.number == V3
    return envelope.contents_at + (0 if inside else envelope.length)


_side = datagrams(_message)

DETECTOR = Detector(
    protocol="snmp",
    title="SNMP",
    transports=frozenset({Transport.UDP, Transport.TCP}),
    probe=probe_sides(_side, _side),
    evidence="BER envelope: version, community, PDU tag; version 3 with its global data.",
    midstream=True,
)
