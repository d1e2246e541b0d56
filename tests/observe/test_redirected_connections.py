"""Connections that iptables REDIRECT tore in two, from frames to joined flows."""

from __future__ import annotations

import pytest

from sniffdiag.flows.flow import Flows
from sniffdiag.model import Leg
from sniffdiag.observe.legs import LEGS, leg_codes
from tests.support.conversations import (
    ANSWER,
    EXCHANGE,
    REQUEST,
    End,
    connection,
    flows_of,
    sent_by,
)

APP = End("10.0.0.5", 40000)
SERVICE = End("10.96.0.50", 8080)
PROXY = End("127.0.0.1", 15001)
APP6, SERVICE6, PROXY6 = End("fd00::5", 40000), End("fd00:96::50", 8080), End("::1", 15001)
families = pytest.mark.parametrize(
    ("app", "service", "proxy"),
    [(APP, SERVICE, PROXY), (APP6, SERVICE6, PROXY6)],
    ids=["IPv4", "IPv6"],
)


def ends_of(flows: Flows, row: int = 0) -> tuple[str, str]:
    flow = flows.flow(row)
    return str(flow.client), str(flow.server)


@families
@pytest.mark.parametrize("handshake", [True, False], ids=["from the SYN", "mid-stream"])
def test_both_halves_are_one_connection_from_the_application_to_the_service(
    app: End, service: End, proxy: End, *, handshake: bool
) -> None:
    frames = connection(app, service, sent_to=proxy, handshake=handshake)
    flows = flows_of(frames)
    assert flows.rows == 1
    assert flows.redirected.tolist() == [True]
    flow = flows.flow(0)
    assert (flow.client.address, flow.client.port) == (app.address, app.port)
    assert (flow.server.address, flow.server.port) == (service.address, service.port)
    assert (flow.from_client.head, flow.from_server.head) == (REQUEST, ANSWER)
    assert int(flows.packets.sum()) == len(frames)
    assert LEGS[int(leg_codes(flows)[0])] is Leg.APP_TO_PROXY


def test_a_server_that_speaks_first_is_joined_as_well() -> None:
    turns = [(1, b"220 mail ready\r\n"), (0, b"EHLO a\r\n"), (1, b"250 mail\r\n")]
    flows = flows_of(connection(APP, SERVICE, turns, sent_to=PROXY))
    assert ends_of(flows) == ("10.0.0.5:40000", "10.96.0.50:8080")
    assert flows.flow(0).from_server.head == b"220 mail ready\r\n250 mail\r\n"


def test_each_connection_on_a_reused_port_keeps_its_own_answers() -> None:
    other = End("10.96.0.51", 9090)
    first = connection(APP, SERVICE, [(0, REQUEST), (1, b"first")], sent_to=PROXY)
    second = connection(APP, other, [(0, REQUEST), (1, b"second")], sent_to=PROXY, isn=5_000_000)
    flows = flows_of(first + second)
    assert [ends_of(flows, row)[1] for row in range(flows.rows)] == [
        "10.96.0.50:8080",
        "10.96.0.51:9090",
    ]
    assert [flows.flow(row).from_server.head for row in range(2)] == [b"first", b"second"]


@pytest.mark.parametrize("pause", [0, 1, 2], ids=["alone", "one more", "two more"])
def test_a_plain_connection_beside_a_torn_one_stays_as_it_is(pause: int) -> None:
    plain = [connection(End("10.0.0.5", 41000 + n), SERVICE) for n in range(pause)]
    flows = flows_of(sum(plain, connection(APP, SERVICE, sent_to=PROXY)))
    assert flows.rows == pause + 1
    assert flows.redirected.tolist() == [True] + [False] * pause


def test_requests_without_their_answers_stay_apart_with_the_application_as_client() -> None:
    torn = connection(APP, SERVICE, sent_to=PROXY)
    flows = flows_of(sent_by(APP.address, torn))
    assert flows.redirected.tolist() == [False]
    assert ends_of(flows) == ("10.0.0.5:40000", "127.0.0.1:15001")


def test_answers_without_their_requests_stay_apart_with_the_service_as_server() -> None:
    torn = connection(APP, SERVICE, sent_to=PROXY)
    flows = flows_of(sent_by(SERVICE.address, torn))
    assert flows.redirected.tolist() == [False]
    assert ends_of(flows) == ("10.0.0.5:40000", "10.96.0.50:8080")


def test_answers_to_another_port_are_not_taken_for_a_partner() -> None:
    torn = sent_by(APP.address, connection(APP, SERVICE, sent_to=PROXY))
    other = connection(End("10.0.0.5", 40001), SERVICE, isn=5_000_000)
    stray = sent_by(SERVICE.address, other)
    flows = flows_of(torn + stray)
    assert flows.rows == 2
    assert not flows.redirected.any()


@pytest.mark.parametrize("handshake", [True, False], ids=["from the SYN", "mid-stream"])
def test_a_port_that_redirect_had_to_change_does_not_keep_the_halves_apart(
    *, handshake: bool
) -> None:
    """One port to two servers: behind REDIRECT the later connection gets another on one half."""
    whole = connection(APP, SERVICE, sent_to=PROXY, handshake=handshake)
    moved = connection(End(APP.address, 60002), SERVICE, sent_to=PROXY, handshake=handshake)
    asked = sent_by(APP.address, moved)
    flows = flows_of([*asked[:2], *sent_by(SERVICE.address, whole), *asked[2:]])
    assert flows.redirected.tolist() == [True]
    assert ends_of(flows) == ("10.0.0.5:60002", "10.96.0.50:8080")
    assert (flows.flow(0).from_client.head, flows.flow(0).from_server.head) == (REQUEST, ANSWER)


def test_a_proxy_talking_to_its_application_on_loopback_is_not_torn() -> None:
    flows = flows_of(connection(End("127.0.0.6", 50000), End("127.0.0.1", 8080), EXCHANGE))
    assert flows.redirected.tolist() == [False]
    assert LEGS[int(leg_codes(flows)[0])] is Leg.PROXY_TO_APP
