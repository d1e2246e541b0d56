"""memcached: text protocol (classic and meta commands) and binary protocol, over TCP and UDP.

Storage commands and their answers are unmistakable; `get key` alone is also Redis inline, so it
counts only with a memcached answer. Couchbase speaks the binary protocol too. Follows memcached's
doc/protocol.txt and the BinaryProtocolRevamped page.
"""

from __future__ import annotations

from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    Grammar,
    Measure,
    any_of,
    anywhere,
    beginning,
    chained,
    hint,
    probe_sides,
    proof,
    when,
)
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.text import Dialect, opening, resuming
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Layout, Literal, Text, be16, be32, byte, fit
from sniffdiag.model import Transport

_CLIENT = Dialect(
    first=lazy(
        rb"(?:gets?|gat|gats) [!-~][ -~]*\Z|(?:delete|touch|incr|decr) [!-~]+(?: [ -~]*)?\Z"
        rb"|stats(?: [a-z ]+)?\Z|version\Z|flush_all(?: \d+)?(?: noreply)?\Z|verbosity \d\Z"
        rb"|m[gd] [!-~]+(?: [ -~]*)?\Z|mn\Z",
    ),
    telling=lazy(
        rb"(?:set|add|replace|append|prepend) [!-~]{1,250} \d+ -?\d+ \d+(?: noreply)?\s*\Z"
        rb"|cas [!-~]{1,250} \d+ -?\d+ \d+ \d+(?: noreply)?\s*\Z"
        rb"|ms [!-~]{1,250} \d+(?: [A-Za-z][!-~]*)*\s*\Z",
    ),
    starts=b"acdfgimprstv",
    why="a memcached command",
    why_telling="memcached storage command",
)
_SERVER = Dialect(
    first=lazy(
        rb"(?:STORED|NOT_STORED|EXISTS|NOT_FOUND|DELETED|TOUCHED|END|OK|ERROR|RESET|\d{1,20})\Z"
        rb"|(?:CLIENT_ERROR|SERVER_ERROR) |VERSION \d+\.\d|(?:HD|EN|NF|NS|EX|MN)(?: |\Z)|VA \d+",
    ),
    telling=lazy(
        rb"VALUE [!-~]{1,250} \d+ \d+(?: \d+)?\s*\Z|STAT [a-z_:0-9]+ [ -~]*\Z"
        rb"|(?:CLIENT_ERROR bad (?:data chunk|command line format)|SERVER_ERROR out of memory)",
    ),
    starts=b"0123456789CDEHMNORSTV",
    why="a memcached answer",
    why_telling="memcached value or statistics line",
)

HEADER_LEN = 24
REQUEST, RESPONSE = b"\x80", b"\x81"
OPCODES = range(0x58)
# Extras that the common opcodes must have (get, set, add, replace, delete, incr, decr, ...).
REQUEST_EXTRAS: dict[int, tuple[int, ...]] = {
    0: (0,),
    **dict.fromkeys((1, 2, 3), (8,)),
    4: (0,),
    **dict.fromkeys((5, 6), (20,)),
    **dict.fromkeys((7, 0x0A, 0x0B, 0x20), (0,)),
    8: (0, 4),
    **dict.fromkeys((9, 0x0C, 0x0D, 0x0E, 0x0F, 0x10), (0,)),
}
STATUSES = frozenset(range(9)) | frozenset(range(0x20, 0x26)) | frozenset(range(0x81, 0x87))
LONGEST_KEY_BYTES, LONGEST_BODY_BYTES = 250, 20 << 20
NO_BODY = frozenset({0x07, 0x0A, 0x0B, 0x20})


def _header(magic: bytes) -> Layout:
    return (
        Literal(0, magic),
        byte(1, OPCODES),
        be16(2, range(LONGEST_KEY_BYTES + 1)),
        Literal(5, b"\x00"),
        be32(8, range(LONGEST_BODY_BYTES + 1)),
    )


def _header_len(magic: bytes) -> Measure:
    def measure(data: bytes, at: int) -> int | None:
        if not magic.startswith(data[at : at + 1]):
            return 0
        if len(data) < at + HEADER_LEN:
            return None
        return HEADER_LEN + _body_len(data[at : at + HEADER_LEN]) if _fits(data, at) else 0

    return measure


def _body_len(header: bytes) -> int:
    return int.from_bytes(header[8:12])


def _fits(data: bytes, at: int) -> bool:
    header = data[at : at + HEADER_LEN]
    opcode, key, extras = header[1], int.from_bytes(header[2:4]), header[4]
    body = _body_len(header)
    asks = header.startswith(REQUEST)
    expected = REQUEST_EXTRAS.get(opcode, range(25)) if asks else range(25)
    status = int.from_bytes(header[6:8])
    return (
        header[5] == 0
        and opcode in OPCODES
        and key <= LONGEST_KEY_BYTES
        and extras in expected
        and key + extras <= body <= LONGEST_BODY_BYTES
        and not (asks and opcode in NO_BODY and body)
        and (asks or status in STATUSES)
    )


def _binary(magic: bytes, side: str) -> Grammar:
    measure = _header_len(magic)

    def parse(data: bytes) -> Clue:
        if chained(data, measure, 2):
            return proof(f"chained memcached binary {side}")
        return when(chained(data, measure, 1), hint(f"memcached binary {side}"))

    return Grammar(parse, (_header(magic),))


_binary_requests, _binary_responses = _binary(REQUEST, "requests"), _binary(RESPONSE, "responses")

UDP_HEADER_LEN = 8
# Request id, sequence number, number of datagrams, reserved zero.
UDP_HEADER: Layout = (be16(2, range(256)), be16(4, range(1, 257)), Literal(6, b"\x00\x00"))
_text_request, _text_answer = opening(_CLIENT), opening(_SERVER)


@beginning((*UDP_HEADER, Text(UDP_HEADER_LEN, 1, _CLIENT.starts)))
def _behind_udp(data: bytes) -> Clue:
    fits = fit(data, UDP_HEADER)
    if not fits or len(data) == UDP_HEADER_LEN:
        return AGAINST if fits is False else OPEN
    return _text_request(data[UDP_HEADER_LEN:])


_request = any_of(_text_request, _binary_requests, _behind_udp)
_answer = any_of(_text_answer, _binary_responses)
_later_request = any_of(resuming(_CLIENT), _binary_requests)
_later_answer = any_of(resuming(_SERVER), _binary_responses)

DETECTOR = Detector(
    protocol="memcached",
    title="memcached",
    transports=frozenset({Transport.TCP, Transport.UDP}),
    probe=probe_sides(anywhere(_request, _later_request), anywhere(_answer, _later_answer)),
    evidence="Text storage commands and VALUE or STAT lines; binary headers whose lengths agree; "
    "retrieval commands only with a memcached answer.",
    midstream=True,
)
