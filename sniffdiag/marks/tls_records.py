"""Sizes of what travels inside a TLS connection, and what can be told from them and their order.

A record's length is in clear, and it is the plaintext's plus a constant: 17 bytes in TLS 1.3
(RFC 8446 5.2), 24 or 16 in TLS 1.2 with AES-GCM or ChaCha20 (RFC 5288 3, RFC 7905 2). A TCP proxy
makes one record of each piece that it reads, so messages keep their sizes and turns. What is
concluded from these is a guess with a name for how good it is, and the excluded is surer than the
claimed: a 14-byte message is no HTTP request, but not every 140-byte message is one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from sniffdiag.identify.tls_clear import (
    ALERT,
    APPLICATION_DATA,
    CHANGE_CIPHER_SPEC,
    RECORD_HEADER_LEN,
    measure,
)

OVERHEAD_1_3, OVERHEAD_GCM, OVERHEAD_CHACHA = 17, 24, 16
_ALERT_LEN = 2
_CHACHA_ALERT = _ALERT_LEN + OVERHEAD_CHACHA


class Spoken(NamedTuple):
    """One side's head and the frames of its pieces, as (offset, frame)."""

    head: bytes
    frames: tuple[tuple[int, int], ...]


class Record(NamedTuple):
    """One record whose header was captured."""

    frame: int
    by_client: bool
    kind: int
    length: int


class Message(NamedTuple):
    """The plaintext of one record of application data."""

    by_client: bool
    size: int


class Contents(Enum):
    """What sizes and turns fit."""

    HTTP1 = "http"
    """Requests and answers by turns, each large enough for a message of HTTP/1."""
    HTTP2 = "http2"
    """SETTINGS and their acknowledgements, as HTTP/2 connections begin."""
    TLS = "tls"
    """A handshake within the handshake."""
    SERVER_FIRST = "server-first"
    OTHER = "other"
    """Messages too small for HTTP."""
    UNKNOWN = "unknown"


def records(client: Spoken, server: Spoken) -> list[Record]:
    """Records of both sides in the order of capture."""
    found = [*_records(client, by_client=True), *_records(server, by_client=False)]
    return sorted(found, key=lambda record: record.frame)  # stable: each side keeps its order


def _records(side: Spoken, *, by_client: bool) -> Iterator[Record]:
    at, piece, frame = 0, 0, 0
    while (length := measure(side.head, at)) > 0:
        while piece < len(side.frames) and side.frames[piece][0] <= at:
            frame = side.frames[piece][1]
            piece += 1
        yield Record(frame, by_client, side.head[at], length - RECORD_HEADER_LEN)
        at += length


def messages(found: Sequence[Record], *, is_1_3: bool) -> list[Message]:
    """Application data in order of capture, without handshake and alerts as far as these show.

    Session tickets of TLS 1.3 look like data of the server and stay in.
    """
    overhead = OVERHEAD_1_3 if is_1_3 else _overhead_1_2(found)
    data = _behind_handshake_1_3(found) if is_1_3 else found
    sizes = [
        Message(record.by_client, record.length - overhead)
        for record in data
        if record.kind == APPLICATION_DATA and record.length > overhead
    ]
    while sizes and is_1_3 and sizes[-1].size == _ALERT_LEN:
        sizes.pop()
    return sizes


def _overhead_1_2(found: Sequence[Record]) -> int:
    """By an encrypted alert, where one ends the connection; AES-GCM otherwise."""
    alerts = {record.length for record in found if record.kind == ALERT}
    return OVERHEAD_CHACHA if _CHACHA_ALERT in alerts else OVERHEAD_GCM


def _behind_handshake_1_3(found: Sequence[Record]) -> list[Record]:
    """In TLS 1.3 the end of the handshake looks like data: the server's until the client's first.

    Stream joined in the middle: everything, since no handshake is there.
    """
    if not any(record.kind == CHANGE_CIPHER_SPEC for record in found):
        return list(found)
    flight = next(
        (n for n, r in enumerate(found) if r.by_client and r.kind == APPLICATION_DATA), len(found)
    )
    return list(found[flight + 1 :])


SMALLEST_REQUEST, SMALLEST_ANSWER = 40, 38
""""GET / HTTP/1.1" with a Host field of one letter and one more field; "HTTP/1.1 200 OK" with an
empty Content-Length. Less is possible and is not sent by any client or server in use."""
TICKETS_FROM = 200
"""A record of the server before any request may be session tickets from this size on."""
SMALLEST_HELLO = 150
FINISHED_SIZES = frozenset({58, 64, 74, 80, 93, 126})
"""A client's second flight: Finished of TLS 1.3 (SHA-256, SHA-384, with and without
ChangeCipherSpec); ClientKeyExchange to Finished of TLS 1.2 with X25519 and P-256."""
_PREFACE_LEN, _FRAME_HEADER_LEN, _SETTING_LEN, _WINDOW_UPDATE_LEN, _PING_LEN = 24, 9, 6, 13, 17
_MOST_SETTINGS = 8


def contents(said: Sequence[Message]) -> Contents:
    """What the messages of one connection, seen from its beginning, can be."""
    asked = [m.size for m in said if m.by_client]
    answered = [m.size for m in said if not m.by_client]
    if not asked or not answered:
        return Contents.UNKNOWN
    if _is_http2(asked, answered):
        return Contents.HTTP2
    first = said[0]
    if not first.by_client and first.size < TICKETS_FROM:
        return Contents.SERVER_FIRST
    turns = _first_of_turns(said)
    if _is_tls([m.size for m in turns if m.by_client]):
        return Contents.TLS
    small = any(m.size < (SMALLEST_REQUEST if m.by_client else SMALLEST_ANSWER) for m in turns)
    return Contents.OTHER if small else Contents.HTTP1


def turns(said: Sequence[Message]) -> int:
    """How often the client began to speak, the beginning included."""
    if not any(m.by_client for m in said):
        return 0
    return sum(m.by_client for m in _first_of_turns(said))


def _first_of_turns(said: Sequence[Message]) -> list[Message]:
    """The first message after each change of the speaker, from the client's first on."""
    begin = next(n for n, m in enumerate(said) if m.by_client)
    mine = said[begin:]
    return [m for n, m in enumerate(mine) if not n or mine[n - 1].by_client is not m.by_client]


def _is_tls(turns: Sequence[int]) -> bool:
    return len(turns) > 1 and turns[0] >= SMALLEST_HELLO and turns[1] in FINISHED_SIZES


def _is_http2(asked: Sequence[int], answered: Sequence[int]) -> bool:
    """The server's SETTINGS, alone in their record, and a small frame alone in another."""
    preface = asked[0] >= _PREFACE_LEN + _FRAME_HEADER_LEN
    settings = any(size in _SETTINGS_SIZES for size in answered[:2])
    lone = {_FRAME_HEADER_LEN, _PING_LEN} & {*asked, *answered}
    return preface and settings and bool(lone)


_SETTINGS_SIZES = frozenset(
    _FRAME_HEADER_LEN + _SETTING_LEN * count + more
    for count in range(_MOST_SETTINGS + 1)
    for more in (0, _WINDOW_UPDATE_LEN, _FRAME_HEADER_LEN, _WINDOW_UPDATE_LEN + _FRAME_HEADER_LEN)
)
"""SETTINGS, behind which a WINDOW_UPDATE and an acknowledgement may come."""
