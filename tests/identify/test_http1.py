"""HTTP/1.x: what is read of requests and responses, and joined streams."""

from __future__ import annotations

import pytest

from sniffdiag.identify.http1 import probe
from sniffdiag.identify.verdict import Answer, Facts, Heads, Sample, Side


def facts_of(client: bytes = b"", server: bytes = b"") -> Facts:
    return probe(Heads(Side(client, from_start=True), Side(server, from_start=True))).facts


def test_request_facts_come_before_those_of_the_response() -> None:
    facts = facts_of(
        b"POST /a.B/C HTTP/1.0\r\nhost: shop:80\r\nContent-Type:application/grpc \r\n\r\n",
        b"HTTP/1.1 426 Upgrade Required\r\nContent-Type: text/plain\r\n\r\n",
    )
    assert facts == Facts(
        http_version="1.0",
        method="POST",
        target="/a.B/C",
        host="shop:80",
        status=426,
        content_type="application/grpc",
    )


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        (b"/a?token=s3cret", "/a"),
        (b"/a#part", "/a"),
        (b"/cart;jsessionid=s3cret/items;v=1", "/cart/items"),
        (b"http://user:s3cret@shop/a?b", "/a"),
        (b"http://user:s3cret@shop", "/"),
        (b"http://[broken", "/"),
        (b"user:s3cret@shop:443", "shop:443"),
        (b"/mail/me@shop", "/mail/me@shop"),
        (b"/login%3Ftoken=s3cret", "/login"),
        (b"/login%23token=s3cret", "/login"),
        (b"/cart%3bjsessionid=s3cret/items", "/cart/items"),
        (b"/fetch/http://user:s3cret@shop/a", "/fetch/http://shop/a"),
        (b"/verify/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl/x", "/verify/\u2026/x"),
        (b"/bot123456:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/send", "/bot123456:\u2026/send"),
        (b"/reset/9f86d081884c7d659a2feaa0c55ad015", "/reset/\u2026"),
        (b"/envoy.service.discovery.v3.AggregatedDiscoveryService/Stream", None),
        (b"/jobs/123e4567-e89b-12d3-a456-426614174000", None),
        (b"/pods/reviews-v1-7d9f8b6c5d-x2x7z-and-a-long-name", None),
        (b"/AbstractSingletonProxyFactoryBean", None),
        (b"/2023112314301700000000000000000000000", None),
        (b"*", "*"),
        (b"/\xff", "/\\xff"),
    ],
)
def test_a_target_is_shown_without_what_may_be_secret(target: bytes, shown: str | None) -> None:
    """None: as it is."""
    expected = target.decode() if shown is None else shown
    assert facts_of(b"GET " + target + b" HTTP/1.1\r\n\r\n").target == expected


def test_a_host_is_shown_without_userinfo() -> None:
    assert facts_of(b"GET / HTTP/1.1\r\nHost: me:s3cret@shop:80\r\n\r\n").host == "shop:80"


def test_a_field_that_is_not_all_there_is_not_read() -> None:
    assert facts_of(b"GET / HTTP/1.1\r\nHost: sho").host is None


def test_a_field_in_the_body_is_not_read() -> None:
    assert facts_of(b"POST / HTTP/1.1\r\nA: b\r\n\r\nhost: body\r\n").host is None


def test_tls_behind_a_connect_is_noticed() -> None:
    facts = facts_of(b"CONNECT a:443 HTTP/1.1\r\n\r\n\x16\x03\x01")
    assert (facts.switched_to, facts.target) == ("tls", "a:443")


def joined(head: bytes, *later: bytes) -> Side:
    samples = (Sample(1000 * number, data, whole=False) for number, data in enumerate(later, 1))
    return Side(head, samples=tuple(samples))


JOINED = {
    "request at a later segment": (joined(b"...", b"GET /b HTTP/1.1\r\nHost: a"), Answer.CERTAIN),
    "line cut before its fields": (joined(b"...", b"GET /b HTTP/1.1\r\n"), Answer.POSSIBLE),
    "two such lines": (joined(b"..", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\n"), Answer.CERTAIN),
    "request behind a body": (joined(b"{}GET / HTTP/1.1\r\nA: b\r\n"), Answer.POSSIBLE),
    "nothing of it": (joined(b"....", b"...."), Answer.NEED_MORE),
}


@pytest.mark.parametrize(("side", "answer"), JOINED.values(), ids=JOINED.keys())
def test_a_stream_joined_later_is_known_by_its_message_starts(side: Side, answer: Answer) -> None:
    assert probe(Heads(client=side)).answer is answer


def test_later_segments_do_not_outweigh_a_start_that_is_something_else() -> None:
    redis = Side(
        b"*1\r\n$4\r\nPING\r\n",
        from_start=True,
        samples=(Sample(14, b"GET / HTTP/1.1\r\nHost: a\r\n", whole=True),),
    )
    assert probe(Heads(client=redis)).answer is Answer.NEED_MORE
    silent = Side(from_start=True, complete=True)
    assert probe(Heads(client=redis, server=silent)).answer is Answer.NO
