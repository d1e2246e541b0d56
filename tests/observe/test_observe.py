"""Flows and declarations put together: legs, mesh TLS, shared ports, what belongs to nothing."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest

from sniffdiag.catalog.manifests import load
from sniffdiag.catalog.services import Catalog
from sniffdiag.mesh.policy import load_policy
from sniffdiag.mesh.treat import treated
from sniffdiag.observe.identified import IdentifiedFlows
from sniffdiag.observe.observe import Observations, observe
from sniffdiag.observe.port_observation import PortObservation
from tests.support.conversations import (
    ANSWER,
    EXCHANGE,
    REQUEST,
    End,
    connection,
    flows_of,
    sent_by,
)
from tests.support.h2 import PREFACE, SETTINGS, SETTINGS_ACK, data, headers, message
from tests.support.hellos import APPLICATION_DATA, SERVER_HELLO_13, alpn, client_hello, record, sni

CLIENT, SERVICE, POD = "10.0.0.1", End("10.96.0.50", 80), End("10.0.0.7", 8080)
WEB = """
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.96.0.50, ports: [{name: tcp-web, port: 80, targetPort: 8080}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}
addressType: IPv4
endpoints: [{addresses: [10.0.0.7]}]
ports: [{name: tcp-web, port: 8080, protocol: TCP}]
"""
ADMIN = WEB.replace("web", "admin").replace("10.96.0.50", "10.96.0.51").replace("tcp-", "http-")


def observed(frames: Sequence[bytes], manifests: str = WEB) -> Observations:
    catalog: Catalog = load(["-"], stdin=io.BytesIO(manifests.encode()))
    assert catalog.summary.problems == ()
    policy = load_policy("istio").at("1.3.6", {})
    ways = {port: treated(policy, port) for port in catalog.ports}
    return observe(IdentifiedFlows(flows_of(frames)), catalog, ways)


def the_port(frames: Sequence[bytes], manifests: str = WEB) -> PortObservation:
    (port,) = observed(frames, manifests).ports
    return port


def seen(port: PortObservation) -> dict[str, int]:
    return {sighting.protocol: sighting.flows for sighting in port.sightings}


def hello(*extensions: bytes) -> bytes:
    return record(22, client_hello(*extensions), version=0x0301)


def tls(first: bytes) -> list[tuple[int, bytes]]:
    return [(0, first), (1, SERVER_HELLO_13), (0, APPLICATION_DATA), (1, APPLICATION_DATA)]


MESH_TLS = tls(hello(sni(b"outbound_.80_._.web.shop.svc.cluster.local"), alpn(b"istio")))
APP_TO_PROXY = connection(End(CLIENT, 40000), SERVICE, sent_to=End("127.0.0.1", 15001))
PROXY_TO_APP = connection(End("127.0.0.1", 50000), End("127.0.0.1", 8080))
WIRE = connection(End(CLIENT, 40001), POD)


def test_a_connection_to_the_pod_and_one_to_the_cluster_ip_belong_to_one_port() -> None:
    port = the_port(WIRE + connection(End("10.0.0.9", 40000), SERVICE))
    assert seen(port) == {"http": 2}
    assert port.flows == 2


def test_the_clients_own_leg_stands_for_what_its_proxy_sends_on() -> None:
    port = the_port(APP_TO_PROXY + WIRE)
    assert (seen(port), port.superseded_flows) == ({"http": 1}, 1)
    assert port.sightings[0].exemplars[0].leg.value == "app to proxy"


def test_the_wire_of_another_client_is_not_left_out() -> None:
    port = the_port(APP_TO_PROXY + connection(End("10.0.0.2", 40001), POD))
    assert (seen(port), port.superseded_flows) == ({"http": 2}, 0)


def test_a_readable_wire_stands_for_what_the_servers_proxy_sends_on() -> None:
    port = the_port(WIRE + PROXY_TO_APP)
    assert (seen(port), port.superseded_flows) == ({"http": 1}, 1)
    assert port.sightings[0].exemplars[0].leg.value == "wire"


def test_an_encrypted_wire_does_not_stand_for_the_servers_loopback() -> None:
    port = the_port(connection(End(CLIENT, 40001), POD, MESH_TLS) + PROXY_TO_APP)
    assert seen(port) == {"http": 1}
    assert (port.mesh_mtls_flows, port.superseded_flows) == (1, 0)
    assert port.sightings[0].exemplars[0].leg.value == "proxy to app"


def test_a_pooled_connection_of_the_mesh_does_not_stand_for_the_servers_loopback() -> None:
    """`tcpdump -i any` in the server's pod, while connections between sidecars live for hours."""
    turns = [(0, APPLICATION_DATA), (1, APPLICATION_DATA)] * 3
    port = the_port(connection(End(CLIENT, 40001), POD, turns, handshake=False) + PROXY_TO_APP)
    assert seen(port) == {"http": 1}
    assert port.sightings[0].exemplars[0].leg.value == "proxy to app"


def test_frames_of_a_websocket_do_not_show_that_its_upgrade_was_passed_on_unread() -> None:
    """HTTP filters leave what follows the upgrade as it is; joined then, both hops look equal."""
    masked = b"\x81\x91\x01\x02\x03\x04" + bytes(b ^ m for b, m in zip(CHAT, KEY * 5, strict=False))
    turns = [(0, masked), (1, b"\x81\x11" + CHAT)] * 4
    torn = connection(
        End(CLIENT, 40000), SERVICE, turns, sent_to=End("127.0.0.1", 15001), handshake=False
    )
    wire = connection(End(CLIENT, 40001), POD, turns, handshake=False)
    port = the_port([torn[0], *wire, *torn[1:]], WEB.replace("tcp-web", "http-web"))
    assert seen(port) == {"websocket": 1}
    assert port.shown.outbound.as_.value == "unknown"


def test_messages_of_a_running_stream_do_not_show_that_its_call_was_passed_on_unread() -> None:
    """A gRPC stream joined in its middle: its DATA frames are the same on both hops."""
    turns = [(0, data(message(CHAT))), (1, data(message(CHAT) + message(KEY)))] * 4
    torn = connection(
        End(CLIENT, 40000), SERVICE, turns, sent_to=End("127.0.0.1", 15001), handshake=False
    )
    wire = connection(End(CLIENT, 40001), POD, turns, handshake=False)
    port = the_port([torn[0], *wire, *torn[1:]], WEB.replace("tcp-web", "grpc-web"))
    assert set(seen(port)) <= {"http2", "grpc"}
    assert port.shown.outbound.as_.value == "unknown"


CHAT, KEY = b"hello to everyone", b"\x01\x02\x03\x04"


def test_an_application_may_dial_pods_past_their_service() -> None:
    def dialled(server: End) -> bool:
        torn = connection(End(CLIENT, 40000), server, sent_to=End("127.0.0.1", 15001))
        return the_port(torn + WIRE).dialled_pods

    assert dialled(POD)
    assert not dialled(SERVICE)
    assert not the_port(WIRE).dialled_pods


def test_http_is_not_guessed_of_what_sniffing_sent_on_as_tcp() -> None:
    """Sizes would fit, but a sidecar that looks for HTTP chose the ALPN of its TCP proxy."""
    passed = hello(
        sni(b"outbound_.80_._.web.shop.svc.cluster.local"), alpn(b"istio-peer-exchange", b"istio")
    )
    asked, answered = record(23, bytes(217)), record(23, bytes(317))
    handshake = [(0, passed), (1, SERVER_HELLO_13)]
    frames = connection(End(CLIENT, 40001), POD, [*handshake, *[(0, asked), (1, answered)] * 3])
    assert [s.protocol for s in the_port(frames).inferred] == ["http"]
    assert the_port(frames, WEB.replace("tcp-web", "web")).inferred == ()


def test_an_application_that_answers_in_another_protocol_is_seen_behind_the_wire() -> None:
    """The client's sidecar made HTTP/2 of HTTP/1; only the last leg shows who cannot speak it."""
    preface = PREFACE + SETTINGS + headers(b"\x82\x86\x84")
    refused = [(0, preface), (1, b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")]
    wire = connection(End(CLIENT, 40001), POD, [(0, preface), (1, SETTINGS + SETTINGS_ACK)])
    behind = connection(End("127.0.0.6", 50000), POD, refused)
    port = the_port(wire + behind, WEB.replace("tcp-web", "http2-web"))
    assert {(s.protocol, s.shape.answered) for s in port.sightings} == {
        ("http2", None),
        ("http2", "http"),
    }


@pytest.mark.parametrize(
    "first",
    [
        hello(alpn(b"istio")),
        hello(alpn(b"istio-peer-exchange", b"istio")),
        hello(alpn(b"istio-http/1.1", b"istio", b"http/1.1")),
        hello(sni(b"outbound_.80_._.web.shop.svc.cluster.local")),
        hello(sni(b"outbound|80||web.shop.svc.cluster.local")),
    ],
    ids=["ALPN istio", "peer exchange", "HTTP", "SNI", "SNI before 1.1"],
)
def test_the_meshs_own_tls_is_no_tls_of_the_application(first: bytes) -> None:
    port = the_port(connection(End(CLIENT, 40001), POD, tls(first)))
    assert (seen(port), port.mesh_mtls_flows) == ({}, 1)


def test_tls_of_an_application_is_seen_as_tls() -> None:
    port = the_port(connection(End(CLIENT, 40001), POD, tls(hello(sni(b"web.shop"), alpn(b"h2")))))
    assert (seen(port), port.mesh_mtls_flows) == ({"tls": 1}, 0)


def test_tls_that_was_joined_mid_stream_may_be_the_meshs_or_the_applications() -> None:
    turns = [(0, APPLICATION_DATA), (1, APPLICATION_DATA)] * 3
    port = the_port(connection(End(CLIENT, 40001), POD, turns, handshake=False))
    assert seen(port) == {}
    assert [(u.flows, "TLS" in u.reason) for u in port.undecided] == [(1, True)]


def test_the_sni_names_the_declared_port_even_behind_an_unknown_address() -> None:
    found = observed(connection(End(CLIENT, 40001), End("10.0.0.99", 8080), MESH_TLS))
    assert found.ports[0].mesh_mtls_flows == 1
    assert found.unmatched_flows == 0


def test_the_sni_tells_two_services_on_one_pod_port_apart() -> None:
    found = observed(connection(End(CLIENT, 40001), POD, MESH_TLS), WEB + "---" + ADMIN)
    assert {p.declared.service: p.mesh_mtls_flows for p in found.ports} == {"admin": 0, "web": 1}


def test_traffic_to_a_pod_port_of_two_services_counts_for_both_and_says_so() -> None:
    found = observed(WIRE, WEB + "---" + ADMIN)
    assert [seen(port) for port in found.ports] == [{"http": 1}, {"http": 1}]
    assert [[p.service for p in port.shared_with] for port in found.ports] == [["web"], ["admin"]]
    assert [[p.service for p in port.contradicted_by] for port in found.ports] == [
        ["web"],
        ["admin"],
    ]


def test_traffic_to_a_cluster_ip_counts_for_its_own_service_alone() -> None:
    found = observed(connection(End(CLIENT, 40000), SERVICE), WEB + "---" + ADMIN)
    assert {p.declared.service: p.flows for p in found.ports} == {"admin": 0, "web": 1}


def test_what_no_declaration_covers_is_listed_by_endpoint_most_connections_first() -> None:
    strangers = [
        connection(End(CLIENT, 40000 + n), End("10.0.0.9", 9000 + n // 2)) for n in range(3)
    ]
    found = observed(sum(strangers, WIRE))
    assert found.unmatched_flows == 3
    assert [(str(u.server), u.flows, u.protocols) for u in found.unmatched] == [
        ("10.0.0.9:9000", 2, (("http", 2),)),
        ("10.0.0.9:9001", 1, (("http", 1),)),
    ]


def test_a_declared_address_says_who_the_server_is_where_nothing_else_does() -> None:
    nonsense = [(1, b"\x01\x02\x03"), (0, b"\x04\x05")]
    client = End(CLIENT, 80)  # a port that looks more like a server's than the server's own
    server_first = sent_by(POD.address, connection(client, POD, nonsense, handshake=False))
    port = the_port(server_first)
    assert port.flows == 1


def test_a_guessed_orientation_is_kept_where_the_declared_side_is_the_server_already() -> None:
    talk = connection(End(CLIENT, 40000), POD, EXCHANGE, handshake=False)
    port = the_port(talk)
    assert port.sightings[0].exemplars[0].client.address == CLIENT


def test_answers_alone_belong_to_the_port_that_sent_them() -> None:
    port = the_port(sent_by(POD.address, connection(End(CLIENT, 40000), POD)))
    assert seen(port) == {"http": 1}
    assert port.one_sided_flows == 1


def test_requests_to_an_address_of_nobody_say_nothing_of_the_declared_port() -> None:
    found = observed(connection(End(CLIENT, 40000), End("10.0.0.9", 8080)))
    assert found.ports[0].flows == 0


def test_bytes_of_no_protocol_are_undecided_or_opaque_but_counted() -> None:
    port = the_port(connection(End(CLIENT, 40000), POD, []))
    assert (port.flows, seen(port)) == (1, {})
    assert [u.reason for u in port.undecided] == ["no payload"]


def test_exemplars_name_the_frame_of_the_request() -> None:
    port = the_port(WIRE)
    proof = port.sightings[0].exemplars[0]
    assert (proof.frame, proof.what) == (4, "GET /api HTTP/1.1")
    assert WIRE[proof.frame - 1].endswith(REQUEST)
    assert ANSWER not in WIRE[proof.frame - 1]


def test_ports_that_read_what_another_of_their_number_passes_on_are_its_neighbours() -> None:
    """The opaque one may meet their listener; not the other way round."""
    ports = {p.declared.service: p for p in observed([], f"{WEB}---\n{ADMIN}").ports}
    assert [p.full_name for p in ports["web"].neighbours] == ["shop/admin"]
    assert ports["admin"].neighbours == ()


ALERT = bytes.fromhex("15 03 01 00 02 02 2d")
"""certificate_expired."""


def test_how_tls_and_plain_http_meet_is_part_of_the_shape() -> None:
    hello = record(22, client_hello(sni(b"web.shop")), version=0x0301)
    frames = [
        *connection(End(CLIENT, 40_001), SERVICE, ((0, hello), (1, ALERT))),
        *connection(End(CLIENT, 40_002), SERVICE, ((0, REQUEST), (1, ALERT))),
        *connection(End(CLIENT, 40_003), SERVICE, ((0, hello), (1, ANSWER))),
        *connection(End(CLIENT, 40_004), SERVICE, ((0, b"FROB" + REQUEST[3:]), (1, ANSWER))),
    ]
    shapes = {(s.protocol, s.shape.answered, s.shape.alert) for s in the_port(frames).sightings}
    assert shapes == {
        ("tls", None, "certificate_expired"),
        ("http", "tls", None),
        ("tls", "http", None),
        ("http", None, None),
    }
    unusual = [s for s in the_port(frames).sightings if s.shape.unusual_method]
    assert [s.flows for s in unusual] == [1]
