"""From what kubectl prints to which address leads to which declared port."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sniffdiag.catalog.manifests import load
from sniffdiag.catalog.services import Catalog, Via
from sniffdiag.errors import CatalogError
from sniffdiag.mesh.detect import versions_shown
from sniffdiag.model import Transport

TCP, UDP = Transport.TCP, Transport.UDP


def service(name: str = "reviews", *ports: dict[str, Any], **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "shop"} | spec.pop("metadata", {})
    status = spec.pop("status", {})
    found = list(ports) or [{"name": "http-web", "port": 80, "targetPort": 9080}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"ports": found, **spec},
        "status": status,
    }


def pod(name: str, ip: str, *containers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": "reviews"}}
        | more.pop("metadata", {}),
        "spec": {"containers": list(containers), **more.pop("spec", {})},
        "status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}]}
        | more.pop("status", {}),
    }


def endpoint_slice(service_name: str, *addresses: str, **port: Any) -> dict[str, Any]:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": service_name + "-abc",
            "namespace": "shop",
            "labels": {"kubernetes.io/service-name": service_name},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [a]} for a in addresses] or None,
        "ports": [{"name": "http-web", "port": 9080, "protocol": "TCP"} | port],
    }


def endpoints(service_name: str, *addresses: str, **port: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": service_name, "namespace": "shop"},
        "subsets": [
            {
                "addresses": [{"ip": a} for a in addresses[:1]],
                "notReadyAddresses": [{"ip": a} for a in addresses[1:]],
                "ports": [{"name": "http-web", "port": 9080} | port],
            }
        ],
    }


def catalog(*objects: object) -> Catalog:
    listed = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    return load(["-"], stdin=io.BytesIO(json.dumps(listed).encode()))


def ways(found: Catalog, address: str, port: int, transport: Transport = TCP) -> list[str]:
    return [
        f"{m.service_port.service}:{m.service_port.port} {m.via.name}"
        for m in found.matches(address, port, transport)
    ]


# --- addresses ----------------------------------------------------------------------------------


def test_cluster_ips_of_both_families_lead_to_the_port() -> None:
    found = catalog(service(clusterIP="10.0.0.5", clusterIPs=["10.0.0.5", "FD00:0::5"]))
    assert ways(found, "10.0.0.5", 80) == ["reviews:80 CLUSTER_IP"]
    assert ways(found, "fd00::5", 80) == ["reviews:80 CLUSTER_IP"]
    assert ways(found, "10.0.0.5", 9080) == []


def test_external_and_load_balancer_addresses_lead_to_the_port() -> None:
    status = {"loadBalancer": {"ingress": [{"ip": "203.0.113.9"}, {"hostname": "lb.example"}]}}
    found = catalog(service(externalIPs=["198.51.100.7"], status=status))
    assert ways(found, "203.0.113.9", 80) == ["reviews:80 EXTERNAL"]
    assert ways(found, "198.51.100.7", 80) == ["reviews:80 EXTERNAL"]


NODE_PORT = {"name": "http", "port": 80, "nodePort": 30080}


def test_a_node_port_is_open_on_every_node_and_nowhere_else() -> None:
    node = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "n1"},
        "status": {"addresses": [{"type": "InternalIP", "address": "192.168.0.1"}]},
    }
    found = catalog(service("reviews", NODE_PORT), node)
    assert ways(found, "192.168.0.1", 30080) == ["reviews:80 NODE_PORT"]
    assert ways(found, "192.168.0.2", 30080) == []


def test_without_nodes_a_node_port_is_open_on_any_address() -> None:
    assert ways(catalog(service("reviews", NODE_PORT)), "192.168.0.2", 30080) == [
        "reviews:80 NODE_PORT"
    ]


def test_endpoint_slices_resolve_a_named_target_port() -> None:
    port = {"name": "http-web", "port": 80, "targetPort": "web"}
    found = catalog(service("reviews", port), endpoint_slice("reviews", "10.1.0.7", port=9081))
    assert ways(found, "10.1.0.7", 9081) == ["reviews:80 POD"]


def test_endpoint_slices_come_before_endpoints_and_these_before_the_selector() -> None:
    selecting = service(selector={"app": "reviews"})
    from_pods = pod("r-1", "10.1.0.3")
    from_endpoints = endpoints("reviews", "10.1.0.2", "10.1.0.22")
    from_slices = endpoint_slice("reviews", "10.1.0.1")
    everything = catalog(selecting, from_pods, from_endpoints, from_slices)
    assert ways(everything, "10.1.0.1", 9080) == ["reviews:80 POD"]
    assert ways(everything, "10.1.0.2", 9080) == []
    no_slices = catalog(selecting, from_pods, from_endpoints)
    assert ways(no_slices, "10.1.0.2", 9080) == ["reviews:80 POD"]
    assert ways(no_slices, "10.1.0.22", 9080) == ["reviews:80 POD"], "not ready, still has traffic"
    assert ways(no_slices, "10.1.0.3", 9080) == []
    only_pods = catalog(selecting, from_pods)
    assert ways(only_pods, "10.1.0.3", 9080) == ["reviews:80 POD"]


def test_slices_without_addresses_do_not_hide_the_pods() -> None:
    found = catalog(
        service(selector={"app": "reviews"}), endpoint_slice("reviews"), pod("r-1", "10.1.0.3")
    )
    assert ways(found, "10.1.0.3", 9080) == ["reviews:80 POD"]


def test_slices_printed_before_a_port_was_renamed_still_lead_to_it() -> None:
    renamed = {"name": "tcp-9080-80", "port": 80, "targetPort": 9080}
    found = catalog(service("reviews", renamed), endpoint_slice("reviews", "10.1.0.7"))
    assert ways(found, "10.1.0.7", 9080) == ["reviews:80 POD"]


def test_the_selector_takes_pods_with_all_its_labels_in_its_namespace() -> None:
    found = catalog(
        service(selector={"app": "reviews", "version": "v1"}),
        pod("both", "10.1.0.1", metadata={"labels": {"app": "reviews", "version": "v1"}}),
        pod("one", "10.1.0.2"),
        pod("other", "10.1.0.5", metadata={"labels": {"app": "x", "version": "v1"}}),
        pod("elsewhere", "10.1.0.3", metadata={"namespace": "x"}),
        pod("done", "10.1.0.4", status={"phase": "Succeeded"}),
    )
    assert [a for a, *_ in found.by_address] == ["10.1.0.1"]


def test_a_named_target_port_is_looked_up_in_each_pod() -> None:
    port = {"name": "http-web", "port": 80, "targetPort": "web"}
    found = catalog(
        service("reviews", port, selector={"app": "reviews"}),
        pod("old", "10.1.0.1", {"name": "app", "ports": [{"name": "web", "containerPort": 8080}]}),
        pod("new", "10.1.0.2", {"name": "app", "ports": [{"name": "web", "containerPort": 9090}]}),
        pod("udp", "10.1.0.3", {"ports": [{"name": "web", "containerPort": 1, "protocol": "UDP"}]}),
        pod(
            "sidecar",
            "10.1.0.4",
            spec={
                "initContainers": [
                    {"restartPolicy": "Always", "ports": [{"name": "web", "containerPort": 7070}]}
                ]
            },
        ),
    )
    assert ways(found, "10.1.0.1", 8080) == ["reviews:80 POD"]
    assert ways(found, "10.1.0.2", 9090) == ["reviews:80 POD"]
    assert ways(found, "10.1.0.3", 1, UDP) == []
    assert ways(found, "10.1.0.4", 7070) == ["reviews:80 POD"], "native sidecar"


def test_a_headless_service_is_reached_under_port_and_target_port() -> None:
    found = catalog(service(clusterIP="None"), endpoint_slice("reviews", "10.1.0.7"))
    assert ways(found, "10.1.0.7", 80) == ["reviews:80 POD"]
    assert ways(found, "10.1.0.7", 9080) == ["reviews:80 POD"]
    assert found.ports[0].headless


def test_an_external_name_has_no_address_but_a_host_name() -> None:
    found = catalog(service(type="ExternalName", externalName="example.com"))
    assert found.by_address == {}
    assert found.ports[0].external_name
    assert found.by_host["reviews.shop", 80] is found.ports[0]


def test_a_host_network_pod_is_reached_on_the_node() -> None:
    node_agent = pod("agent", "192.168.0.1", spec={"hostNetwork": True})
    found = catalog(service(selector={"app": "reviews"}), node_agent)
    assert ways(found, "192.168.0.1", 9080) == ["reviews:80 HOST"]
    assert found.pods == {}, "the address is the node's"


def test_a_host_port_is_reached_on_the_node() -> None:
    container = {"name": "app", "ports": [{"containerPort": 9080, "hostPort": 8000}]}
    found = catalog(
        service(selector={"app": "reviews"}),
        pod("r-1", "10.1.0.7", container, status={"hostIP": "192.168.0.1"}),
    )
    assert ways(found, "192.168.0.1", 8000) == ["reviews:80 HOST"]


def test_tcp_and_udp_on_one_number_are_two_ports() -> None:
    dns = [{"name": "dns", "port": 53, "protocol": p} for p in ("UDP", "TCP")]
    found = catalog(service("dns", *dns, clusterIP="10.0.0.10"))
    assert [p.transport for p in found.ports] == [TCP, UDP]
    matched = found.matches("10.0.0.10", 53, UDP)
    assert [m.service_port.transport for m in matched] == [UDP]


def test_all_services_on_one_pod_port_are_returned() -> None:
    found = catalog(
        service("reviews"),
        service("canary"),
        endpoint_slice("reviews", "10.1.0.7"),
        endpoint_slice("canary", "10.1.0.7"),
    )
    assert ways(found, "10.1.0.7", 9080) == ["canary:80 POD", "reviews:80 POD"]


def test_on_loopback_the_target_port_alone_speaks() -> None:
    found = catalog(service(), endpoint_slice("reviews", "10.1.0.7"))
    assert ways(found, "127.0.0.1", 9080) == ["reviews:80 LOOPBACK"]
    assert ways(found, "::1", 9080) == ["reviews:80 LOOPBACK"]


def test_with_nothing_but_a_service_its_port_numbers_have_to_do() -> None:
    found = catalog(service())
    assert ways(found, "10.1.0.7", 9080) == ["reviews:80 PORT_ALONE"]
    assert ways(found, "10.0.0.5", 80) == ["reviews:80 PORT_ALONE"]
    assert ways(found, "93.184.216.34", 80) == [], "the Internet has ports 80 too"


def test_a_port_number_that_two_services_share_says_nothing() -> None:
    assert ways(catalog(service("a"), service("b")), "10.1.0.7", 9080) == []


def test_where_endpoints_are_known_a_port_number_alone_says_nothing() -> None:
    found = catalog(service(), endpoint_slice("reviews", "10.1.0.7"))
    assert ways(found, "10.1.0.8", 9080) == []


# --- what else is read --------------------------------------------------------------------------


def test_pods_tell_who_is_in_the_mesh_and_at_which_version() -> None:
    proxy = {"name": "istio-proxy", "image": "docker.io/istio/proxyv2:1.20.3-distroless"}
    pinned = {"name": "istio-proxy", "image": "reg:5000/proxyv2:v1.19.0@sha256:" + "a" * 64}
    unknown = {"name": "istio-proxy", "image": "reg:5000/proxyv2@sha256:" + "12" * 32}
    native = {**proxy, "restartPolicy": "Always"}
    found = catalog(
        pod("a", "10.1.0.1", proxy),
        pod("b", "10.1.0.2", pinned),
        pod("c", "10.1.0.3", unknown),
        pod("d", "10.1.0.4", spec={"initContainers": [native]}),
        pod("e", "10.1.0.5", {"name": "linkerd-proxy", "image": "proxy:2.14.0"}),
        pod("f", "10.1.0.6", {"name": "app", "image": "app:1.2.3"}),
    )
    assert versions_shown("istio", found.traces) == ("1.19.0", "1.20.3")
    assert versions_shown("linkerd", found.traces) == ("2.14.0",)
    assert found.meshed_pods == {f"10.1.0.{n}" for n in range(1, 6)}
    assert found.pods["10.1.0.6"] == ("shop", "f")


def test_excluded_inbound_ports_are_read_from_the_pod() -> None:
    annotations = {"traffic.sidecar.istio.io/excludeInboundPorts": "8080, 9090,x"}
    found = catalog(pod("a", "10.1.0.1", metadata={"annotations": annotations}))
    assert found.excluded_inbound == {"10.1.0.1": {8080, 9090}}


def test_an_empty_app_protocol_is_kept_apart_from_none() -> None:
    found = catalog(service("a", {"port": 1, "appProtocol": ""}, {"port": 2}))
    assert [p.app_protocol for p in found.ports] == ["", None]


def test_a_service_of_knative_is_no_service_of_kubernetes() -> None:
    knative = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "x"}}
    found = catalog(knative, {"apiVersion": "v1", "kind": "ConfigMap"})
    assert found.summary.ignored_kinds == (("ConfigMap", 1), ("Service", 1))
    assert found.summary.problems == ()


# --- contradictions -----------------------------------------------------------------------------


def named(service_name: str, created: str = "2020-01-01T00:00:00Z", **port: Any) -> dict[str, Any]:
    declared = {"port": 80, "targetPort": 9080, **port}
    return service(
        service_name, declared, metadata={"creationTimestamp": created}, selector={"app": "x"}
    )


def contradictions(*objects: object) -> list[list[str]]:
    return [[p.service for p in claims] for claims in catalog(*objects).contradictions()]


def test_services_on_one_pod_port_with_other_words_contradict_each_other_oldest_first() -> None:
    assert contradictions(
        named("new", "2024-01-01T00:00:00Z", name="http-web"),
        named("old", name="tcp-web"),
        endpoint_slice("new", "10.1.0.7", "10.1.0.8", name="http-web"),
        endpoint_slice("old", "10.1.0.7", "10.1.0.8", name="tcp-web"),
    ) == [["old", "new"]]


def test_services_on_one_pod_port_with_one_word_agree() -> None:
    assert not contradictions(
        named("a", name="http-a"),
        named("b", name="http-b"),
        endpoint_slice("a", "10.1.0.7", name="http-a"),
        endpoint_slice("b", "10.1.0.7", name="http-b"),
    )


def test_without_pods_one_selector_and_one_target_port_tell_the_same() -> None:
    assert contradictions(named("a", name="http"), named("b", name="tcp")) == [["a", "b"]]
    assert not contradictions(named("a", name="http"), named("b", name="tcp", targetPort=1))


def test_app_protocol_contradicts_a_name_of_another_service() -> None:
    assert contradictions(named("a", name="http"), named("b", name="http", appProtocol="grpc"))


# --- files --------------------------------------------------------------------------------------

YAML = """\
# a comment
---
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop, creationTimestamp: 2024-01-01T00:00:00Z}
spec:
  clusterIP: 10.0.0.5
  ports: [{name: http, port: 80}]
---
kind: Service
metadata: {name: broken
---
kind: Service
metadata: {name: later}
spec: {ports: [{name: tcp, port: 90}]}
"""


def test_a_malformed_yaml_document_is_named_and_the_rest_is_used(tmp_path: Path) -> None:
    path = tmp_path / "services.yaml"
    path.write_text(YAML)
    found = load([str(path)])
    assert [p.full_name for p in found.ports] == ["default/later", "shop/reviews"]
    assert found.ports[1].created_ns == 1_704_067_200 * 10**9
    assert found.ports[1].origin == f"{path}:3"
    (problem,) = found.summary.problems
    assert problem.startswith(f"{path}:11: document 2 is not usable YAML: ")


@pytest.mark.parametrize("border", ["---\n", "--- \n", "---\r\n", "...\n---\n", "--- # next\n"])
def test_documents_are_told_apart_at_any_kind_of_border(border: str) -> None:
    one = "kind: Service\nmetadata: {name: a%d}\nspec: {ports: [{port: 1}]}\n"
    text = border.join(one % n for n in range(3))
    found = load(["-"], stdin=io.BytesIO(text.encode()))
    assert [p.service for p in found.ports] == ["a0", "a1", "a2"]
    assert found.summary.documents == 3


def test_dashes_inside_a_block_scalar_are_no_border() -> None:
    text = "kind: ConfigMap\ndata:\n  x: |\n    ---\n    y\n"
    assert load(["-"], stdin=io.BytesIO(text.encode())).summary.documents == 1


def test_a_directory_is_walked_and_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.yml").write_text(
        "kind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 1}]}"
    )
    (tmp_path / "b.json").write_text(json.dumps(service("b")))
    (tmp_path / "README.md").write_text("{")
    found = load([str(tmp_path)])
    assert [p.service for p in found.ports] == ["a", "b"]
    assert found.summary.problems == ()


def test_typed_lists_of_the_api_server_have_items_without_a_kind() -> None:
    item = service()
    del item["kind"], item["apiVersion"]
    listed = {"kind": "ServiceList", "apiVersion": "v1", "items": [item]}
    found = load(["-"], stdin=io.BytesIO(json.dumps(listed).encode()))
    assert [p.service for p in found.ports] == ["reviews"]


def test_json_values_may_follow_each_other() -> None:
    text = json.dumps(service("a"), indent=1) + "\n" + json.dumps(service("b"))
    found = load(["-"], stdin=io.BytesIO(text.encode()))
    assert [p.service for p in found.ports] == ["a", "b"]


def test_a_file_that_powershell_wrote_is_read() -> None:
    found = load(["-"], stdin=io.BytesIO(json.dumps(service("a")).encode("utf-16")))
    assert [p.service for p in found.ports] == ["a"]


def test_json_that_breaks_off_is_named_with_its_line() -> None:
    text = json.dumps(service("a"), indent=1)[:-30]
    found = load(["-"], stdin=io.BytesIO(text.encode()))
    (problem,) = found.summary.problems
    assert problem.startswith("standard input:")
    assert "not valid JSON" in problem


def test_one_file_of_two_may_be_missing_but_not_both(tmp_path: Path) -> None:
    there, missing = tmp_path / "a.json", str(tmp_path / "missing.yaml")
    there.write_text(json.dumps(service()))
    found = load([str(there), missing])
    assert found.summary.problems == (f"{missing}: cannot be read: No such file or directory",)
    with pytest.raises(CatalogError) as caught:
        load([missing])
    assert "kubectl get" in caught.value.hint


def test_a_directory_without_manifests_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="a directory without"):
        load([str(tmp_path)])


def test_one_line_declarations_stand_beside_manifests() -> None:
    text = "shop/a:80:8080/http=10.0.0.9"
    listed = io.BytesIO(json.dumps(service("b")).encode())
    found = load(["-"], declarations=[text], stdin=listed)
    assert [p.service for p in found.ports] == ["a", "b"]
    assert ways(found, "10.0.0.9", 80) == ["a:80 CLUSTER_IP"]
    assert ways(found, "10.0.0.9", 8080) == ["a:80 POD"]


def test_nothing_declared_is_an_empty_catalog() -> None:
    assert load([]).ports == []


# --- hostile files ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([[]], "not a Kubernetes object"),
        ("text", "not a Kubernetes object"),
        ({"metadata": {}}, "no kind"),
        ({"kind": ["Service"]}, "kind is a list, not text"),
        ({"kind": "Service"}, "without metadata.name"),
        ({"kind": "Service", "metadata": {"name": 5}}, "metadata.name is a number, not text"),
        (service() | {"spec": None}, "has no spec"),
        (service() | {"spec": {"ports": "x"}}, "spec.ports is text, not a list"),
        (service("a", {"port": "80"}), "spec.ports[0].port is text, not a number"),
        (service("a", {"port": 99_999}), "spec.ports[0].port must be 1 to 65535"),
        (service("a", {"port": True}), "spec.ports[0].port is true or false, not a number"),
        (service("a", {}), "a port without a number"),
        (service("a", {"port": 1, "name": {}}), "spec.ports[0].name is a mapping, not text"),
        (service("a", {"port": 1, "protocol": "HTTP"}), 'protocol "HTTP" is none of TCP'),
        (service("a", {"port": 1}, {"port": 1}), "port 1 declared twice"),
        (service(clusterIP="10.0.0"), '"10.0.0" is not an IP address'),
        (service(metadata={"creationTimestamp": "soon"}), "is no time"),
        ({"kind": "List", "items": [1]}, "items[0] is a number, not a mapping"),
    ],
)
def test_a_wrong_field_is_a_line_that_names_it(value: object, says: str) -> None:
    found = load(["-"], stdin=io.BytesIO(json.dumps([value, service("good")]).encode()))
    assert any(says in problem for problem in found.summary.problems), found.summary.problems
    assert all("\n" not in problem for problem in found.summary.problems)
    assert "good" in [p.service for p in found.ports]


def test_a_wrong_port_does_not_take_its_neighbours_along() -> None:
    found = catalog(service("a", {"port": "80"}, {"port": 81}))
    assert [p.port for p in found.ports] == [81]
    (problem,) = found.summary.problems
    assert problem == (
        "standard input:1 items[0] Service shop/a: "
        "spec.ports[0].port is text, not a number (write it without quotes)"
    )


BOMBS = {
    "billion laughs": "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)),
    "merge keys": "a0: &a0 {k0: v}\n"
    + "".join(f"a{n}: &a{n} {{<<: [{','.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 12)),
    "itself": "kind: List\nitems: &a [*a]\n",
    "a list of itself": "&a\nkind: List\nitems: [*a, *a]\n",
    "depth": "[" * 5000,
    "deep mapping": "x: " + "{a: " * 5000,
    "a date that is none": "a: 2020-13-45\nb: !!int x\n",
    "a tag": "a: !Ref b\n",
    "a list as a key": "? [a]\n: b\n",
    "value tag": "a: =\n",
    "control characters": "a: \x00\x07\n",
}


@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_a_problem_line_and_quick(text: str) -> None:
    started = time.process_time()
    found = load(["-"], stdin=io.BytesIO(("# yaml\n---\n" + text).encode()))
    (problem,) = found.summary.problems
    assert "document 1 is not usable YAML" in problem
    assert time.process_time() - started < 5


def test_aliases_as_yaml_dumpers_write_them_are_fine() -> None:
    text = "kind: List\nitems:\n" + "".join(
        f"- kind: Service\n  metadata: {{name: a{n}, labels: {'&x {a: b}' if not n else '*x'}}}\n"
        "  spec: {ports: [{port: 80}]}\n"
        for n in range(300)
    )
    found = load(["-"], stdin=io.BytesIO(text.encode()))
    assert len(found.ports) == 300
    assert found.summary.problems == ()


def test_json_nested_too_deep_is_a_problem_line() -> None:
    found = load(["-"], stdin=io.BytesIO(b"[" * 200_000))
    assert len(found.summary.problems) == 1


KEYS = st.sampled_from(
    [
        *("kind", "apiVersion", "metadata", "spec", "status", "items", "name", "namespace"),
        *("ports", "port", "targetPort", "nodePort", "protocol", "clusterIP", "clusterIPs"),
        *("selector", "labels", "annotations", "subsets", "addresses", "endpoints", "ip"),
        *("containers", "initContainers", "podIP", "podIPs", "hostPort", "containerPort"),
        *("creationTimestamp", "loadBalancer", "ingress", "image", "restartPolicy"),
        *("kubernetes.io/service-name", "kubectl.kubernetes.io/last-applied-configuration"),
        "traffic.sidecar.istio.io/excludeInboundPorts",
    ]
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(
        [
            *("Service", "List", "Pod", "EndpointSlice", "Endpoints", "Node", "v1", "None"),
            *("istio-proxy", "Always", "{}", '{"spec":[]}', "1", "\ud800", "10.0.0.1"),
            "discovery.k8s.io/v1",
        ]
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=40,
)
OBJECTS = st.fixed_dictionaries(
    {"kind": st.sampled_from(["Service", "Pod", "EndpointSlice", "Endpoints", "Node"])},
    optional={
        "metadata": st.fixed_dictionaries({"name": st.just("a")}, optional={"labels": VALUES})
        | VALUES,
        "spec": VALUES,
        "status": VALUES,
        "subsets": VALUES,
        "endpoints": VALUES,
        "ports": VALUES,
    },
)


@settings(max_examples=300)
@given(st.lists(OBJECTS | VALUES, max_size=6))
def test_any_json_value_is_read_without_a_traceback(values: list[object]) -> None:
    found = load(["-"], stdin=io.BytesIO(json.dumps(values).encode()))
    for (address, port, transport), matches in found.by_address.items():
        assert found.matches(address, port, Transport(transport))
        assert [m.service_port.full_name.encode() for m in matches]
    found.contradictions()


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_without_a_traceback(data: bytes) -> None:
    load(["-"], stdin=io.BytesIO(data))


@given(st.integers(0, len(YAML)))
def test_a_manifest_cut_anywhere_is_read_without_a_traceback(length: int) -> None:
    load(["-"], stdin=io.BytesIO(YAML[:length].encode()))


# --- size ---------------------------------------------------------------------------------------


def test_ten_thousand_services_load_in_less_than_two_seconds() -> None:
    many = [
        service(f"s{n}", clusterIP=f"10.0.{n >> 8}.{n & 255}", selector={"app": f"a{n}"})
        for n in range(10_000)
    ]
    text = json.dumps({"kind": "List", "items": many}, indent=4).encode()
    started = time.process_time()
    found = load(["-"], stdin=io.BytesIO(text))
    assert time.process_time() - started < 2
    assert ways(found, "10.0.1.1", 80) == ["s257:80 CLUSTER_IP"]


def test_ways_are_returned_most_specific_first() -> None:
    assert [via.name for via in Via][:2] == ["CLUSTER_IP", "EXTERNAL"]
    node_port = {"name": "http", "port": 80, "targetPort": 30080, "nodePort": 30080}
    found = catalog(
        service("a", node_port),
        service("b", {"port": 81, "targetPort": 30080}, selector={"app": "reviews"}),
        pod("p", "192.168.0.1", spec={"hostNetwork": True}),
    )
    assert ways(found, "192.168.0.1", 30080) == ["a:80 NODE_PORT", "b:81 HOST"]
