"""gRPC by HPACK literals, wherever they are kept."""

from __future__ import annotations

from sniffdiag.identify.grpc import coded_types
from sniffdiag.identify.resolve import identify
from sniffdiag.identify.verdict import Heads, Sample, Side
from sniffdiag.model import Transport
from tests.support import h2


def types_in(data: bytes) -> set[str]:
    return coded_types(Heads(client=Side(data)))


def test_grpc_and_grpc_web_are_told_apart_in_both_codings() -> None:
    assert types_in(h2.HUFFMAN_GRPC) == types_in(h2.PLAIN_GRPC) == {"grpc"}
    assert types_in(h2.HUFFMAN_GRPC_PROTO) == {"grpc"}
    assert types_in(h2.HUFFMAN_GRPC_WEB_PROTO) == types_in(h2.PLAIN_GRPC_WEB) == {"grpc-web"}


def test_a_literal_cut_before_it_tells_them_apart_tells_nothing() -> None:
    assert types_in(h2.HUFFMAN_GRPC_WEB_PROTO[:-6]) == set()


def test_a_body_that_quotes_the_type_is_not_taken_for_a_header() -> None:
    assert types_in(b'{"content-type":"application/grpc"}') == set()


def test_a_request_in_a_later_segment_counts() -> None:
    request = h2.headers(h2.POST_HTTP + h2.HUFFMAN_GRPC) + h2.data(h2.message(b"x"))
    client = Side(b"rest of a message", samples=(Sample(5000, request, whole=True),))
    found = identify(Heads(client), Transport.TCP, oriented=True)
    assert (found.protocol, found.confidence) == ("grpc", 0.85)


def test_answers_alone_of_grpcs_own_server_are_recognised() -> None:
    """It sends settings of gRPC's own, which RFC 9113 6.5.2 has every peer ignore."""
    settings = h2.frame(4, bytes.fromhex("000400400000 000500400000 fe0300000001"))
    answer = h2.headers(h2.STATUS_200 + h2.PLAIN_GRPC) + h2.data(h2.message(b"\x0a\x01a"))
    sent = settings + h2.WINDOW_UPDATE + h2.SETTINGS_ACK + answer
    server = Side(sent, from_start=True)
    found = identify(Heads(server=server), Transport.TCP, oriented=True)
    assert found.protocol == "grpc"


def test_messages_that_fit_their_frames_make_joined_http2_probably_grpc() -> None:
    joined = h2.headers(b"\x83\x86\xc1\xc0") + h2.data(h2.message(b"\x0a\x01a"), flags=1)
    found = identify(Heads(Side(joined)), Transport.TCP, oriented=True)
    assert (found.protocol, found.confidence) == ("grpc", 0.66)
    assert "probably" in found.why
