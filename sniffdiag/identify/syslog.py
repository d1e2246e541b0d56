"""Syslog over UDP and TCP: priority, then version or month.

Follows RFC 3164 4.1, 5424 6, 6587 3.4.
"""

from __future__ import annotations

from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    anywhere,
    at_start,
    beginning,
    hint,
    nothing,
    probe_sides,
    proof,
)
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.text import begins_as_line
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Text
from sniffdiag.model import Transport

_PRIORITY = rb"(?:\d{1,5} )?<(?:0|[1-9]\d?|1[0-8]\d|19[01])>"
_TELLING = lazy(
    _PRIORITY + rb"(?:1 (?:\d{4}-\d\d-\d\dT|- )"
    rb"|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d )",
)
_ANY = lazy(_PRIORITY + rb"[\x20-\x7e\t]{16}")
SETTLED_BYTES = 40


@beginning((Text(0, 1, b"0123456789<"), Text(1, 1, b"0123456789 <")))
def _message(data: bytes) -> Clue:
    if _TELLING.match(data):
        return proof("syslog priority and date")
    if _ANY.match(data):
        return hint("a syslog priority and text")
    return OPEN if len(data) < SETTLED_BYTES and begins_as_line(data) else AGAINST


DETECTOR = Detector(
    protocol="syslog",
    title="Syslog",
    transports=frozenset({Transport.UDP, Transport.TCP}),
    probe=probe_sides(anywhere(_message, _message), at_start(nothing)),
    evidence="Priority in angle brackets, then an RFC 5424 version and date or a BSD date.",
    midstream=True,
)
