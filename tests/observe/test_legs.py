"""Where flows are placed: tunnels of an ambient mesh, and what stands at both ends of a leg."""

from __future__ import annotations

import pytest

from sniffdiag.model import Leg, MeshSide
from sniffdiag.observe.port_observation import LegShown, PortObservation
from tests.observe.test_observe import (
    APP_TO_PROXY,
    CLIENT,
    MESH_TLS,
    POD,
    PROXY_TO_APP,
    SERVICE,
    WEB,
    hello,
    observed,
    seen,
    the_port,
    tls,
)
from tests.support.conversations import EXCHANGE, End, connection
from tests.support.hellos import APPLICATION_DATA, alpn, sni

TUNNEL = End("10.0.0.7", 15008)
HBONE = tls(hello(alpn(b"h2")))


def pod(address: str, containers: str, labels: str = "{}") -> str:
    return f"""
---
apiVersion: v1
kind: Pod
metadata: {{name: pod-{address.replace(".", "-")}, namespace: shop, labels: {labels}}}
spec: {{containers: [{containers}]}}
status: {{phase: Running, podIP: {address}}}
"""


APP, SIDECAR = "{name: app}", "{name: app}, {name: istio-proxy}"


def legs(port: PortObservation) -> dict[Leg, LegShown]:
    return {leg.leg: leg for leg in port.legs}


def ends(leg: LegShown) -> tuple[MeshSide, MeshSide]:
    return leg.client_side.as_, leg.server_side.as_


def test_a_tunnel_is_a_leg_of_the_ports_of_its_pod_and_accuses_none() -> None:
    found = observed(connection(End(CLIENT, 40000), TUNNEL, HBONE))
    (port,) = found.ports
    assert legs(port)[Leg.HBONE].flows == port.tunnelled_flows == port.flows == 1
    assert ends(legs(port)[Leg.HBONE]) == (MeshSide.AMBIENT, MeshSide.AMBIENT)
    assert (seen(port), found.unmatched_flows) == ({}, 0)


def test_a_tunnel_to_a_pod_that_nobody_declares_is_placed_and_belongs_to_none() -> None:
    found = observed(connection(End(CLIENT, 40000), End("10.0.0.99", 15008), HBONE))
    assert [(u.leg, u.flows) for u in found.unmatched] == [(Leg.HBONE, 1)]
    assert found.ports[0].legs == ()


def test_a_tunnel_may_be_of_any_port_of_its_pod_and_says_so() -> None:
    other = WEB.replace("web", "admin").replace("10.96.0.50", "10.96.0.51").replace("8080", "9090")
    found = observed(connection(End(CLIENT, 40000), TUNNEL, HBONE), WEB + "---" + other)
    assert ["any of 2 ports" in legs(p)[Leg.HBONE].because for p in found.ports] == [True, True]


@pytest.mark.parametrize(
    "turns",
    [tls(hello(sni(b"web.shop"), alpn(b"h2"))), tls(hello(alpn(b"http/1.1"))), EXCHANGE],
    ids=["SNI", "another ALPN", "plaintext"],
)
def test_what_else_is_on_port_15008_is_no_tunnel(turns: list[tuple[int, bytes]]) -> None:
    found = observed(connection(End(CLIENT, 40000), TUNNEL, turns))
    assert [u.leg for u in found.unmatched] == [Leg.WIRE]


def test_a_tunnel_that_was_joined_mid_stream_is_known_by_its_port() -> None:
    turns = [(0, APPLICATION_DATA), (1, APPLICATION_DATA)] * 3
    port = the_port(connection(End(CLIENT, 40000), TUNNEL, turns, handshake=False))
    assert port.tunnelled_flows == 1


@pytest.mark.parametrize(
    ("first", "number"),
    [
        (hello(sni(b"web.shop.serviceaccount.identity.linkerd.cluster.local")), 4143),
        (hello(alpn(b"transport.l5d.io/v1")), 4143),
        (hello(sni(b"web.shop.dc1.internal.5f9e.consul")), 20000),
    ],
    ids=["Linkerd's identity", "Linkerd's transport header", "Consul"],
)
def test_where_proxies_dial_each_other_the_declared_port_is_hidden(
    first: bytes, number: int
) -> None:
    found = observed(connection(End(CLIENT, 40000), End("10.0.0.7", number), tls(first)))
    (port,) = found.ports
    assert {leg: (shown.flows, *ends(shown)) for leg, shown in legs(port).items()} == {
        Leg.PROXY_PORT: (1, MeshSide.PROXY, MeshSide.PROXY)
    }
    assert (seen(port), port.tunnelled_flows, found.unmatched_flows) == ({}, 1, 0)


def test_other_tls_to_other_ports_of_the_pod_is_no_business_of_the_port() -> None:
    found = observed(
        connection(End(CLIENT, 40000), End("10.0.0.7", 4143), tls(hello(sni(b"shop.example"))))
    )
    assert (found.ports[0].legs, found.unmatched_flows) == ((), 1)


def test_tls_with_alpn_h2_to_a_declared_port_is_the_applications() -> None:
    port = the_port(connection(End(CLIENT, 40000), POD, HBONE))
    assert seen(port) == {"tls": 1}


def test_what_ztunnel_hands_on_comes_from_the_clients_own_address() -> None:
    """While a tunnel is there between the two pods; before it, a client outside the mesh spoke."""
    early = connection(End(CLIENT, 39000), POD)
    tunnel = connection(End(CLIENT, 40000), TUNNEL, HBONE)
    open_, close = tunnel[:-3], tunnel[-3:]
    port = the_port(early + open_ + connection(End(CLIENT, 41000), POD) + close)
    assert {leg: shown.flows for leg, shown in legs(port).items()} == {
        Leg.WIRE: 1,
        Leg.HBONE: 1,
        Leg.PROXY_TO_APP: 1,
    }
    assert legs(port)[Leg.PROXY_TO_APP].server_side.as_ is MeshSide.AMBIENT
    assert seen(port)["http"] >= 1
    assert port.tunnelled_flows == 0


def test_a_request_on_both_legs_of_an_ambient_mesh_counts_once() -> None:
    tunnel = connection(End(CLIENT, 40000), TUNNEL, HBONE)
    handed_on = connection(End(CLIENT, 41000), POD)
    port = the_port(APP_TO_PROXY + tunnel[:-3] + handed_on + tunnel[-3:])
    assert (seen(port), port.superseded_flows) == ({"http": 1}, 1)
    assert legs(port)[Leg.APP_TO_PROXY].client_side.as_ is MeshSide.AMBIENT


@pytest.mark.parametrize(
    ("client", "server", "expected"),
    [
        (SIDECAR, SIDECAR, (MeshSide.PROXY, MeshSide.PROXY)),
        (APP, SIDECAR, (MeshSide.NONE, MeshSide.PROXY)),
        (SIDECAR, APP, (MeshSide.PROXY, MeshSide.NONE)),
        (APP, APP, (MeshSide.UNKNOWN, MeshSide.UNKNOWN)),
        (None, None, (MeshSide.UNKNOWN, MeshSide.UNKNOWN)),
    ],
)
def test_declared_pods_tell_who_has_no_mesh_on_his_side(
    client: str | None, server: str | None, expected: tuple[MeshSide, MeshSide]
) -> None:
    pods = "".join(
        pod(address, containers)
        for address, containers in ((CLIENT, client), ("10.0.0.7", server))
        if containers
    )
    port = the_port(connection(End(CLIENT, 40001), POD), WEB + pods)
    assert ends(legs(port)[Leg.WIRE]) == expected


def test_a_pod_without_a_sidecar_may_be_in_an_ambient_mesh() -> None:
    pods = (
        pod(CLIENT, APP)
        + pod("10.0.0.8", SIDECAR)
        + pod("10.0.0.9", APP, "{istio.io/dataplane-mode: ambient}")
    )
    port = the_port(connection(End(CLIENT, 40001), POD), WEB + pods)
    assert legs(port)[Leg.WIRE].client_side.as_ is MeshSide.UNKNOWN


def test_a_services_own_address_on_the_wire_does_not_tell_if_there_is_a_proxy() -> None:
    """Envoy passes on to it what it has no route for."""
    port = the_port(connection(End(CLIENT, 40001), SERVICE))
    side = legs(port)[Leg.WIRE].client_side
    assert (side.as_, "own address" in side.because) == (MeshSide.UNKNOWN, True)


def test_the_meshs_own_tls_has_a_proxy_at_both_ends() -> None:
    port = the_port(connection(End(CLIENT, 40001), POD, MESH_TLS))
    assert ends(legs(port)[Leg.WIRE]) == (MeshSide.PROXY, MeshSide.PROXY)


def test_loopback_alone_may_be_another_process_of_the_pod() -> None:
    port = the_port(PROXY_TO_APP)
    assert legs(port)[Leg.PROXY_TO_APP].server_side.as_ is MeshSide.UNKNOWN
    istio = the_port(connection(End("127.0.0.6", 50000), POD))
    assert legs(istio)[Leg.PROXY_TO_APP].server_side.as_ is MeshSide.PROXY
