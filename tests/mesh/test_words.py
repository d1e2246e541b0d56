"""What a declared text says, held against the words of a reading."""

from __future__ import annotations

import pytest

from sniffdiag.mesh.facts import Compare, Reading, Ways, ways
from sniffdiag.mesh.policy import load_policy
from sniffdiag.mesh.words import near_miss, ports_in, recognised

ISTIO = load_policy("istio")
OPAQUE, HTTP = ways("opaque"), ways("http")


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("http2foo", "http2"),
        ("httpfoo", "http"),
        ("http1-a", "http"),
        ("HTTPS1", "https"),
        ("grpcfoo", "grpc"),
        ("mongodb", "mongo"),
        ("web", None),
        ("8080-8080-tcp", None),
        ("-http", None),
        ("", None),
    ],
)
def test_a_near_miss_names_the_longest_word_it_begins_with(name: str, word: str | None) -> None:
    assert near_miss(name, ISTIO.at("1.20").facts.words) == word


@pytest.mark.parametrize(
    ("compare", "text", "word"),
    [
        (Compare.FIRST_WORD, "http", "http"),
        (Compare.FIRST_WORD, "HTTP-Web-1", "http"),
        (Compare.FIRST_WORD, "httpx", ""),
        (Compare.FIRST_WORD, "-http", ""),
        (Compare.DASHED, "http-web", "http"),
        (Compare.DASHED, "http", ""),
        (Compare.WHOLE, "HTTP", "http"),
        (Compare.WHOLE, "http-web", ""),
        (Compare.EXACT, "http", "http"),
        (Compare.EXACT, "HTTP", ""),
    ],
)
def test_a_word_is_recognised_as_the_mesh_compares_it(
    compare: Compare, text: str, word: str
) -> None:
    reading = Reading("name", compare, words={"http": HTTP})
    assert recognised(reading, text) == (word, HTTP if word else None)


@pytest.mark.parametrize(
    ("text", "number", "found"),
    [
        ("25, 8080", 8080, OPAQUE),
        ("25, 8080", 80, HTTP),
        ("8000-8100", 8080, OPAQUE),
        ("8000-8100", 8101, HTTP),
        ("8100-8000", 8080, HTTP),
        ("1-65535", "web", HTTP),
        ("web", "web", OPAQUE),
        ("x-y", 1, HTTP),
        ("", 1, HTTP),
    ],
)
def test_a_list_of_ports_holds_numbers_ranges_and_names(
    text: str, number: int | str, found: Ways
) -> None:
    listing = {"listed": OPAQUE, "unlisted": HTTP}
    assert recognised(Reading("ports", Compare.PORTS, listing), text, number)[1] == found


def test_what_stands_first_wins() -> None:
    reading = Reading("name", words={"grpc": HTTP}, starts={"grpc-web": OPAQUE})
    assert recognised(reading, "grpc-web-1") == ("grpc-web", OPAQUE)
    assert recognised(reading, "GRPC-other") == ("grpc", HTTP)
    exact = Reading("name", words={"grpc": HTTP}, exact={"grpc": OPAQUE})
    assert recognised(exact, "grpc") == ("grpc", OPAQUE)
    assert recognised(exact, "Grpc") == ("grpc", HTTP)


def test_a_list_of_ports_may_have_blanks_and_holes() -> None:
    assert ports_in(" 25,, 53 ,") == ("25", "53")
