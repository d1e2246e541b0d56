"""Line protocols: complete lines against patterns, first line first.

Patterns are only ever matched against complete lines, so a verdict never depends on where a segment
was cut. Knows no protocol; shared by SMTP, FTP, IMAP, POP3, IRC, NATS and the like.
"""

from __future__ import annotations

import re
from itertools import takewhile

from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    Grammar,
    hint,
    proof,
)
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.verdict import NO_FACTS, Facts
from sniffdiag.identify.wire import Text, is_printable
from sniffdiag.records import dataclass

LINE_LIMIT_BYTES = 1024
"""Longer first lines are no greeting and no command (RFC 5321 4.5.3.1.5 allows 512)."""
LINES_READ = 12
ANYTHING = bytes(range(1 << 8))


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one side of a line protocol talks."""

    first: re.Pattern[bytes]
    """Its first line must match this."""
    telling: re.Pattern[bytes]
    """A line that only this protocol has."""
    why: str
    why_telling: str
    shared: re.Pattern[bytes] | None = None
    """A first line that other protocols have just as well: it says nothing either way."""
    any_line: re.Pattern[bytes] | None = None
    """What all its lines look like: joined late, a telling line may then come behind such lines."""
    starts: bytes = ANYTHING
    """First bytes of all lines that the patterns match."""


def complete_lines(data: bytes) -> list[bytes]:
    """The first lines, cut to the limit and without line ends; an unfinished one is left out."""
    lines = data[: LINES_READ * LINE_LIMIT_BYTES].split(b"\n")[:-1]
    return [line.rstrip(b"\r")[:LINE_LIMIT_BYTES] for line in lines[:LINES_READ]]


def first_line(data: bytes) -> bytes | None:
    """The first of the complete lines, None where none is complete."""
    end = data.find(b"\n", 0, LINES_READ * LINE_LIMIT_BYTES)
    return None if end < 0 else data[:end].rstrip(b"\r")[:LINE_LIMIT_BYTES]


def begins_as_line(data: bytes) -> bool:
    """Whether a first line without its end may still become one."""
    return len(data) <= LINE_LIMIT_BYTES and (is_printable(data) or _is_utf8_text(data))


def _is_utf8_text(data: bytes) -> bool:
    return not data.translate(None, _TEXT)


_TEXT = bytes(range(0x20, 0x7F)) + b"\t\r\n" + bytes(range(0x80, 0x100))


def opening(dialect: Dialect) -> Grammar:
    """The grammar of a side's beginning."""

    def parse(data: bytes) -> Clue:
        line = first_line(data)
        if line is None:
            return OPEN if begins_as_line(data) else AGAINST
        if dialect.telling.match(line):
            return proof(dialect.why_telling, after_upgrade(data))
        shared = dialect.shared is not None and dialect.shared.match(line)
        if not shared and not dialect.first.match(line):
            return AGAINST
        if any(dialect.telling.match(line) for line in complete_lines(data)[1:]):
            return proof(dialect.why_telling, after_upgrade(data))
        return OPEN if shared else hint(dialect.why, after_upgrade(data))

    return Grammar(parse, ((Text(0, 1, dialect.starts),),))


def resuming(dialect: Dialect) -> Grammar:
    """The grammar of a later segment: only telling lines count."""

    def parse(data: bytes) -> Clue:
        line = first_line(data)
        if line is None:
            return OPEN if begins_as_line(data) else AGAINST
        told = dialect.telling.match(line) or _is_told_later(dialect, data)
        return proof(dialect.why_telling, after_upgrade(data)) if told else AGAINST

    return Grammar(parse, ((Text(0, 1, dialect.starts),),))


def _is_told_later(dialect: Dialect, data: bytes) -> bool:
    """A telling line comes behind others that all look like the dialect's."""
    if dialect.any_line is None:
        return False
    lines = takewhile(dialect.any_line.match, complete_lines(data))
    return any(dialect.telling.match(line) for line in lines)


_TLS_AFTER_LINE = lazy(rb"\n\x16\x03[\x00-\x04]")


def after_upgrade(data: bytes) -> Facts:
    """STARTTLS and its kin: a TLS handshake record right behind a line (RFC 3207, 2595, 4217)."""
    return Facts(switched_to="tls") if _TLS_AFTER_LINE.search(data) else NO_FACTS
