"""HTTP message heads as marks need them: names of fields as they were written, and few values.

Values are kept only of fields that a proxy writes itself; nothing else of a message leaves here.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from sniffdiag.identify.http1 import REQUESTS, RESPONSES, VERSION, Message, request, response
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.sides import text
from sniffdiag.identify.verdict import Side
from sniffdiag.records import dataclass

_KEPT_VALUES = frozenset({b"server", b"content-length", b"connection", b"grpc-status"})
BAD_REQUEST = 400
_BARE = frozenset({"content-length", "connection", "date"})
_PROXY_TEXT_MAX = 200
_INTERIM = lazy(rb"HTTP/1\.1 10[023][^\r\n]*\r\n\r\n")
"""A 1xx response without fields, before the one that counts (RFC 9110 15.2)."""
_BARE_REQUEST = lazy(rb"[A-Z-]+ [^\r\n]+ HTTP/1\.\d\r?\n\r?\n")
"""A request without fields, as HTTP/1.0 allows."""
_Pattern: TypeAlias = re.Pattern[bytes]


@dataclass(frozen=True, slots=True)
class MessageHead:
    """The head of one request or response."""

    at: int
    """Offset in the side's head."""
    names: frozenset[str]
    """Names in lower case."""
    values: dict[str, str]
    """Values of the few fields that are kept, by lower-case name."""
    any_capital: bool
    """A name was written with a capital letter, which Envoy's HTTP/1 codec never does."""
    whole: bool
    """All fields were captured, so that a missing one is not there."""
    status: int | None
    version: str
    body: bytes
    """The first bytes behind the fields, for a proxy's own words only."""

    def has(self, *names: str) -> bool:
        """Any of these fields is there."""
        return not self.names.isdisjoint(names)

    @property
    def is_bare_refusal(self) -> bool:
        """A 400 with no more fields than those of Envoys up to 2019; other servers' have more."""
        return self.status == BAD_REQUEST and self.whole and self.names <= _BARE


def first_request(side: Side, *, is_http2: bool) -> MessageHead | None:
    """The first request of a client; joined mid-stream, the first that is found."""
    if is_http2:
        return _block(side)
    at = _found(side, REQUESTS.with_field)
    if at is None and side.from_start and _BARE_REQUEST.match(side.head):
        at = 0
    message = request(side.head[at:]) if at is not None else None
    return _head(message, at or 0, None, 2) if message else None


def first_response(side: Side, *, is_http2: bool) -> MessageHead | None:
    """The first response of a server, which may answer HTTP/2 in HTTP/1."""
    if is_http2 and not side.head.startswith(VERSION):
        return _block(side)
    at = _found(side, RESPONSES.with_field)
    if at is None and (interim := _INTERIM.match(side.head)):
        at = interim.end()
    message = response(side.head[at:]) if at is not None else None
    return _head(message, at or 0, int(message.line[2]), 0) if message else None


_BLOCKS = 8
"""Of a side joined mid-stream, one of so many may name most of its fields."""


def _block(side: Side) -> MessageHead | None:
    """The header block of HTTP/2 that names most fields; trailers name few."""
    from sniffdiag.identify.http2_messages import body, header_blocks  # noqa: PLC0415 - loads hpack

    blocks = [b for b in header_blocks(side, 1 if side.from_start else _BLOCKS) if not b.is_promise]
    best = max(blocks, key=lambda block: len(block.fields.known), default=None)
    if best is None:
        return None
    fields = best.fields
    status = fields.value(b":status") or b""
    is_error = status.startswith(b"5")
    return MessageHead(
        at=best.at,
        names=frozenset(text(name) for name, _ in fields.known),
        values={text(n): text(v) for n, v in fields.known if n in _KEPT_VALUES},
        any_capital=False,
        whole=fields.whole and not fields.unknown,
        status=int(status) if status.isdigit() else None,
        version="2",
        body=body(side, best.stream)[:_PROXY_TEXT_MAX] if is_error else b"",
    )


def _found(side: Side, pattern: _Pattern) -> int | None:
    """Where the first message begins; in a stream caught in the middle it is looked for."""
    if pattern.match(side.head):
        return 0
    if side.from_start or b"HTTP/1." not in side.head:
        return None
    found = pattern.search(side.head)
    return found.start() if found else None


def _head(message: Message, at: int, status: int | None, version_group: int) -> MessageHead:
    names: set[str] = set()
    values: dict[str, str] = {}
    any_capital = False
    lines = message.fields.split(b"\n")
    for line in lines if message.whole else lines[:-1]:
        name, colon, value = line.partition(b":")
        if not colon:
            continue
        lower = name.lower()
        any_capital |= lower != name
        names.add(text(lower))
        if lower in _KEPT_VALUES:
            values.setdefault(text(lower), text(value.strip()))
    return MessageHead(
        at=at,
        names=frozenset(names),
        values=values,
        any_capital=any_capital,
        whole=message.whole,
        status=status,
        version=text(message.line.groups()[version_group]),
        body=message.body[:_PROXY_TEXT_MAX],
    )
