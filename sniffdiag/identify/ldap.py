"""LDAP v2 and v3, also connectionless over UDP: BER envelopes and what each operation must hold.

SNMP and Kerberos begin alike; the tag after the message id decides. Does not read SASL-wrapped
sessions. Follows RFC 4511 4.1-4.14, RFC 2251.
"""

from __future__ import annotations

import re

from sniffdiag.identify.ber import ENVELOPES, Envelope, parse_envelope
from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    anywhere,
    beginning,
    hint,
    probe_sides,
    proof,
)
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.verdict import NO_FACTS, Detector, Facts
from sniffdiag.model import Transport

BODY_READ_BYTES = 512
START_TLS_OID = b"1.3.6.1.4.1.1466.20037"

_LEN = rb"(?:[\x00-\x7f]|\x81.|\x82..|\x84....)"
_RESULT = rb"\x0a\x01[\x00-\x7f]\x04"
# Operation tag: what its contents must begin with, and whether that alone is proof.
_REQUESTS: dict[int, tuple[re.Pattern[bytes], str]] = {
    0x60: (lazy(rb"\x02\x01[\x02\x03]\x04", re.DOTALL), "bind request"),
    0x63: (
        lazy(
            rb"\x04(?:[\x00-\x7f]|\x81.|\x82..|\x84....)[^\x00]{0,400}?"
            rb"\x0a\x01[\x00-\x03]\x0a\x01[\x00-\x03]\x02",
            re.DOTALL,
        ),
        "search request",
    ),
    0x77: (lazy(rb"\x80" + _LEN + rb"[0-2]\.\d", re.DOTALL), "extended request"),
    0x66: (lazy(rb"\x04" + _LEN + rb"[A-Za-z]+=", re.DOTALL), "modify request"),
    0x68: (lazy(rb"\x04" + _LEN + rb"[A-Za-z]+=", re.DOTALL), "add request"),
    0x6C: (lazy(rb"\x04" + _LEN + rb"[A-Za-z]+=", re.DOTALL), "modify DN request"),
    0x6E: (lazy(rb"\x04" + _LEN + rb"[A-Za-z]+=", re.DOTALL), "compare request"),
    0x4A: (lazy(rb"[A-Za-z]+="), "delete request"),
}
_RESPONSES: dict[int, tuple[re.Pattern[bytes], str]] = {
    0x61: (lazy(_RESULT), "bind response"),
    0x65: (lazy(_RESULT), "search result"),
    0x67: (lazy(_RESULT), "modify response"),
    0x69: (lazy(_RESULT), "add response"),
    0x6B: (lazy(_RESULT), "delete response"),
    0x6D: (lazy(_RESULT), "modify DN response"),
    0x6F: (lazy(_RESULT), "compare response"),
    0x78: (lazy(_RESULT), "extended response"),
    0x64: (
        lazy(rb"\x04" + _LEN + rb"(?:[A-Za-z]+=|\x30)|\x04\x00\x30", re.DOTALL),
        "search result entry",
    ),
    0x73: (lazy(rb"\x04" + _LEN + rb"ldaps?://", re.DOTALL), "search result reference"),
}
UNBIND, ABANDON = 0x42, 0x50


def _message(operations: dict[int, tuple[re.Pattern[bytes], str]], data: bytes) -> Clue:
    envelope = parse_envelope(data)
    if not isinstance(envelope, Envelope):
        return OPEN if envelope is None else AGAINST
    if envelope.tag in {UNBIND, ABANDON}:
        fits = operations is _REQUESTS and envelope.length in range(5)
        return hint("an LDAP unbind or abandon request") if fits else AGAINST
    if envelope.tag not in operations:
        return AGAINST
    contents, name = operations[envelope.tag]
    body = data[envelope.contents_at : envelope.contents_at + BODY_READ_BYTES]
    if contents.match(body):
        return proof(f"LDAP {name}", _facts(data))
    expected = min(envelope.length, BODY_READ_BYTES)
    return AGAINST if len(body) >= expected else OPEN


def _facts(data: bytes) -> Facts:
    started = b"\x16\x03" in data[len(START_TLS_OID) :] and START_TLS_OID in data
    return Facts(switched_to="tls") if started else NO_FACTS


@beginning(*ENVELOPES)
def _request(data: bytes) -> Clue:
    return _message(_REQUESTS, data)


@beginning(*ENVELOPES)
def _response(data: bytes) -> Clue:
    return _message(_RESPONSES, data)


DETECTOR = Detector(
    protocol="ldap",
    title="LDAP",
    transports=frozenset({Transport.TCP, Transport.UDP}),
    probe=probe_sides(anywhere(_request, _request), anywhere(_response, _response)),
    evidence="BER envelope with message id, an operation tag and that operation's first fields.",
    midstream=True,
)
