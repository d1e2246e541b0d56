"""What each family reads in the bytes of one hop, and what it must not read into them."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from sniffdiag.identify.resolve import identify
from sniffdiag.identify.verdict import Heads, Side
from sniffdiag.marks.families import FAMILIES, mesh_tls, read_marks
from sniffdiag.marks.mark import Glimpse, Mark, Says, glimpse
from sniffdiag.model import Direction, Leg, Transport
from tests.support import h2, hellos

PLAIN_ASK = b"GET /a HTTP/1.1\r\nHost: reviews\r\nUser-Agent: shop\r\n\r\n"
PLAIN_ANSWER = b"HTTP/1.1 200 OK\r\nServer: reviews/2\r\nContent-Length: 2\r\n\r\nok"
LOWER_ASK = b"GET /a HTTP/1.1\r\nhost: reviews\r\nuser-agent: hyper\r\n\r\n"
TRACED = b"x-request-id: 1\r\nx-forwarded-proto: http\r\nx-b3-traceid: 2\r\n"
SIDECAR_ASK = (
    b"GET /a HTTP/1.1\r\nhost: reviews\r\n" + TRACED + b"x-envoy-decorator-operation: reviews/*\r\n"
    b"x-envoy-attempt-count: 1\r\n\r\n"
)
INBOUND_ASK = b"GET /a HTTP/1.1\r\nhost: reviews\r\n" + TRACED + b"x-b3-parentspanid: 3\r\n\r\n"
GATEWAYLESS_ASK = b"GET /a HTTP/1.1\r\nhost: reviews\r\n" + TRACED + b"\r\n"
CLIENT_ENVOY = b"HTTP/1.1 200 OK\r\nserver: envoy\r\nx-envoy-upstream-service-time: 3\r\n\r\nok"
SERVER_ENVOY = (
    b"HTTP/1.1 200 OK\r\nserver: istio-envoy\r\nx-envoy-upstream-service-time: 3\r\n\r\nok"
)
REFUSED = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 11\r\nserver: envoy\r\n\r\nBad Request"
BARE_REFUSAL = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
PING, PONG = b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n"
OUT, IN = Direction.OUTBOUND, Direction.INBOUND


def seen(leg: Leg, client: bytes, server: bytes = b"", *, joined_late: bool = False) -> Glimpse:
    """One connection as marks see it."""
    heads = Heads(
        Side(client, from_start=not joined_late, complete=True),
        Side(server, from_start=not joined_late, complete=True),
    )
    return glimpse(leg, heads, identify(heads, Transport.TCP, oriented=True))


def client_hello(*, sni: str | None = None, alpn: tuple[str, ...] = ()) -> bytes:
    """A ClientHello with these extensions."""
    extensions = [hellos.sni(sni.encode())] if sni else []
    extensions += [hellos.alpn(*(name.encode() for name in alpn))] if alpn else []
    return hellos.record(22, hellos.client_hello(*extensions), version=0x0301)


def says(marks: tuple[Mark, ...]) -> dict[Direction, Says]:
    """What the weightiest mark about each proxy says."""
    ordered = sorted(marks, key=lambda mark: mark.weight)
    return {mark.about: mark.says for mark in ordered}


@dataclass(frozen=True)
class Row:
    """Bytes of one hop and what they show."""

    name: str
    leg: Leg
    client: bytes
    server: bytes
    shown: dict[Direction, Says]


APP, WIRE, SERVER = Leg.APP_TO_PROXY, Leg.WIRE, Leg.PROXY_TO_APP
ROWS = (
    Row("server: envoy to the client", APP, PLAIN_ASK, CLIENT_ENVOY, {OUT: Says.HTTP}),
    Row(
        "the application's own fields to the client",
        APP,
        PLAIN_ASK,
        PLAIN_ANSWER,
        {OUT: Says.OPAQUE, IN: Says.UNTOUCHED},
    ),
    Row(
        "the server's mark leaks through an opaque client sidecar",
        APP,
        PLAIN_ASK,
        SERVER_ENVOY,
        {OUT: Says.OPAQUE, IN: Says.HTTP},
    ),
    Row(
        "both sidecars' marks between pods",
        WIRE,
        SIDECAR_ASK,
        SERVER_ENVOY,
        {OUT: Says.HTTP, IN: Says.HTTP},
    ),
    Row(
        "a client without a sidecar",
        WIRE,
        PLAIN_ASK,
        SERVER_ENVOY,
        {OUT: Says.UNTOUCHED, IN: Says.HTTP},
    ),
    Row(
        "a server without a sidecar",
        WIRE,
        SIDECAR_ASK,
        PLAIN_ANSWER,
        {OUT: Says.HTTP, IN: Says.UNTOUCHED},
    ),
    Row(
        "both took the fields out",
        SERVER,
        INBOUND_ASK,
        PLAIN_ANSWER,
        {OUT: Says.HTTP, IN: Says.HTTP},
    ),
    Row(
        "the client's fields leak through an opaque server sidecar",
        SERVER,
        SIDECAR_ASK,
        PLAIN_ANSWER,
        {OUT: Says.HTTP, IN: Says.OPAQUE},
    ),
    Row("the server's sidecar alone", SERVER, GATEWAYLESS_ASK, PLAIN_ANSWER, {IN: Says.HTTP}),
    Row(
        "untouched at the server",
        SERVER,
        PLAIN_ASK,
        PLAIN_ANSWER,
        {OUT: Says.UNTOUCHED, IN: Says.OPAQUE},
    ),
    Row("Redis refused", APP, PING, REFUSED, {OUT: Says.HTTP}),
    Row("Redis refused by an Envoy of 2019", APP, PING, BARE_REFUSAL, {OUT: Says.HTTP}),
    Row("Redis answered in kind", APP, PING, PONG, {OUT: Says.OPAQUE, IN: Says.UNTOUCHED}),
    Row("Redis between pods", WIRE, PING, PONG, {OUT: Says.UNTOUCHED, IN: Says.UNTOUCHED}),
    # Look-alikes that show less than they seem to.
    Row("an application that writes small letters", WIRE, LOWER_ASK, b"", {OUT: Says.UNTOUCHED}),
    Row("an application that hands a trace on", WIRE, GATEWAYLESS_ASK, b"", {}),
    Row(
        "a 400 of the application itself",
        APP,
        PLAIN_ASK,
        PLAIN_ANSWER.replace(b"200 OK", b"400 Bad Request"),
        {OUT: Says.OPAQUE, IN: Says.UNTOUCHED},
    ),
    Row("another Envoy between pods", WIRE, b"", CLIENT_ENVOY, {}),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_a_hop_shows(row: Row) -> None:
    assert says(read_marks(seen(row.leg, row.client, row.server))) == row.shown


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_no_cut_of_the_bytes_shows_the_opposite(row: Row) -> None:
    """Fewer bytes show less; they never turn HTTP into opaque or the reverse."""
    against = {Says.HTTP: {Says.OPAQUE}, Says.OPAQUE: {Says.HTTP}, Says.UNTOUCHED: {Says.HTTP}}
    for cut in range(len(row.server)):
        marks = read_marks(seen(row.leg, row.client, row.server[:cut]))
        for about, found in says(marks).items():
            assert found not in against.get(row.shown.get(about, found), set()), (cut, marks)


@pytest.mark.parametrize(
    ("alpn", "shown"),
    [
        (("istio-http/1.1", "istio", "http/1.1"), Says.HTTP),
        (("istio-h2", "istio", "h2"), Says.HTTP),
        (("istio", "h2"), Says.HTTP),
        (("istio-peer-exchange", "istio"), Says.OPAQUE),
        (("istio-peer-exchange", "istio", "h2"), Says.OPAQUE),
        (("istio",), Says.CANNOT_SAY),
    ],
    ids=str,
)
def test_what_the_alpn_of_istios_own_tls_shows(alpn: tuple[str, ...], shown: Says) -> None:
    hello = client_hello(sni="outbound_.8080_._.reviews.shop.svc.cluster.local", alpn=alpn)
    marks = says(read_marks(seen(Leg.WIRE, hello)))
    assert marks == {OUT: shown, IN: Says.CANNOT_SAY}


def test_an_applications_own_tls_shows_nothing_before_it_is_answered() -> None:
    hello = client_hello(sni="shop.example", alpn=("h2", "http/1.1"))
    assert read_marks(seen(Leg.WIRE, hello)) == ()


RESET = b"upstream connect error or disconnect/reset before headers. "
REPLIES = (
    (404, b"", "NR"),
    (503, b"no healthy upstream", "UH"),
    (504, b"upstream request timeout", "UT"),
    (403, b"RBAC: access denied", "RBAC"),
    (503, RESET + b"reset reason: overflow", "UO"),
    (
        503,
        RESET + b"retried and the latest reset reason: remote connection failure, transport "
        b"failure reason: TLS_error:|268435703",
        "UF",
    ),
    (502, RESET + b"reset reason: protocol error", "UPE"),
    (503, RESET + b"reset reason: connection termination", "UC"),
)


@pytest.mark.parametrize(("status", "body", "flag"), REPLIES, ids=[row[2] for row in REPLIES])
def test_a_proxys_own_answer_has_its_flag(status: int, body: bytes, flag: str) -> None:
    answer = b"HTTP/1.1 %d X\r\ncontent-length: %d\r\nserver: envoy\r\n\r\n%b" % (
        status,
        len(body),
        body,
    )
    (mark,) = [m for m in read_marks(seen(APP, PLAIN_ASK, answer)) if m.reply]
    assert mark.reply is not None
    assert (mark.reply.status, mark.reply.flag, mark.about) == (status, flag, OUT)
    from_upstream = answer.replace(b"server:", b"x-envoy-upstream-service-time: 1\r\nserver:")
    assert not [m for m in read_marks(seen(APP, PLAIN_ASK, from_upstream)) if m.reply]


def test_a_proxys_own_answer_is_read_in_http2_as_well() -> None:
    """The server's sidecar could not read what its application answered to HTTP/2."""
    name, value = b"\x0f\x27\x0bistio-envoy", b"\x08\x03502"  # server, :status (RFC 7541 6.2.2)
    text = RESET + b"reset reason: protocol error"
    ask = h2.PREFACE + h2.SETTINGS + h2.headers(b"\x83\x86\x84", flags=5)
    answer = h2.SETTINGS + h2.headers(value + name) + h2.data(text, flags=1)
    (mark,) = [m for m in read_marks(seen(WIRE, ask, answer)) if m.reply]
    assert mark.reply is not None
    assert (mark.reply.status, mark.reply.flag, mark.about) == (502, "UPE", IN)


def test_a_request_without_fields_is_refused_for_its_version() -> None:
    answer = b"HTTP/1.1 426 Upgrade Required\r\ncontent-length: 0\r\nserver: istio-envoy\r\n\r\n"
    (mark,) = [m for m in read_marks(seen(WIRE, b"GET / HTTP/1.0\r\n\r\n", answer)) if m.reply]
    assert mark.reply is not None
    assert (mark.reply.status, mark.reply.flag) == (426, "low_version")


def test_upgrades_refused() -> None:
    ask = b"GET /w HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    answer = b"HTTP/1.1 403 Forbidden\r\nserver: envoy\r\ncontent-length: 0\r\n\r\n"
    (mark,) = [m for m in read_marks(seen(APP, ask, answer)) if m.reply]
    assert mark.reply is not None
    assert mark.reply.flag == "upgrade_failed"


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")
SETTINGS = bytes.fromhex("000000040000000000")


def goaway(code: int) -> bytes:
    return bytes.fromhex("0000080700000000000000000000") + code.to_bytes(3)


def rst_stream(code: int) -> bytes:
    return bytes.fromhex("0000040300000000010000") + code.to_bytes(2)


@pytest.mark.parametrize("leg", [APP, WIRE, SERVER])
@pytest.mark.parametrize(
    ("ending", "told"),
    [
        (goaway(1), "GOAWAY PROTOCOL_ERROR"),
        (goaway(11), "GOAWAY ENHANCE_YOUR_CALM"),
        (goaway(200), "GOAWAY error 200"),
        (rst_stream(2), "RST_STREAM INTERNAL_ERROR"),
        (goaway(0), None),
        (rst_stream(8), None),
        (goaway(1)[:-1], None),
    ],
    ids=str,
)
def test_an_ending_of_http2_has_its_code_and_cannot_say_whose_it_is(
    leg: Leg, ending: bytes, told: str | None
) -> None:
    marks = read_marks(seen(leg, PREFACE, SETTINGS + ending))
    if told is None or leg is SERVER:
        assert marks == ()
        return
    (mark,) = marks
    assert (mark.about, mark.says) == (OUT if leg is APP else IN, Says.CANNOT_SAY)
    assert told in mark.why
    assert mark.at == len(SETTINGS)


def test_linkerds_error_answer() -> None:
    answer = b"HTTP/1.1 404 Not Found\r\nl5d-proxy-error: no route found\r\n\r\n"
    (mark,) = [m for m in read_marks(seen(APP, PLAIN_ASK, answer)) if m.reply]
    assert (mark.family, mark.about) == ("linkerd", OUT)


@pytest.mark.parametrize(
    ("sni", "alpn", "mesh"),
    [
        ("web.shop.serviceaccount.identity.linkerd.cluster.local", (), "linkerd"),
        ("", ("transport.l5d.io/v1",), "linkerd"),
        ("reviews{mesh=default}", ("kuma",), "kuma"),
        ("", ("osm",), "osm"),
        ("web.default.dc1.internal.5f9e.consul", (), "consul"),
        ("outbound_.80_._.web.shop.svc.cluster.local", (), "istio"),
        ("shop.example", ("h2",), None),
    ],
)
def test_whose_tls_it_is(sni: str, alpn: tuple[str, ...], mesh: str | None) -> None:
    facts = seen(Leg.WIRE, client_hello(sni=sni or None, alpn=alpn)).identified.facts
    found = mesh_tls(facts)
    assert (found.mesh if found else None) == mesh


def test_joined_mid_stream_the_first_message_is_found() -> None:
    late = b'stars": 4}' + SIDECAR_ASK
    assert says(read_marks(seen(WIRE, late, joined_late=True))) == {OUT: Says.HTTP}


def test_every_family_is_listed_once() -> None:
    names = [family.name for family in FAMILIES]
    assert len(names) == len(set(names))
