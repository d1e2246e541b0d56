"""FastCGI (php-fpm): records between web server and application.

Follows the FastCGI specification 3-5.
"""

from __future__ import annotations

from sniffdiag.identify import wire
from sniffdiag.identify.clue import any_of, anywhere, chain_of, hint, one_of, probe_sides, proof
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Layout, Literal, be16, byte, fit
from sniffdiag.model import Transport

BEGIN_REQUEST, END_REQUEST, STDOUT, STDERR = 1, 3, 6, 7
HEADER_LEN = 8
RECORD: Layout = (Literal(0, b"\x01"), byte(1, range(1, 12)), be16(2, range(1 << 12)), byte(7, {0}))
# Role (responder, authorizer, filter), flags (keep connection), five reserved bytes.
BEGIN: Layout = (
    Literal(0, b"\x01\x01"),
    Literal(4, b"\x00\x08"),
    byte(7, {0}),
    be16(8, range(1, 4)),
    byte(10, range(2)),
    Literal(11, bytes(5)),
)
_ANSWERS = (b"Status: ", b"Content-", b"X-Power", b"Set-Coo", b"Locatio", b"HTTP/1.", b"Expires")


def _record_len(data: bytes, at: int) -> int | None:
    fits = fit(data[at : at + HEADER_LEN], RECORD)
    content = wire.u16(data, at + 4)
    if not fits or content is None:
        return 0 if fits is False else None
    return HEADER_LEN + content + data[at + 6]


_begin = one_of((BEGIN, proof("FastCGI begin request record")))
_answer = any_of(
    one_of(
        *(
            (
                (*RECORD, byte(1, {STDOUT}), Literal(HEADER_LEN, text)),
                proof("FastCGI stdout record"),
            )
            for text in _ANSWERS
        ),
    ),
    one_of(((*RECORD, byte(1, {STDOUT, STDERR})), hint("a FastCGI output record"))),
)
_records = chain_of(_record_len, 4, hint("chained FastCGI records"), RECORD)

DETECTOR = Detector(
    protocol="fastcgi",
    title="FastCGI",
    transports=frozenset({Transport.TCP}),
    probe=probe_sides(anywhere(_begin, any_of(_begin, _records)), anywhere(_answer, _answer)),
    evidence="Begin-request record with role and reserved bytes; stdout record with a CGI header.",
    midstream=True,
)
