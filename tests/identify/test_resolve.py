"""The ladder: who is believed when the sides disagree, and why a flow stays unknown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sniffdiag.identify import resolve
from sniffdiag.identify.prelude import without_proxy
from sniffdiag.identify.resolve import identify
from sniffdiag.identify.verdict import (
    Detector,
    Heads,
    Identification,
    Reason,
    Sample,
    Side,
    certain,
    possible,
)
from sniffdiag.model import Transport
from tests.support import h2, hellos

REQUEST = b"GET /a HTTP/1.1\r\nHost: web\r\n\r\n"
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"
EMPTY_SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
NOISE = b"\xfe\xdc\xba\x98" * 8


def identified(
    client: bytes = b"", server: bytes = b"", *, oriented: bool = True, from_start: bool = True
) -> Identification:
    heads = Heads(Side(client, from_start=from_start), Side(server, from_start=from_start))
    return identify(heads, Transport.TCP, oriented=oriented)


@pytest.mark.parametrize(
    ("client", "server", "protocol", "answered"),
    [
        (REQUEST, BAD_REQUEST, "http", None),
        (hellos.CLIENT_HELLO, BAD_REQUEST, "tls", "http"),
        (h2.PREFACE, BAD_REQUEST, "http2", "http"),
        (NOISE, BAD_REQUEST, "tcp", "http"),
        (NOISE, EMPTY_SETTINGS, "tcp", None),
        (b"HELP\r\n", b"220 web ESMTP\r\n", "smtp", None),
        (b"HELP\r\n", b"220 FTP server ready\r\n", "ftp", None),
        (b"HELP\r\n", b"220 web\r\n214 HELO EHLO MAIL RCPT\r\n", "smtp", None),
        (b"HELP\r\n", b"220 web\r\n214-USER PASS PORT\r\n", "ftp", None),
        (REQUEST, hellos.ALERT, "http", "tls"),
        (REQUEST, h2.SETTINGS + h2.GOAWAY, "http", "http2"),
    ],
    ids=[
        "http",
        "tls",
        "http2",
        "noise",
        "noise to what may be http2",
        "help of smtp",
        "help of ftp",
        "help of a silent smtp",
        "help of a silent ftp",
        "http to tls",
        "http to http2",
    ],
)
def test_a_flow_is_what_its_client_speaks(
    client: bytes, server: bytes, protocol: str, answered: str | None
) -> None:
    found = identified(client, server)
    assert (found.protocol, found.answered) == (protocol, answered)


def test_the_answer_of_another_protocol_lends_it_no_facts() -> None:
    assert identified(h2.PREFACE, BAD_REQUEST).facts.status is None


@pytest.mark.parametrize(
    ("inside", "protocol"), [(REQUEST, "http"), (hellos.CLIENT_HELLO, "tls"), (h2.PREFACE, "http2")]
)
def test_what_is_behind_a_proxy_header_is_recognised(inside: bytes, protocol: str) -> None:
    found = identified(b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n" + inside)
    assert (found.protocol, found.facts.prelude) == (protocol, "proxy-v1")
    assert "proxy-v1" in found.why


def test_a_guessed_orientation_is_put_right_by_the_bytes() -> None:
    found = identified(BAD_REQUEST, REQUEST, oriented=False)
    assert (found.protocol, found.swap) == ("http", True)
    assert not identified(REQUEST, BAD_REQUEST, oriented=False).swap


def test_a_known_orientation_is_not_questioned() -> None:
    assert not identified(BAD_REQUEST, REQUEST, oriented=True).swap


def unknown(client: Side) -> tuple[str, Reason | None]:
    found = identify(Heads(client), Transport.TCP, oriented=True)
    return found.protocol, found.reason


def test_unknown_has_a_reason() -> None:
    assert unknown(Side()) == ("unknown", Reason.NO_PAYLOAD)
    assert unknown(Side(NOISE)) == ("unknown", Reason.MIDSTREAM)
    assert unknown(Side(NOISE, gap=True)) == ("unknown", Reason.GAP)
    assert unknown(Side(NOISE[:4], from_start=True)) == ("unknown", Reason.TOO_SHORT)
    assert unknown(Side(NOISE[:4], from_start=True, gap=True)) == ("unknown", Reason.GAP)


def test_payload_that_is_nothing_we_know_is_tcp_once_enough_was_seen() -> None:
    assert unknown(Side(NOISE, from_start=True)) == ("tcp", None)
    assert unknown(Side(NOISE[:4], from_start=True, complete=True)) == ("tcp", None)


def test_confidence_falls_with_the_evidence_and_the_reason_is_named() -> None:
    answer = Side(b"HTTP/1.1 200 OK\r\n\r\n", from_start=True)
    request = Side(REQUEST, from_start=True)
    told = [
        identify(heads, Transport.TCP, oriented=True)
        for heads in (
            Heads(request, answer),
            Heads(request),
            Heads(replace(request, gap=True)),
            Heads(replace(request, from_start=False, gap=True)),
            Heads(Side(b"GET /" + b"a" * 99, from_start=True)),
        )
    ]
    missing = "with bytes missing from the capture, only the client's bytes were captured"
    assert [found.confidence for found in told] == [1.0, 0.95, 0.9, 0.81, 0.57]
    assert [found.why.partition(", ")[2] for found in told] == [
        "",
        "only the client's bytes were captured",
        missing,
        f"joined mid-stream, {missing}",
        "only the client's bytes were captured",
    ]


def test_later_segments_keep_their_place_behind_a_proxy_header() -> None:
    prelude = b"PROXY UNKNOWN\r\n"
    later = Sample(len(prelude + REQUEST), REQUEST, whole=True)
    client = Side(prelude + REQUEST, from_start=True, samples=(later,))
    _, stripped, _ = without_proxy(Heads(client))
    assert stripped.client.head == REQUEST
    assert stripped.client.samples[0].at == len(REQUEST)


# The ladder itself, on detectors made for it.


def detector(protocol: str, *verdicts: object, refines: tuple[str, ...] = ()) -> Detector:
    [verdict] = verdicts
    return Detector(
        protocol=protocol,
        title=protocol,
        transports=frozenset({Transport.TCP}),
        probe=lambda _: verdict,  # type: ignore[arg-type, return-value]
        refines=refines,
    )


CERTAIN, POSSIBLE = certain("sure"), possible("maybe")
BY_SERVER = certain("sure", by_client=False)
LADDER = {
    "certain beats possible": ([("a", CERTAIN, ()), ("b", POSSIBLE, ())], "a"),
    "client beats server": ([("a", CERTAIN, ()), ("b", BY_SERVER, ())], "a"),
    "server beats possible": ([("a", BY_SERVER, ()), ("b", POSSIBLE, ())], "a"),
    "two certain": ([("a", CERTAIN, ()), ("b", CERTAIN, ())], "unknown"),
    "two possible": ([("a", POSSIBLE, ()), ("b", POSSIBLE, ())], "unknown"),
    "a special case": ([("a", CERTAIN, ()), ("b", CERTAIN, ("a",))], "b"),
    "its special case": (
        [("a", CERTAIN, ()), ("b", CERTAIN, ("a",)), ("c", CERTAIN, ("b",))],
        "c",
    ),
    "a possible special case": ([("a", CERTAIN, ()), ("b", POSSIBLE, ("a",))], "b"),
    "two possible special cases": (
        [("a", CERTAIN, ()), ("b", POSSIBLE, ("a",)), ("c", POSSIBLE, ("a",))],
        "a",
    ),
}


@pytest.mark.parametrize(("claims", "protocol"), LADDER.values(), ids=LADDER.keys())
@pytest.mark.parametrize("order", [1, -1], ids=["listed", "reversed"])
def test_the_ladder(
    monkeypatch: pytest.MonkeyPatch,
    claims: list[tuple[str, object, tuple[str, ...]]],
    protocol: str,
    order: int,
) -> None:
    made = tuple(detector(name, verdict, refines=refines) for name, verdict, refines in claims)
    monkeypatch.setattr(resolve, "DETECTORS", made)
    monkeypatch.setattr(resolve, "candidates", lambda *_: made[::order], raising=False)
    found = identified(NOISE)
    assert found.protocol == protocol
    assert (found.reason is Reason.AMBIGUOUS) == (protocol == "unknown")
    if found.reason:
        assert "a: " in found.why
        assert "b: " in found.why
