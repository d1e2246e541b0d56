"""What is read of requests and answers, and where: HTTP/1 by body lengths, HTTP/2 by frames."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hpack import Encoder
from hypothesis import given, settings
from hypothesis import strategies as st

from sniffdiag.identify.details import detailed
from sniffdiag.identify.exchanges import details, exchanges
from sniffdiag.identify.resolve import identify
from sniffdiag.identify.verdict import Heads, Sample, Side
from sniffdiag.model import Transport
from tests.support import h2
from tests.support.samples import all_talks

GET = b"GET /a?token=secret HTTP/1.1\r\nHost: web\r\n\r\n"
POST = b"POST /b HTTP/1.1\r\nHost: web\r\nContent-Length: 4\r\n\r\nGET "
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHTTP/"
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
CHUNKED = (
    b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;ext=1\r\nHTTP/\r\nA\r\n1.1 200 OK\r\n0\r\nx-trailer: 1\r\n\r\n"
)


def heads(client: bytes = b"", server: bytes = b"", *, from_start: bool = True) -> Heads:
    return Heads(Side(client, from_start=from_start), Side(server, from_start=from_start))


def told(found: Heads) -> list[tuple[str | None, str | None, int | None]]:
    return [
        (
            e.request.method if e.request else None,
            e.request.target if e.request else None,
            e.response.status if e.response else None,
        )
        for e in exchanges(found)
    ]


@pytest.mark.parametrize(
    ("client", "server", "expected"),
    [
        pytest.param(GET + POST + GET, OK + CHUNKED + NOT_FOUND, [200, 201, 404], id="pipelined"),
        pytest.param(
            POST + GET, b"HTTP/1.1 100 Continue\r\n\r\n" + CHUNKED + OK, [201, 200], id="interim"
        ),
        pytest.param(
            b"HEAD /a HTTP/1.1\r\nHost: web\r\n\r\n" + GET,
            OK[: -len(b"HTTP/")] + NOT_FOUND,
            [200, 404],
            id="HEAD",
        ),
        pytest.param(
            GET + GET, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n" + OK, [304, 200],
            id="304",
        ),
        pytest.param(GET + GET, b"HTTP/1.1 200 OK\r\n\r\n" + OK, [200, None], id="until close"),
        pytest.param(GET + GET, OK, [200, None], id="unanswered"),
        pytest.param(
            b"CONNECT db:5432 HTTP/1.1\r\nHost: db\r\n\r\n" + GET,
            b"HTTP/1.1 200 OK\r\n\r\n" + OK,
            [200, None],
            id="CONNECT",
        ),
        pytest.param(
            b"GET /ws HTTP/1.1\r\nUpgrade: websocket\r\n\r\n\x81\x80abcd",
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x05" + OK,
            [101],
            id="101",
        ),
    ],
)  # fmt: skip
def test_answers_are_paired_with_what_was_asked(
    client: bytes, server: bytes, expected: Sequence[int | None]
) -> None:
    assert [status for _, _, status in told(heads(client, server))] == expected


def test_offsets_are_where_the_messages_begin_and_queries_are_left_out() -> None:
    found = exchanges(heads(GET + POST + GET, OK + CHUNKED + NOT_FOUND))
    requests = [e.request for e in found if e.request]
    assert [(r.at, r.method, r.target, r.host) for r in requests] == [
        (0, "GET", "/a", "web"),
        (len(GET), "POST", "/b", "web"),
        (len(GET + POST), "GET", "/a", "web"),
    ]
    assert [e.response.at for e in found if e.response] == [0, len(OK), len(OK + CHUNKED)]
    assert "secret" not in repr(found)


def test_offsets_count_a_proxy_header_in() -> None:
    proxy = b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"
    (found,) = exchanges(heads(proxy + GET, OK))
    assert found.request
    assert found.response
    assert (found.request.at, found.response.at) == (len(proxy), 0)


def test_a_body_that_was_not_kept_is_skipped_by_its_length() -> None:
    head = b"POST /up HTTP/1.1\r\nContent-Length: 9000\r\n\r\n" + bytes(100)
    next_at = len(head) - 100 + 9000
    samples = (Sample(4000, bytes(64), whole=False), Sample(next_at, GET, whole=True))
    found = Heads(Side(head, from_start=True, samples=samples), Side(OK + OK, from_start=True))
    assert told(found) == [("POST", "/up", 200), ("GET", "/a", 200)]


def test_behind_a_hole_nothing_is_paired() -> None:
    head = b"GET / HTTP/1.1\r\nHost: a" + b"x" * 50  # fields are cut
    found = Heads(
        Side(head, from_start=True, samples=(Sample(3000, GET, whole=True),)),
        Side(OK + NOT_FOUND, from_start=True),
    )
    assert told(found) == [("GET", "/", 200), (None, None, 404), ("GET", "/a", None)]
    joined = heads(GET, OK, from_start=False)
    assert told(joined) == [("GET", "/a", None), (None, None, 200)]


REQUEST_FIELDS = [
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":path", b"/shop.Cart/Add?token=secret"),
    (b":authority", b"me:secret@cart:8080"),
    (b"authorization", b"Bearer secret"),
    (b"content-type", b"application/grpc+proto"),
]
ANSWER_FIELDS = [(b":status", b"200"), (b"content-type", b"application/grpc")]
TRAILERS = [(b"grpc-status", b"12"), (b"grpc-message", b"secret")]


def conversation(calls: int = 2) -> tuple[list[bytes], list[bytes]]:
    """Frames of both sides."""
    ask, answer = Encoder(), Encoder()
    client, server = [h2.SETTINGS], [h2.SETTINGS]
    for stream in range(1, 2 * calls, 2):
        client += [
            h2.headers(ask.encode(REQUEST_FIELDS), stream=stream),
            h2.data(h2.message(b"hello"), stream=stream, flags=1),
        ]
        server += [
            h2.headers(answer.encode(ANSWER_FIELDS), stream=stream),
            h2.data(h2.message(b"there"), stream=stream),
            h2.headers(answer.encode(TRAILERS), stream=stream, flags=5),
        ]
    return client, server


CALL = ("POST", "/shop.Cart/Add", 200)


def test_a_grpc_call_is_told_with_its_status_and_without_its_secrets() -> None:
    client, server = conversation()
    found = exchanges(heads(h2.PREFACE + b"".join(client), b"".join(server)))
    assert told(heads(h2.PREFACE + b"".join(client), b"".join(server))) == [CALL, CALL]
    first = found[0]
    assert first.request
    assert first.response
    assert (first.stream, first.request.host) == (1, "cart:8080")
    assert (first.response.grpc_status, first.request.content_type) == (
        12,
        "application/grpc+proto",
    )
    assert first.request.at == len(h2.PREFACE + client[0])
    assert first.response.trailers_at == len(b"".join(server[:3]))
    assert "secret" not in repr(found)


def test_a_call_joined_later_is_told_as_far_as_it_can_be_known() -> None:
    client, server = conversation()
    joined = heads(b"".join(client[3:]), b"".join(server[4:]), from_start=False)
    found = detailed(identify(joined, Transport.TCP, oriented=True), joined)
    assert (found.facts.method, found.facts.status, found.facts.target) == ("POST", 200, None)
    assert "target and host cannot be known" in found.why


@pytest.mark.parametrize("cut", [1, 9, 30])
def test_a_block_in_pieces_is_put_together(cut: int) -> None:
    block = Encoder().encode(REQUEST_FIELDS)
    padded = bytes([4]) + b"\x00\x00\x00\x00\x10" + block[:cut] + bytes(4)
    client = (
        h2.frame(1, padded, flags=0x28, stream=1)
        + h2.frame(9, block[cut:40], stream=1)
        + h2.frame(9, block[40:], flags=4, stream=1)
    )
    assert told(heads(h2.PREFACE + h2.SETTINGS + client)) == [("POST", "/shop.Cart/Add", None)]


def test_a_table_stands_behind_data_that_was_not_kept_and_falls_with_a_missed_frame() -> None:
    encoder = Encoder()
    first, second = (h2.headers(encoder.encode(REQUEST_FIELDS), stream=n) for n in (1, 3))
    head = h2.PREFACE + h2.SETTINGS + first + h2.data(bytes(9000))
    kept = head[: len(head) - 8000]
    later = (Sample(len(head), second, whole=True),)
    missed = (Sample(len(head) + 200, second, whole=True),)
    followed = Heads(Side(kept, from_start=True, samples=later))
    assert told(followed) == [("POST", "/shop.Cart/Add", None)] * 2
    lost = Heads(Side(kept, from_start=True, samples=missed))
    assert told(lost) == [("POST", "/shop.Cart/Add", None), ("POST", None, None)]


def test_an_upgraded_request_is_the_first_stream() -> None:
    client = b"GET /a?b HTTP/1.1\r\nHost: web\r\nUpgrade: h2c\r\nHTTP2-Settings: \r\n\r\n"
    server = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"
    ask, answer = Encoder(), Encoder()
    client += h2.PREFACE + h2.SETTINGS + h2.headers(ask.encode(REQUEST_FIELDS), stream=3)
    server += h2.SETTINGS + h2.headers(answer.encode([(b":status", b"206")]))
    server += h2.headers(answer.encode(ANSWER_FIELDS), stream=3)
    assert told(heads(client, server)) == [("GET", "/a", 206), CALL]


def test_a_tunnel_over_http2_names_where_it_leads() -> None:
    fields = [(b":method", b"CONNECT"), (b":authority", b"10.1.2.3:8080")]
    client = h2.PREFACE + h2.SETTINGS + h2.headers(Encoder().encode(fields))
    assert told(heads(client)) == [("CONNECT", "10.1.2.3:8080", None)]


def test_what_a_server_pushes_is_no_answer() -> None:
    answer = Encoder()
    status = h2.headers(answer.encode([(b":status", b"204")]))
    promise = h2.frame(5, b"\x00\x00\x00\x02" + answer.encode(REQUEST_FIELDS), flags=4, stream=1)
    (found,) = exchanges(heads(h2.PREFACE, h2.SETTINGS + status + promise))
    assert found.response
    assert (found.response.status, found.response.trailers_at) == (204, None)


STREAMS = st.sampled_from([t.client + t.server for _, t in all_talks(Transport.TCP)]) | st.binary()


@settings(max_examples=200)
@given(one=STREAMS, other=STREAMS, cut=st.integers(0, 200), from_start=st.booleans())
def test_any_bytes_have_details(*, one: bytes, other: bytes, cut: int, from_start: bool) -> None:
    sample = (Sample(cut + 7, other[:64], whole=False),)
    side = Side(one[:cut] + other[cut // 2 :], from_start=from_start, samples=sample)
    exchanges(Heads(side, Side(other, from_start=from_start)))
    details(Heads(Side(other, from_start=from_start), side))
