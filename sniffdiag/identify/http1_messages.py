"""Exchanges of an HTTP/1 connection, as far as its heads were kept (RFC 9112).

Messages are followed by the lengths of their bodies (RFC 9112 6.3): pipelined, kept alive, chunked,
answers to HEAD, interim answers. Requests and answers are paired by order as long as none was
missed from the start on; behind a hole each stands alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice, zip_longest
from typing import NamedTuple

from sniffdiag.identify import http1
from sniffdiag.identify.messages import Exchange, Request, Response, Run, runs
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.verdict import Heads, Side

MOST_MESSAGES = 256
"""Of one side; the kept bytes hold fewer unless they were made to."""
MOST_CHUNKS = 1_024
MAX_CHUNK_LINE = 256
_CHUNK_SIZE = lazy(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\Z")
_LENGTH = lazy(rb"\d{1,18}\Z")
INTERIM, SWITCHING_PROTOCOLS = range(100, 200), 101
WITHOUT_BODY = frozenset({204, 304})
SUCCESSFUL = range(200, 300)
NOWHERE = -1


class _Message(NamedTuple):
    at: int
    """Offset of its first byte from the first of the side's head."""
    head: http1.Message
    holes: int
    """How often messages of this side may have been missed before it."""


def exchanges(heads: Heads, most: int = MOST_MESSAGES) -> tuple[Exchange, ...]:
    """Paired exchanges and requests without an answer in order, then what cannot be paired.

    Reads no more than `most` messages of a side.
    """
    asked = _walk(heads.client, http1.REQUESTS, _request_body)
    requests = [(_request(message), message.holes) for message in islice(asked, most)]
    answers = _Answers([request for request, holes in requests if holes == 0])
    final = (m for m in _walk(heads.server, http1.RESPONSES, answers.body) if not _is_interim(m))
    responses = [(_response(message), message.holes) for message in islice(final, most)]
    in_order = zip_longest(
        (request for request, holes in requests if holes == 0),
        (response for response, holes in responses if holes == 0),
    )
    return (
        *(Exchange(request, response) for request, response in in_order),
        *(Exchange(request, None) for request, holes in requests if holes),
        *(Exchange(None, response) for response, holes in responses if holes),
    )


class _Answers:
    """Body lengths of responses, which depend on what was asked."""

    def __init__(self, asked: list[Request]) -> None:
        self._methods = iter([request.method for request in asked])

    def body(self, message: _Message) -> int | None:
        status = _status(message)
        if status in INTERIM and status != SWITCHING_PROTOCOLS:
            return 0
        method = next(self._methods, None) if message.holes == 0 else None
        if status == SWITCHING_PROTOCOLS or (method == "CONNECT" and status in SUCCESSFUL):
            return None
        if method == "HEAD" or status in WITHOUT_BODY:
            return 0
        return _declared_body(message.head, None)


def _request_body(message: _Message) -> int | None:
    return _declared_body(message.head, 0)


def _declared_body(head: http1.Message, undeclared: int | None) -> int | None:
    """Bytes of the body; None where they cannot be known from what is there."""
    if b"chunked" in (head.field(b"transfer-encoding") or b"").lower():
        return _chunked_len(head.body)
    length = head.field(b"content-length")
    if length is None:
        return undeclared
    return int(length) if _LENGTH.match(length) else None


def _chunked_len(body: bytes) -> int | None:
    """Bytes of a chunked body with its trailers, if all of it is there (RFC 9112 7.1)."""
    at = 0
    for _ in range(MOST_CHUNKS):
        end = body.find(b"\r\n", at, at + MAX_CHUNK_LINE)
        size = _CHUNK_SIZE.match(body[at:end]) if end >= 0 else None
        if size is None:
            return None
        if int(size[1], 16) == 0:
            last = body.find(b"\r\n\r\n", end)
            return last + 4 if last >= 0 else None
        at = end + 2 + int(size[1], 16) + 2
    return None


def _walk(
    side: Side, starts: http1.Starts, body: Callable[[_Message], int | None]
) -> Iterator[_Message]:
    """Messages from the first on, or from where a run of bytes seems to hold one's start."""
    at, holes = (0 if side.from_start else NOWHERE), 0
    for run in runs(side):
        if at < run.at:
            at, holes = _resumed(run, starts), holes + 1
        while run.at <= at < run.end:
            data = run.data[at - run.at :]
            head = http1.message(starts.line.match(data), data)
            if head is None:
                at = NOWHERE
                break
            message = _Message(at, head, holes)
            yield message
            length = body(message) if head.whole else None
            at = NOWHERE if length is None else at + len(data) - len(head.body) + length


def _resumed(run: Run, starts: http1.Starts) -> int:
    found = starts.with_field.match(run.data) or starts.line.match(run.data)
    found = found or starts.inner.search(run.data)
    return NOWHERE if found is None else run.at + found.start()


def _request(message: _Message) -> Request:
    facts = http1.facts_of_request(message.head)
    return Request(
        at=message.at,
        version=facts.http_version,
        method=facts.method,
        target=facts.target,
        host=facts.host,
        content_type=facts.content_type,
    )


def _response(message: _Message) -> Response:
    facts = http1.facts_of_response(message.head)
    return Response(
        at=message.at,
        version=facts.http_version,
        status=facts.status,
        content_type=facts.content_type,
    )


def _status(message: _Message) -> int:
    return int(message.head.line[2])


def _is_interim(message: _Message) -> bool:
    return _status(message) in INTERIM and _status(message) != SWITCHING_PROTOCOLS
