"""What meshes and gateways other than Istio make of a declared port, one row a fact.

Each TOML file names the upstream source and version of its facts; a row restates one of them.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sniffdiag.catalog.services import ServicePort, Stated
from sniffdiag.errors import PolicyError
from sniffdiag.mesh.policy import MESHES, load_policy
from sniffdiag.mesh.treat import treated
from sniffdiag.mesh.treated import Cause
from sniffdiag.model import Direction, Transport

LISTED = "Service config.linkerd.io/opaque-ports"
POD_LISTED = "Pod config.linkerd.io/opaque-ports"
NAMESPACE_LISTED = "Namespace config.linkerd.io/opaque-ports"
SKIPPED = "Pod config.linkerd.io/skip-inbound-ports"
SERVER = "Server proxyProtocol"
KUMA = "Service 8080.service.kuma.io/protocol"
DEFAULTS, GLOBAL = "ServiceDefaults protocol", "ProxyDefaults protocol"
NODE = "VirtualNode protocol"
CILIUM = "CiliumNetworkPolicy rules"
INGRESS, NGINX = "Ingress backend", "Ingress nginx.ingress.kubernetes.io/backend-protocol"
TRAEFIK = "Service traefik.ingress.kubernetes.io/service.serversscheme"
ROUTE = "Route kind"

SNIFFED, OPAQUE, OUT = "sniffed", "opaque", "not-proxied"

Row = tuple[str, str, str, str | None, int, dict[str, str], str, str]
ROWS: list[Row] = [
    # mesh, version, port name, appProtocol, number, other statements, outbound, inbound
    # Linkerd reads no names, and appProtocol since 2.18
    ("linkerd", "2.14", "http-web", None, 8080, {}, SNIFFED, SNIFFED),
    ("linkerd", "2.14", "tcp-web", None, 8080, {}, SNIFFED, SNIFFED),
    ("linkerd", "2.17", "", "linkerd.io/opaque", 8080, {}, SNIFFED, SNIFFED),
    ("linkerd", "2.18", "", "linkerd.io/opaque", 8080, {}, OPAQUE, SNIFFED),
    ("linkerd", "2.18", "", "linkerd.io/tcp", 8080, {}, OPAQUE, SNIFFED),
    ("linkerd", "2.18", "", "http", 8080, {}, "http", SNIFFED),
    ("linkerd", "2.18", "", "HTTP", 8080, {}, "http", SNIFFED),
    ("linkerd", "2.18", "", "kubernetes.io/h2c", 8080, {}, "http2", SNIFFED),
    ("linkerd", "2.18", "", "grpc", 8080, {}, OPAQUE, SNIFFED),
    ("linkerd", "2.18", "", "http2", 8080, {}, OPAQUE, SNIFFED),
    ("linkerd", "2.18", "", "https", 8080, {}, OPAQUE, SNIFFED),
    ("linkerd", "2.18", "", "kubernetes.io/ws", 8080, {}, OPAQUE, SNIFFED),
    ("linkerd", "edge-25.2.1", "", "grpc", 8080, {}, SNIFFED, SNIFFED),
    ("linkerd", "edge-25.2.2", "", "grpc", 8080, {}, OPAQUE, SNIFFED),
    ("linkerd", "stable-2.14.10", "", "grpc", 8080, {}, SNIFFED, SNIFFED),
    # its default lists
    ("linkerd", "2.9", "", None, 3306, {}, OUT, OUT),
    ("linkerd", "2.9", "", None, 5432, {}, SNIFFED, SNIFFED),
    ("linkerd", "2.10", "", None, 443, {}, OPAQUE, OPAQUE),
    ("linkerd", "2.10", "", None, 5432, {}, OPAQUE, OPAQUE),
    ("linkerd", "2.10", "", None, 6379, {}, SNIFFED, SNIFFED),
    ("linkerd", "2.11", "", None, 443, {}, SNIFFED, SNIFFED),
    ("linkerd", "2.11", "", None, 6379, {}, OPAQUE, OPAQUE),
    ("linkerd", "2.19", "", None, 4567, {}, OUT, OUT),
    ("linkerd", "2.19", "", None, 27017, {}, SNIFFED, SNIFFED),
    # lists of ports replace the default list, the nearest one counts
    ("linkerd", "2.14", "", None, 5432, {LISTED: "3306"}, SNIFFED, OPAQUE),
    ("linkerd", "2.14", "", None, 8080, {LISTED: "3306, 8080"}, OPAQUE, SNIFFED),
    ("linkerd", "2.14", "", None, 8080, {LISTED: "8000-8090"}, OPAQUE, SNIFFED),
    ("linkerd", "2.14", "", None, 8080, {POD_LISTED: "8080"}, SNIFFED, OPAQUE),
    ("linkerd", "2.14", "", None, 8080, {NAMESPACE_LISTED: "8080"}, OPAQUE, OPAQUE),
    (
        *("linkerd", "2.14", "", None, 8080),
        {NAMESPACE_LISTED: "8080", LISTED: "25", POD_LISTED: "25"},
        *(SNIFFED, SNIFFED),
    ),
    ("linkerd", "2.9", "", None, 8080, {LISTED: "8080"}, SNIFFED, SNIFFED),
    ("linkerd", "2.18", "", "http", 8080, {LISTED: "8080"}, "http", SNIFFED),
    ("linkerd", "2.14", "", None, 8080, {SKIPPED: "8080"}, SNIFFED, OUT),
    ("linkerd", "2.14", "", None, 8080, {SKIPPED: "9090"}, SNIFFED, SNIFFED),
    # a Server supersedes the list inbound
    ("linkerd", "2.14", "", None, 8080, {SERVER: "HTTP/1"}, SNIFFED, "http"),
    ("linkerd", "2.14", "", None, 8080, {SERVER: "gRPC"}, SNIFFED, "http2"),
    ("linkerd", "2.14", "", None, 8080, {SERVER: "opaque"}, SNIFFED, OPAQUE),
    ("linkerd", "2.14", "", None, 5432, {SERVER: "unknown"}, OPAQUE, SNIFFED),
    ("linkerd", "2.10", "", None, 8080, {SERVER: "opaque"}, SNIFFED, SNIFFED),
    # Kuma: appProtocol, else the annotation, else tcp; names mean nothing
    ("kuma", "2.9", "http-web", None, 8080, {}, OPAQUE, OPAQUE),
    ("kuma", "2.9", "", "http", 8080, {}, "http", "http"),
    ("kuma", "2.9", "", "GRPC", 8080, {}, "http2", "http2"),
    ("kuma", "2.9", "", "kafka", 8080, {}, OPAQUE, OPAQUE),
    ("kuma", "2.9", "", "kubernetes.io/h2c", 8080, {}, OPAQUE, OPAQUE),
    ("kuma", "2.9", "", "kubernetes.io/h2c", 8080, {KUMA: "http2"}, "http2", "http2"),
    ("kuma", "1.8", "", None, 8080, {KUMA: "http"}, "http", "http"),
    ("kuma", "2.9", "", "http", 8080, {KUMA: "tcp"}, "http", "http"),
    ("kuma", "2.9", "", None, 8080, {KUMA: "https"}, OPAQUE, OPAQUE),
    # Consul: ServiceDefaults, else ProxyDefaults, else tcp
    ("consul", "", "http-web", "http", 8080, {}, OPAQUE, OPAQUE),
    ("consul", "", "", None, 8080, {DEFAULTS: "http"}, "http", "http"),
    ("consul", "", "", None, 8080, {GLOBAL: "grpc"}, "http2", "http2"),
    ("consul", "", "", None, 8080, {GLOBAL: "http", DEFAULTS: "tcp"}, OPAQUE, OPAQUE),
    # Open Service Mesh: http unless told otherwise
    ("osm", "", "", None, 3306, {}, "http", "http"),
    ("osm", "", "web", None, 8080, {}, "http", "http"),
    ("osm", "", "tcp", None, 8080, {}, "http", "http"),
    ("osm", "", "tcp-db", None, 8080, {}, SNIFFED, SNIFFED),
    ("osm", "", "grpc-api", None, 8080, {}, "http2", "http2"),
    ("osm", "", "", "tcp-server-first", 3306, {}, OPAQUE, OPAQUE),
    ("osm", "", "http-web", "mysql", 3306, {}, OUT, OUT),
    # App Mesh: the VirtualNode alone
    ("app-mesh", "", "http-web", "http", 8080, {}, OUT, OUT),
    ("app-mesh", "", "", None, 8080, {NODE: "http2"}, "http2", "http2"),
    ("app-mesh", "", "http-web", None, 8080, {NODE: "tcp"}, OPAQUE, OPAQUE),
    # Cilium: nothing without a layer 7 policy
    ("cilium", "1.20", "http-web", "http", 8080, {}, OUT, OUT),
    ("cilium", "1.20", "", None, 8080, {CILIUM: "http"}, OUT, "http"),
    ("cilium", "1.19", "", None, 9092, {CILIUM: "kafka"}, OUT, OPAQUE),
    # Envoy Gateway: the kind of route, refined by appProtocol
    ("envoy-gateway", "1.9", "", "kubernetes.io/h2c", 8080, {}, OUT, OUT),
    ("envoy-gateway", "1.9", "", None, 8080, {ROUTE: "HTTPRoute"}, "http", OUT),
    ("envoy-gateway", "1.9", "", None, 8080, {ROUTE: "GRPCRoute"}, "http2", OUT),
    ("envoy-gateway", "1.9", "", None, 8080, {ROUTE: "TCPRoute"}, OPAQUE, OUT),
    ("envoy-gateway", "1.0", "", "kubernetes.io/h2c", 8080, {ROUTE: "HTTPRoute"}, "http2", OUT),
    ("envoy-gateway", "1.4", "", "grpc", 8080, {ROUTE: "HTTPRoute"}, "http", OUT),
    ("envoy-gateway", "1.5", "", "grpc", 8080, {ROUTE: "HTTPRoute"}, "http2", OUT),
    ("envoy-gateway", "1.7", "", "kubernetes.io/ws", 8080, {ROUTE: "GRPCRoute"}, "http", OUT),
    ("envoy-gateway", "1.9", "", "https", 8080, {ROUTE: "HTTPRoute"}, "http", OUT),
    ("envoy-gateway", "1.9", "", "kubernetes.io/h2c", 8080, {ROUTE: "TLSRoute"}, OPAQUE, OUT),
    # Traefik
    ("traefik", "", "https-web", None, 8080, {}, OUT, OUT),
    ("traefik", "", "", None, 8080, {INGRESS: "http"}, "http", OUT),
    ("traefik", "", "", None, 443, {INGRESS: "http"}, "tls", OUT),
    ("traefik", "", "https-web", None, 8080, {INGRESS: "http"}, "tls", OUT),
    ("traefik", "", "", None, 8080, {INGRESS: "http", TRAEFIK: "h2c"}, "http2", OUT),
    ("traefik", "", "grpc-api", "grpc", 8080, {INGRESS: "http"}, "http", OUT),
    ("traefik", "", "", "kubernetes.io/h2c", 8080, {ROUTE: "HTTPRoute"}, "http2", OUT),
    ("traefik", "", "", "grpc", 8080, {ROUTE: "GRPCRoute"}, OUT, OUT),
    ("traefik", "", "", None, 8080, {ROUTE: "GRPCRoute"}, "http2", OUT),
    # ingress-nginx: an annotation of the Ingress
    ("ingress-nginx", "", "grpc-api", "grpc", 8080, {}, OUT, OUT),
    ("ingress-nginx", "", "grpc-api", "grpc", 8080, {INGRESS: "http"}, "http", OUT),
    ("ingress-nginx", "", "", None, 8080, {INGRESS: "http", NGINX: "grpc"}, "http2", OUT),
    ("ingress-nginx", "", "", None, 8080, {INGRESS: "http", NGINX: "HTTPS"}, "tls", OUT),
    ("ingress-nginx", "", "", None, 8080, {INGRESS: "http", NGINX: "gopher"}, "http", OUT),
]


def declared(
    name: str, app_protocol: str | None, number: int, stated: dict[str, str], **more: Any
) -> ServicePort:
    found = tuple(Stated(source, value, "shop/x") for source, value in sorted(stated.items()))
    return ServicePort(
        "shop", "reviews", number, name, app_protocol=app_protocol, stated=found, **more
    )


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_declared_port(row: Row) -> None:
    mesh, version, name, app_protocol, number, stated, outbound, inbound = row
    port = declared(name, app_protocol, number, stated)
    seen = treated(load_policy(mesh).at(version), port)
    assert (seen.outbound.as_, seen.inbound.as_) == (outbound, inbound)


@pytest.mark.parametrize(
    ("mesh", "version", "port", "because"),
    [
        (
            "linkerd",
            "2.18",
            declared("", "grpc", 8080, {}),
            'appProtocol "grpc" is unknown to Linkerd 2.18',
        ),
        (
            "linkerd",
            "2.14",
            declared("", None, 3306, {}),
            (
                "nothing that it reads states a protocol and port 3306 is on the default list of "
                "ports that are passed on unread"
            ),
        ),
        (
            "linkerd",
            "2.14",
            declared("", None, 8080, {LISTED: "8080"}),
            "config.linkerd.io/opaque-ports of Service shop/x lists port 8080",
        ),
        (
            "kuma",
            "2.9",
            declared("http-web", None, 8080, {}),
            "nothing that it reads states a protocol and Kuma 2.9 reads that as tcp",
        ),
        (
            "consul",
            "",
            declared("", None, 8080, {DEFAULTS: "http"}),
            'protocol of ServiceDefaults shop/x is "http"',
        ),
        (
            "osm",
            "",
            declared("web", None, 8080, {}),
            'name "web" begins with no word that Open Service Mesh knows, so it is read as http',
        ),
        (
            "traefik",
            "",
            declared("http-web", None, 8080, {}),
            (
                "no Ingress or IngressRoute or IngressRouteTCP or Route in the declarations is "
                "about this port"
            ),
        ),
    ],
)
def test_a_treatment_says_why(mesh: str, version: str, port: ServicePort, because: str) -> None:
    assert treated(load_policy(mesh).at(version), port).outbound.because == because


def test_the_pod_knows_its_own_port_number() -> None:
    port = declared("", None, 80, {}, target_port=5432)
    seen = treated(load_policy("linkerd").at("2.14"), port)
    assert (seen.outbound.as_, seen.inbound.as_) == (SNIFFED, OPAQUE)


def test_app_protocol_of_a_headless_service_is_not_seen_by_linkerd() -> None:
    port = declared("", "linkerd.io/opaque", 8080, {}, headless=True)
    assert treated(load_policy("linkerd").at("2.18"), port).outbound.as_ == SNIFFED


def test_linkerd_waits_ten_seconds_for_a_silent_client() -> None:
    seen = treated(load_policy("linkerd").at("2.14"), declared("", None, 8080, {}))
    assert [seen.of(d).detection_timeout_ms for d in Direction] == [10_000, 10_000]
    assert seen.settled("http/1.0") == ("http", "http")
    assert seen.settled("grpc") == ("http2", "http2")


def test_linkerds_timeout_can_be_set() -> None:
    policy = load_policy("linkerd").at("2.14", {"detection-timeout": "0s"})
    assert treated(policy, declared("", None, 8080, {})).outbound.detection_timeout_ms == 0


def test_kumas_mesh_services_do_not_read_the_annotation() -> None:
    policy = load_policy("kuma").at("2.9", {"mesh-services": "exclusive"})
    assert treated(policy, declared("", None, 8080, {KUMA: "http"})).outbound.as_ == OPAQUE
    with pytest.raises(PolicyError, match="no MeshService mode"):
        load_policy("kuma").at("2.8", {"mesh-services": "exclusive"})
    with pytest.raises(PolicyError, match='cannot be "some"'):
        load_policy("kuma").at("2.9", {"mesh-services": "some"})


# --- ambient ------------------------------------------------------------------------------------

AMBIENT = {"Namespace istio.io/dataplane-mode": "ambient"}


@pytest.mark.parametrize(
    ("stated", "cause"),
    [
        ({}, Cause.EXPLICIT),
        (AMBIENT, Cause.LAYER_4),
        (AMBIENT | {"Pod istio.io/dataplane-mode": "none"}, Cause.EXPLICIT),
        (AMBIENT | {"Namespace istio.io/use-waypoint": "waypoint"}, Cause.EXPLICIT),
        (AMBIENT | {"Service istio.io/use-waypoint": "waypoint"}, Cause.EXPLICIT),
        (
            AMBIENT
            | {"Namespace istio.io/use-waypoint": "w", "Service istio.io/use-waypoint": "none"},
            Cause.LAYER_4,
        ),
    ],
)
def test_ambient_is_layer_4_without_a_waypoint(stated: dict[str, str], cause: Cause) -> None:
    seen = treated(load_policy("istio").at("1.24"), declared("http-web", None, 8080, stated))
    assert seen.cause is cause
    assert seen.outbound.as_ == (OPAQUE if cause is Cause.LAYER_4 else "http")


def test_before_1_18_there_is_no_ambient() -> None:
    seen = treated(load_policy("istio").at("1.17"), declared("http-web", None, 8080, AMBIENT))
    assert seen.cause is Cause.EXPLICIT


# --- advice -------------------------------------------------------------------------------------

WANTED = {
    "http": {"http"},
    "websocket": {"http"},
    "grpc-web": {"http", "http2"},
    "http2": {"http2"},
    "grpc": {"http2"},
    "mysql": {OPAQUE, SNIFFED},
    "kafka": {OPAQUE, SNIFFED},
}
READS_APP_PROTOCOL = [
    (mesh, version)
    for mesh in MESHES
    for version in load_policy(mesh).versions or ("",)
    if load_policy(mesh).at(version).honours_app_protocol
]


@pytest.mark.parametrize(("mesh", "version"), READS_APP_PROTOCOL)
@pytest.mark.parametrize("protocol", WANTED)
def test_a_suggested_app_protocol_is_read_as_the_protocol_it_is_suggested_for(
    mesh: str, version: str, protocol: str
) -> None:
    policy = load_policy(mesh).at(version)
    behind = {ROUTE: "HTTPRoute"} if "Route kind" in policy.facts.only_where else {}
    suggested = treated(policy, declared("", None, 8080, behind)).app_protocol_for(protocol)
    if not suggested or (mesh == "traefik" and "/" not in suggested):
        return  # declared elsewhere than in appProtocol
    seen = treated(policy, declared("", suggested, 8080, behind))
    assert seen.outbound.as_ in WANTED[protocol]


# --- laws ---------------------------------------------------------------------------------------

SOURCES = (LISTED, POD_LISTED, SERVER, KUMA, DEFAULTS, NODE, CILIUM, INGRESS, NGINX, TRAEFIK, ROUTE)


@given(
    st.sampled_from(MESHES),
    st.data(),
    st.text(max_size=12),
    st.dictionaries(st.sampled_from(SOURCES), st.text(max_size=12)),
    st.sampled_from(Transport),
)
def test_any_declaration_has_a_treatment_and_a_reason(
    mesh: str, data: st.DataObject, name: str, stated: dict[str, str], transport: Transport
) -> None:
    policy = load_policy(mesh)
    version = data.draw(st.sampled_from(policy.versions or ("",)))
    app_protocol = data.draw(st.none() | st.text(max_size=12))
    port = declared(name, app_protocol, 8080, stated, transport=transport)
    seen = treated(policy.at(version), port)
    assert seen.outbound.because
    assert seen.inbound.because
    assert SNIFFED not in seen.settled("http")


def test_a_mesh_without_versions_takes_any_and_says_that_it_does_not_matter() -> None:
    policy = load_policy("consul").at("1.16")
    assert (policy.version, policy.note) == ("", "Consul is judged the same at every version")
