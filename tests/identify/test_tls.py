"""What is read of TLS in clear, and records joined mid-stream."""

from __future__ import annotations

import pytest

from sniffdiag.identify.tls import probe
from sniffdiag.identify.verdict import Answer, Facts, Heads, Sample, Side
from tests.support import hellos


def facts_of(client: bytes = b"", server: bytes = b"") -> Facts:
    return probe(Heads(Side(client, from_start=True), Side(server, from_start=True))).facts


def test_a_client_hello_names_host_protocols_and_highest_version() -> None:
    grease = 0x8A8A
    hello = hellos.client_hello(
        hellos.sni(b"web.shop"),
        hellos.alpn(b"h2", b"istio"),
        hellos.versions_offered(grease, 0x0304, 0x0303),
    )
    facts = facts_of(hellos.record(22, hello, version=0x0301))
    assert facts == Facts(sni="web.shop", alpn_offered=("h2", "istio"), tls_version="1.3")


@pytest.mark.parametrize(
    ("server", "version", "alpn"),
    [(hellos.SERVER_HELLO_12, "1.2", "h2"), (hellos.SERVER_HELLO_13, "1.3", None)],
    ids=["1.2", "1.3"],
)
def test_the_server_decides_the_version(server: bytes, version: str, alpn: str | None) -> None:
    facts = facts_of(hellos.CLIENT_HELLO, server)
    assert (facts.tls_version, facts.alpn_chosen) == (version, alpn)


def test_a_hello_in_several_records_is_joined() -> None:
    hello = hellos.client_hello(hellos.extension(51, bytes(1200)), hellos.sni(b"late.shop"))
    records = hellos.record(22, hello[:700]) + hellos.record(22, hello[700:])
    assert facts_of(records).sni == "late.shop"


def test_names_of_certificates_in_clear_are_read_from_both_sides() -> None:
    server = hellos.certificate(uris=(b"spiffe://td/ns/a/sa/web",), dns=(b"web.shop",))
    client = hellos.certificate(uris=(b"spiffe://td/ns/b/sa/app",))
    facts = facts_of(
        hellos.CLIENT_HELLO + hellos.record(22, client),
        hellos.SERVER_HELLO_12 + hellos.record(22, server),
    )
    assert facts.tls_peer_names == (
        "spiffe://td/ns/a/sa/web",
        "web.shop",
        "spiffe://td/ns/b/sa/app",
    )


@pytest.mark.parametrize("cut", range(0, 200, 3))
def test_a_certificate_cut_anywhere_is_read_as_far_as_it_goes(cut: int) -> None:
    whole = hellos.SERVER_HELLO_12 + hellos.record(22, hellos.certificate(dns=(b"a", b"b")))
    assert set(facts_of(server=whole[:-cut] if cut else whole).tls_peer_names) <= {"a", "b"}


def joined(head: bytes, *later: Sample) -> Side:
    return Side(head, samples=later)


def test_a_record_that_ends_where_a_later_segment_begins_is_followed() -> None:
    head = b"\x17\x03\x03\x40\x00" + bytes(1000)
    later = Sample(5 + 0x4000, b"\x17\x03\x03\x00\x20....", whole=False)
    assert probe(Heads(server=joined(head, later))).answer is Answer.CERTAIN


def test_one_record_a_segment_is_certain_by_two_segments() -> None:
    one = hellos.APPLICATION_DATA
    first, second = Sample(1000, one, whole=True), Sample(2000, one, whole=True)
    assert probe(Heads(client=joined(b"...", first))).answer is Answer.POSSIBLE
    assert probe(Heads(client=joined(b"...", first, second))).answer is Answer.CERTAIN


def test_what_follows_two_chained_records_takes_nothing_back() -> None:
    other_version = hellos.record(23, b"x", version=0x0301)
    assert probe(Heads(Side(hellos.APPLICATION_DATA * 2))).answer is Answer.CERTAIN
    longer = Side(hellos.APPLICATION_DATA * 2 + other_version)
    assert probe(Heads(longer)).answer is Answer.CERTAIN
    mixed = Side(hellos.APPLICATION_DATA + other_version)
    assert probe(Heads(mixed)).answer is Answer.POSSIBLE


def test_one_record_is_counted_once() -> None:
    """It is found at the head's start and again by looking for records inside the head."""
    border = Sample(len(hellos.APPLICATION_DATA), b"", whole=False)
    side = joined(hellos.APPLICATION_DATA, border)
    assert probe(Heads(client=side)).answer is Answer.POSSIBLE
