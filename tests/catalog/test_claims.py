"""What objects other than the Service state about its ports, and about which of them."""

from __future__ import annotations

from typing import Any

import pytest

from sniffdiag.catalog.services import Catalog, Trace
from tests.catalog.test_manifests import catalog, pod, service

REVIEWS = {"selector": {"app": "reviews"}}
WEB = {"name": "http-web", "port": 80, "targetPort": 9080}
NAMED = {"name": "http-web", "port": 80, "targetPort": "web"}
OPAQUE_PORTS = "config.linkerd.io/opaque-ports"


def custom(group: str, kind: str, name: str, spec: dict[str, Any], **metadata: Any) -> Any:
    return {
        "apiVersion": f"{group}/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "shop"} | metadata,
        "spec": spec,
    }


def stated(found: Catalog, at: int = 0) -> dict[str, str]:
    return {each.source: each.value for each in found.ports[at].stated}


def server(port: int | str, **labels: str) -> Any:
    spec = {"podSelector": {"matchLabels": labels}, "port": port, "proxyProtocol": "HTTP/2"}
    return custom("policy.linkerd.io", "Server", "reviews", spec)


def node(port: int, **labels: str) -> Any:
    listener = {"portMapping": {"port": port, "protocol": "grpc"}}
    spec = {"podSelector": {"matchLabels": labels}, "listeners": [listener]}
    return custom("appmesh.k8s.aws", "VirtualNode", "reviews", spec)


def cilium(port: str, **labels: str) -> Any:
    rule = {"ports": [{"port": port, "protocol": "TCP"}], "rules": {"http": [{"method": "GET"}]}}
    spec = {"endpointSelector": {"matchLabels": labels}, "ingress": [{"toPorts": [rule]}]}
    return custom("cilium.io", "CiliumNetworkPolicy", "l7", spec)


def ingress(**port: Any) -> Any:
    backend = {"service": {"name": "reviews", "port": port}}
    spec = {"rules": [{"http": {"paths": [{"path": "/", "backend": backend}]}}]}
    annotations = {"nginx.ingress.kubernetes.io/backend-protocol": "GRPC"}
    return custom("networking.k8s.io", "Ingress", "web", spec, annotations=annotations)


def route(kind: str, port: int) -> Any:
    rules = [{"backendRefs": [{"name": "reviews", "port": port}]}]
    return custom("gateway.networking.k8s.io", kind, "api", {"rules": rules})


def ingress_route(port: int | str) -> Any:
    services = [{"name": "reviews", "port": port, "scheme": "h2c"}]
    return custom("traefik.io", "IngressRoute", "web", {"routes": [{"services": services}]})


@pytest.mark.parametrize(
    ("claiming", "expected"),
    [
        (server(9080, app="reviews"), {"Server proxyProtocol": "HTTP/2"}),
        (server("web", app="reviews"), {"Server proxyProtocol": "HTTP/2"}),
        (server(9080), {"Server proxyProtocol": "HTTP/2"}),
        (server(9080, app="reviews", version="v2"), {"Server proxyProtocol": "HTTP/2"}),
        (server(80, app="reviews"), {}),
        (server(9080, app="ratings"), {}),
        (
            custom("consul.hashicorp.com", "ServiceDefaults", "reviews", {"protocol": "http"}),
            {"ServiceDefaults protocol": "http"},
        ),
        (
            custom("consul.hashicorp.com", "ServiceDefaults", "ratings", {"protocol": "http"}),
            {},
        ),
        (
            custom(
                "consul.hashicorp.com", "ProxyDefaults", "global", {"config": {"protocol": "grpc"}}
            ),
            {"ProxyDefaults protocol": "grpc"},
        ),
        (node(9080, app="reviews"), {"VirtualNode protocol": "grpc"}),
        (node(9081, app="reviews"), {}),
        (node(9080), {}),
        (cilium("9080", **{"k8s:app": "reviews"}), {"CiliumNetworkPolicy rules": "http"}),
        (cilium("9080", app="ratings"), {}),
        (cilium("80", app="reviews"), {}),
        (
            ingress(number=80),
            {
                "Ingress backend": "http",
                "Ingress nginx.ingress.kubernetes.io/backend-protocol": "GRPC",
            },
        ),
        (ingress(number=81), {}),
        (route("GRPCRoute", 80), {"Route kind": "GRPCRoute"}),
        (route("HTTPRoute", 9080), {}),
        (
            ingress_route("http-web"),
            {"IngressRoute service": "http", "IngressRoute scheme": "h2c"},
        ),
        (
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {
                    "name": "shop",
                    "labels": {"istio.io/dataplane-mode": "ambient", "team": "a"},
                    "annotations": {OPAQUE_PORTS: "9080"},
                },
            },
            {
                "Namespace istio.io/dataplane-mode": "ambient",
                f"Namespace {OPAQUE_PORTS}": "9080",
            },
        ),
        (
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": "x", "labels": {"a": "b"}},
            },
            {},
        ),
    ],
)
def test_an_object_is_about_the_ports_that_it_means(claiming: Any, expected: Any) -> None:
    web = pod("a", "10.1.0.1", {"name": "app", "ports": [{"name": "web", "containerPort": 9080}]})
    assert stated(catalog(service("reviews", WEB, **REVIEWS), web, claiming)) == expected
    assert stated(catalog(claiming, service("reviews", NAMED, **REVIEWS), web)) == expected


def test_a_service_speaks_for_itself() -> None:
    annotations = {"80.service.kuma.io/protocol": "http", "unrelated": "x"}
    found = catalog(service("reviews", WEB, metadata={"annotations": annotations}))
    (said,) = found.ports[0].stated
    kuma = ("Service 80.service.kuma.io/protocol", "http", "shop/reviews")
    assert (said.source, said.value, said.of) == kuma


def test_pods_behind_a_service_speak_for_its_ports() -> None:
    annotated = {"metadata": {"annotations": {OPAQUE_PORTS: "9080"}, "labels": {"app": "reviews"}}}
    others = {"metadata": {"annotations": {OPAQUE_PORTS: "1"}, "labels": {"app": "ratings"}}}
    found = catalog(
        service("reviews", WEB, **REVIEWS),
        pod("a", "10.1.0.1", **annotated),
        pod("b", "10.1.0.2", **annotated),
        pod("c", "10.1.0.3", **others),
    )
    (said,) = found.ports[0].stated
    assert (said.source, said.value, said.of) == (f"Pod {OPAQUE_PORTS}", "9080", "shop/a")


def test_a_service_without_a_selector_has_no_pods_to_speak_for_it() -> None:
    found = catalog(service("reviews", WEB), server(9080, app="reviews"))
    assert found.ports[0].stated == ()


def test_what_a_mesh_is_known_by_is_counted() -> None:
    proxied = pod("a", "10.1.0.1", {"name": "linkerd-proxy", "image": "l5d/proxy:stable-2.14.0"})
    proxied["metadata"]["labels"]["linkerd.io/control-plane-ns"] = "linkerd"
    found = catalog(proxied, server(9080), pod("b", "10.1.0.2", {"name": "app"}))
    assert found.traces == (
        Trace("container", "linkerd-proxy l5d/proxy:stable-2.14.0", 1),
        Trace("group", "policy.linkerd.io", 1),
        Trace("label", "linkerd.io/control-plane-ns", 1),
    )


@pytest.mark.parametrize(
    "spec", [None, [], {"podSelector": 1, "port": []}, {"listeners": [1]}, {"rules": {"a": 1}}]
)
@pytest.mark.parametrize(
    ("group", "kind"),
    [
        ("policy.linkerd.io", "Server"),
        ("appmesh.k8s.aws", "VirtualNode"),
        ("cilium.io", "CiliumNetworkPolicy"),
        ("networking.k8s.io", "Ingress"),
        ("traefik.io", "IngressRoute"),
        ("gateway.networking.k8s.io", "HTTPRoute"),
        ("consul.hashicorp.com", "ProxyDefaults"),
    ],
)
def test_a_malformed_object_is_a_problem_line_and_no_exception(
    group: str, kind: str, spec: Any
) -> None:
    found = catalog(service("reviews", WEB, **REVIEWS), custom(group, kind, "x", spec))
    assert len(found.ports) == 1


def test_a_kind_of_the_same_name_in_another_group_claims_nothing() -> None:
    other = custom("gateway.example.com", "HTTPRoute", "x", {"rules": []})
    assert dict(catalog(other).summary.ignored_kinds) == {"HTTPRoute": 1}
