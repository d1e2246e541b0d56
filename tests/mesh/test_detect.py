"""What `--mesh auto` makes of the declarations."""

from __future__ import annotations

import pytest

from sniffdiag.catalog.services import Trace
from sniffdiag.errors import PolicyError
from sniffdiag.mesh.detect import detected_mesh, gateways_shown, versions_shown

ISTIO = Trace("container", "istio-proxy docker.io/istio/proxyv2:1.20.3", 12)
LINKERD = Trace("container", "linkerd-proxy cr.l5d.io/linkerd/proxy:stable-2.14.10", 3)


@pytest.mark.parametrize(
    ("trace", "mesh"),
    [
        (ISTIO, "istio"),
        (LINKERD, "linkerd"),
        (Trace("container", "kuma-sidecar kumahq/kuma-dp:2.9.1", 1), "kuma"),
        (Trace("container", "consul-dataplane hashicorp/consul-dataplane:1.5.0", 1), "consul"),
        (Trace("label", "osm-proxy-uuid", 4), "osm"),
        (Trace("annotation", "linkerd.io/inject", 1), "linkerd"),
        (Trace("label", "istio-injection", 1), "istio"),
        (Trace("group", "appmesh.k8s.aws", 2), "app-mesh"),
    ],
)
def test_one_trace_is_enough(trace: Trace, mesh: str) -> None:
    assert detected_mesh([trace], 5).mesh == mesh


def test_a_running_proxy_tells_more_than_an_installed_api() -> None:
    found = detected_mesh([Trace("group", "networking.istio.io", 40), LINKERD], 5)
    assert (found.mesh, found.because) == ("linkerd", "3 container(s) named linkerd-proxy")


def test_several_meshes_are_left_to_the_user() -> None:
    with pytest.raises(PolicyError, match="several meshes") as caught:
        detected_mesh([ISTIO, LINKERD], 5)
    assert "--mesh istio" in caught.value.hint


def test_pods_without_a_proxy_are_no_mesh() -> None:
    assert detected_mesh([], 5).mesh == "none"
    assert detected_mesh([Trace("container", "envoy envoyproxy/envoy:v1.30", 1)], 5).mesh == "none"


def test_services_alone_do_not_tell() -> None:
    with pytest.raises(PolicyError) as caught:
        detected_mesh([], 0)
    assert "kubectl get pods" in caught.value.hint


def test_gateways_stand_beside_a_mesh() -> None:
    traces = [ISTIO, Trace("group", "traefik.io", 2), Trace("group", "cilium.io", 1)]
    assert detected_mesh(traces, 5).mesh == "istio"
    assert gateways_shown(traces) == ("cilium", "traefik")


@pytest.mark.parametrize(
    ("image", "versions"),
    [
        ("cr.l5d.io/linkerd/proxy:stable-2.14.10", ("2.14.10",)),
        ("ghcr.io/linkerd/proxy:edge-25.3.3", ("2.18",)),
        ("reg:5000/linkerd/proxy", ()),
        ("reg:5000/linkerd/proxy@sha256:" + "12" * 32, ()),
        ("linkerd/proxy:v2.210.0-main", ("2.210.0",)),
    ],
)
def test_versions_are_read_from_image_tags(image: str, versions: tuple[str, ...]) -> None:
    assert versions_shown("linkerd", [Trace("container", f"linkerd-proxy {image}", 1)]) == versions


def test_an_image_of_another_container_tells_no_version() -> None:
    assert versions_shown("linkerd", [ISTIO]) == ()
