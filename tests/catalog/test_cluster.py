"""`--services cluster` against an API server over HTTP, by the official client and by kubectl."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sniffdiag.catalog import claims
from sniffdiag.catalog.api import Access
from sniffdiag.catalog.cluster import CLAIMING, CLAIMING_OF_CLUSTER, open_cluster
from sniffdiag.catalog.manifests import load
from sniffdiag.catalog.services import Catalog
from sniffdiag.errors import CatalogError, SniffdiagError
from tests.support.kube_api import KubeApi, Object, endpoint_slice, pod, service

BY_CLIENT = "client"
BY_KUBECTL = "kubectl"


@pytest.fixture
def api() -> Iterator[KubeApi]:
    with KubeApi() as server:
        yield server


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No cluster of whoever runs this."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "SUDO_USER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture(params=[BY_CLIENT, BY_KUBECTL])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == BY_KUBECTL:
        monkeypatch.setitem(sys.modules, "kubernetes", None)  # as if it were not installed
        monkeypatch.setenv("PATH", f"{KUBECTL}{os.pathsep}{os.environ['PATH']}")
    return str(request.param)


both_ways = pytest.mark.usefixtures("way")
KUBECTL = Path(__file__).parents[1] / "support" / "programs"
"""A kubectl that knows `get --raw` and `config view`, in the words of the real one."""


def read(access: Access) -> Catalog:
    return load([], cluster=open_cluster(access))


def refused(access: Access) -> tuple[str, str]:
    with pytest.raises(CatalogError) as caught:
        read(access)
    return str(caught.value), caught.value.hint


@both_ways
def test_services_endpoints_and_pods_become_a_catalog(api: KubeApi, tmp_path: Path) -> None:
    api.put(service(), endpoint_slice("10.1.0.7"), pod("reviews-v1-abc", "10.1.0.7"))
    found = read(Access(kubeconfig=api.kubeconfig(tmp_path)))
    assert [(p.full_name, p.port, p.name) for p in found.ports] == [
        ("shop/reviews", 8080, "http-web")
    ]
    assert found.pods == {"10.1.0.7": ("shop", "reviews-v1-abc")}
    assert found.pods_read
    assert found.summary.problems == ()
    assert ("10.1.0.7", 9080, 6) in found.by_address
    assert len(found.summary.sources) == 1
    assert "namespace shop" in found.summary.sources[0]


@both_ways
def test_only_the_namespace_of_the_context_is_asked_for(api: KubeApi, tmp_path: Path) -> None:
    api.put(service())
    read(Access(kubeconfig=api.kubeconfig(tmp_path, "shop")))
    assert {r.partition("?")[0] for r in api.requests} == {
        "/api/v1/namespaces/shop/services",
        "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices",
        "/api/v1/namespaces/shop/pods",
        "/apis",
        "/apis/policy.linkerd.io/v1beta3/namespaces/shop/servers",
    }


@both_ways
@pytest.mark.parametrize(
    ("access", "where"),
    [
        (Access(namespace="other"), "/api/v1/namespaces/other/services"),
        (Access(all_namespaces=True), "/api/v1/services"),
        (Access(all_namespaces=True, namespace="other"), "/api/v1/services"),
        (Access(context="lab"), "/api/v1/namespaces/default/services"),
    ],
    ids=["-n", "-A", "-A -n", "a context without namespace"],
)
def test_the_options_choose_what_is_read(
    api: KubeApi, tmp_path: Path, access: Access, where: str
) -> None:
    given = api.kubeconfig(tmp_path, None)
    read(Access(access.context, given, access.namespace, access.all_namespaces))
    assert any(r.startswith(f"{where}?") for r in api.requests)


@both_ways
def test_nodes_are_read_with_all_namespaces(api: KubeApi, tmp_path: Path) -> None:
    address = {"type": "InternalIP", "address": "192.168.0.1"}
    node: Object = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}}
    api.put(service(), node | {"status": {"addresses": [address]}})
    found = read(Access(kubeconfig=api.kubeconfig(tmp_path), all_namespaces=True))
    assert found.node_addresses == {"192.168.0.1"}


@both_ways
def test_long_lists_come_in_pages(
    api: KubeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sniffdiag.catalog.cluster.PAGE", 3)
    api.put(*(service(own=f"s{n}") for n in range(8)))
    found = read(Access(kubeconfig=api.kubeconfig(tmp_path)))
    assert len(found.ports) == 8
    assert sum("/services?" in r for r in api.requests) == 3


@both_ways
def test_pages_that_expire_are_read_again_as_one(
    api: KubeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sniffdiag.catalog.cluster.PAGE", 3)
    api.page_expires = True
    api.put(*(service(own=f"s{n}") for n in range(8)))
    found = read(Access(kubeconfig=api.kubeconfig(tmp_path)))
    assert len(found.ports) == 8
    assert found.summary.problems == ()


@both_ways
def test_old_clusters_have_endpoints_instead_of_slices(api: KubeApi, tmp_path: Path) -> None:
    api.unknown = {"/apis/discovery.k8s.io"}
    subset = {"addresses": [{"ip": "10.1.0.9"}], "ports": [{"name": "http-web", "port": 9080}]}
    old: Object = {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "reviews"}}
    api.put(service(), old | {"subsets": [subset]})
    found = read(Access(kubeconfig=api.kubeconfig(tmp_path)))
    assert ("10.1.0.9", 9080, 6) in found.by_address


SERVER: Object = {
    "apiVersion": "policy.linkerd.io/v1beta3",
    "kind": "Server",
    "metadata": {"name": "reviews-web", "namespace": "shop"},
    "spec": {"podSelector": {}, "port": 9080, "proxyProtocol": "opaque"},
}


@both_ways
@pytest.mark.parametrize("newer", [[], ["v9"]], ids=["the preferred version", "an older one"])
def test_the_meshes_own_objects_are_read_at_the_version_that_serves_them(
    api: KubeApi, tmp_path: Path, newer: list[str]
) -> None:
    api.newer_versions = newer
    api.unknown = {"/apis/discovery.k8s.io"}
    api.put(service(), pod("reviews-v1-abc", "10.1.0.7"), SERVER)
    found = read(Access(kubeconfig=api.kubeconfig(tmp_path)))
    assert [(t.sort, t.text) for t in found.traces if t.sort == "group"] == [
        ("group", "policy.linkerd.io")
    ]
    assert found.summary.problems == ()


def test_every_kind_that_claims_something_is_read() -> None:
    plurals = {kind: _plural(kind) for kind in claims.CLAIMING}
    tabled = {plural for _, plural, _ in (*CLAIMING, *CLAIMING_OF_CLUSTER)} | {"namespaces"}
    assert set(plurals.values()) == tabled
    groups = {plural: group for group, plural, _ in (*CLAIMING, *CLAIMING_OF_CLUSTER)}
    for kind, (group, _) in claims.CLAIMING.items():
        assert groups.get(plurals[kind], "") == group


def _plural(kind: str) -> str:
    """By the rules of English, as definitions of custom resources have it."""
    name = kind.lower()
    if name.endswith("y"):
        return name.removesuffix("y") + "ies"
    return name if name.endswith("defaults") else name + ("es" if name.endswith("s") else "s")


# --- refusals -----------------------------------------------------------------------------------


@both_ways
def test_a_missing_right_is_named(api: KubeApi, tmp_path: Path) -> None:
    api.deny("list", "services")
    said, hint = refused(Access(kubeconfig=api.kubeconfig(tmp_path)))
    assert said == "not allowed to list Services in namespace shop"
    assert 'RBAC verb "list" on services' in hint


@both_ways
def test_what_can_be_done_without_is_a_line_in_the_report(api: KubeApi, tmp_path: Path) -> None:
    api.deny("list", "pods")
    api.put(service())
    found = read(Access(kubeconfig=api.kubeconfig(tmp_path)))
    assert len(found.ports) == 1
    assert [p.partition(":")[0] for p in found.summary.problems] == [
        "not allowed to list Pods in namespace shop"
    ]


@both_ways
def test_credentials_that_are_not_accepted(api: KubeApi, tmp_path: Path) -> None:
    api.token = "good"  # noqa: S105 - of a server that lives for this test
    api.put(service())
    assert read(Access(kubeconfig=api.kubeconfig(tmp_path, token="good"))).ports  # noqa: S106
    said, _ = refused(Access(kubeconfig=api.kubeconfig(tmp_path, token="stale")))  # noqa: S106
    assert said.endswith("the API server does not accept these credentials")


@both_ways
def test_nobody_answers(api: KubeApi, tmp_path: Path) -> None:
    given = api.kubeconfig(tmp_path)
    api.stop()
    said, _ = refused(Access(kubeconfig=given))
    assert "refused" in said
    assert "\n" not in said


@pytest.mark.parametrize("body", [b"<html>log in first</html>", b"[]", b'"x"', b""])
@both_ways
def test_something_else_answers(api: KubeApi, tmp_path: Path, body: bytes) -> None:
    """A proxy or a portal in between."""
    api.answer_with = body
    said, _ = refused(Access(kubeconfig=api.kubeconfig(tmp_path)))
    assert ": /apis is answered by no " in said


@both_ways
def test_a_context_that_does_not_exist(api: KubeApi, tmp_path: Path) -> None:
    said, hint = refused(Access(context="prod", kubeconfig=api.kubeconfig(tmp_path)))
    assert "no cluster to read" in said
    assert "prod" in said
    assert "--context" in hint


@both_ways
def test_no_kubeconfig_at_all(tmp_path: Path) -> None:
    said, _ = refused(Access(kubeconfig=str(tmp_path / "none")))
    assert "no cluster to read" in said


def test_a_kubeconfig_that_is_none(tmp_path: Path) -> None:
    for text in ("", "{", "[]", "apiVersion: v1\nkind: Config\n", "\x00", "clusters: 3"):
        (tmp_path / "kubeconfig").write_text(text)
        with pytest.raises(SniffdiagError) as caught:
            read(Access(kubeconfig=str(tmp_path / "kubeconfig")))
        assert "\n" not in str(caught.value)


def test_under_sudo_the_hint_says_where_the_kubeconfig_went(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SUDO_USER", "me")
    _, hint = refused(Access())
    assert "--kubeconfig" in hint
    assert "sudo" in hint


def test_neither_client_nor_kubectl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    said, hint = refused(Access())
    assert "needs the Kubernetes client or kubectl" in said
    assert "sniffdiag[kubernetes]" in hint


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl on PATH")
def test_the_real_kubectl_says_the_same(
    api: KubeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    api.put(service(), endpoint_slice("10.1.0.7"))
    given = api.kubeconfig(tmp_path)
    by_kubectl: Catalog = read(Access(kubeconfig=given))
    monkeypatch.undo()
    assert read(Access(kubeconfig=given)).by_address == by_kubectl.by_address
