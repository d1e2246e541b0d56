"""git's own transport (git daemon): pkt-lines. Follows gitprotocol-pack, gitprotocol-common."""

from __future__ import annotations

from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    at_start,
    beginning,
    probe_sides,
    proof,
)
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Literal, Text
from sniffdiag.model import Transport

_REQUEST = lazy(rb"[0-9a-f]{4}git-(?:upload-pack|receive-pack|upload-archive) /")
_ADVERTISEMENT = lazy(rb"[0-9a-f]{4}(?:[0-9a-f]{40} (?:HEAD|refs/|capabilities)|version [12]\n)")
HEX = b"0123456789abcdef"
REQUEST_LEN, ADVERTISEMENT_LEN = 26, 58


@beginning((Text(0, 4, HEX), Literal(4, b"git-")))
def _request(data: bytes) -> Clue:
    if _REQUEST.match(data):
        return proof("git service request")
    return AGAINST if len(data) >= REQUEST_LEN else OPEN


@beginning((Text(0, 4, HEX), Text(4, 1, HEX + b"v")))
def _advertisement(data: bytes) -> Clue:
    if _ADVERTISEMENT.match(data):
        return proof("git reference advertisement")
    return AGAINST if len(data) >= ADVERTISEMENT_LEN else OPEN


DETECTOR = Detector(
    protocol="git",
    title="git",
    transports=frozenset({Transport.TCP}),
    probe=probe_sides(at_start(_request), at_start(_advertisement)),
    evidence="pkt-line with the service asked for, or the first reference.",
)
