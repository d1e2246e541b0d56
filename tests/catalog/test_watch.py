"""A cluster that changes while it is watched: what arrives, and what goes wrong on the way."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sniffdiag.catalog import follower as following
from sniffdiag.catalog import watch as watching
from sniffdiag.catalog.api import Access
from sniffdiag.catalog.cluster import open_cluster
from sniffdiag.catalog.manifests import Given
from sniffdiag.catalog.services import Catalog, DeclarationChange, Edit, EditedField
from sniffdiag.catalog.watch import Watch
from sniffdiag.errors import CatalogError
from tests.support.certificates import self_signed
from tests.support.kube_api import KubeApi, endpoint_slice, pod, service

AT_22_09_14 = 1_795_385_354_000_000_000
RENAMED = service("tcp-8080-8080", manager="tke-apiserver")
PROGRAMS = Path(__file__).parents[1] / "support" / "programs"


@pytest.fixture
def api() -> Iterator[KubeApi]:
    with KubeApi() as server:
        server.put(service(), endpoint_slice("10.1.0.7"), pod("reviews-v1-abc", "10.1.0.7"))
        yield server


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "REST_S", 0.05)
    monkeypatch.setattr(following, "LIST_EVERY_S", 0.1)


def watch(api: KubeApi, folder: Path) -> Watch:
    cluster = open_cluster(Access(kubeconfig=api.kubeconfig(folder)))
    return Watch(cluster, Given([], [], None))


@pytest.fixture
def watched(api: KubeApi, tmp_path: Path) -> Iterator[Watch]:
    with watch(api, tmp_path) as started:
        api.wait_for_watches(1)
        yield started


def changes(watched: Watch, number: int = 1, seconds: float = 20) -> list[DeclarationChange]:
    """The next changes, as a loop that polls meets them."""
    found: list[DeclarationChange] = []
    deadline = time.monotonic() + seconds
    while len(found) < number:
        assert time.monotonic() < deadline, found
        found += watched.poll().changes
        time.sleep(0.005)
    return found


def catalog_when(watched: Watch, holds: Callable[[Catalog], bool]) -> Catalog:
    deadline = time.monotonic() + 20
    while not holds(watched.poll().catalog):
        assert time.monotonic() < deadline, watched.catalog.summary
        time.sleep(0.005)
    return watched.catalog


def names(changed: list[DeclarationChange]) -> list[tuple[str | None, str | None]]:
    return [
        (c.before.name if c.before else None, c.after.name if c.after else None) for c in changed
    ]


# --- what arrives -------------------------------------------------------------------------------


def test_a_rename_arrives_within_a_second_with_who_did_it_and_when(
    api: KubeApi, watched: Watch
) -> None:
    began = time.monotonic()
    api.put(RENAMED)
    (change,) = changes(watched)
    assert time.monotonic() - began < 1
    assert names([change]) == [("http-web", "tcp-8080-8080")]
    assert (change.manager, change.at_ns) == ("tke-apiserver", AT_22_09_14)
    assert [p.name for p in watched.catalog.ports] == ["tcp-8080-8080"]


def test_a_rename_does_not_wait_for_its_turn_behind_pods(
    api: KubeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "REST_S", 600)
    with watch(api, tmp_path) as watched:
        api.wait_for_watches(1)
        api.put(pod("reviews-v1-new", "10.1.0.8"), RENAMED)
        assert names(changes(watched)) == [("http-web", "tcp-8080-8080")]


def test_a_catalog_that_has_a_change_comes_with_it(api: KubeApi, watched: Watch) -> None:
    api.put(RENAMED)
    deadline = time.monotonic() + 20
    news = watched.poll()
    while not news.changes:
        assert [p.name for p in news.catalog.ports] == ["http-web"]
        assert time.monotonic() < deadline
        news = watched.poll()
    assert [p.name for p in news.catalog.ports] == ["tcp-8080-8080"]
    assert watched.poll().changes == ()
    assert watched.poll().catalog is news.catalog


def test_what_was_seen_is_told_of_the_port_from_then_on(api: KubeApi, watched: Watch) -> None:
    """The Service has no last-applied-configuration that would tell."""
    api.put(RENAMED)
    changes(watched)
    edit = Edit(EditedField.NAME, "http-web", "tcp-8080-8080", "tke-apiserver", AT_22_09_14)
    assert [p.edits for p in watched.catalog.ports] == [(edit,)]
    api.put(RENAMED | {"status": {"loadBalancer": {}}})  # another event of the same Service
    api.put(service("udp-8080-8080", manager="other"))
    changes(watched)
    (edit,) = watched.catalog.ports[0].edits
    assert (edit.before, edit.after, edit.manager) == ("http-web", "udp-8080-8080", "other")
    api.put(service())
    changes(watched)
    assert [p.edits for p in watched.catalog.ports] == [()]


def test_app_protocol_ports_and_services_come_and_go(api: KubeApi, watched: Watch) -> None:
    api.put(service(appProtocol="grpc", manager="argocd"))
    (change,) = changes(watched)
    assert change.before is not None
    assert change.after is not None
    assert (change.before.app_protocol, change.after.app_protocol) == (None, "grpc")
    api.put(service("http-new", port=8081))
    assert sorted(names(changes(watched, 2)), key=str) == [("http-web", None), (None, "http-new")]
    api.delete("services", "reviews")
    assert names(changes(watched)) == [("http-new", None)]
    assert watched.catalog.ports == []


def test_changes_that_say_nothing_about_ports_are_not_told(api: KubeApi, watched: Watch) -> None:
    labelled = service()
    labelled["metadata"]["labels"] = {"team": "shop"}
    api.put(labelled, endpoint_slice("10.1.0.8"), pod("reviews-v1-new", "10.1.0.8"))
    found = catalog_when(watched, lambda c: ("10.1.0.8", 9080, 6) in c.by_address)
    catalog_when(watched, lambda c: "10.1.0.8" in c.pods)
    assert ("10.1.0.7", 9080, 6) not in found.by_address
    assert watched.poll().changes == ()


def test_files_and_the_cluster_are_one_catalog(api: KubeApi, tmp_path: Path) -> None:
    given = Given([], ["other/api:80/http=10.9.9.9"], None)
    both = Watch(open_cluster(Access(kubeconfig=api.kubeconfig(tmp_path))), given)
    assert [p.full_name for p in both.catalog.ports] == ["other/api", "shop/reviews"]


# --- what goes wrong ----------------------------------------------------------------------------


def test_a_connection_that_breaks_is_taken_up_where_it_was(api: KubeApi, watched: Watch) -> None:
    api.disconnect()
    api.wait_for_watches(2)
    api.put(RENAMED)
    assert names(changes(watched)) == [("http-web", "tcp-8080-8080")]
    lists = [r for r in api.requests if "/services?" in r and "watch=" not in r]
    assert len(lists) == 1


def test_bookmarks_move_the_place_to_go_on_from(api: KubeApi, watched: Watch) -> None:
    """What happened elsewhere made the old place too old, and a bookmark says so in time."""
    api.put(*(pod(f"p{n}", f"10.2.0.{n}") for n in range(5)))
    api.bookmark()
    catalog_when(watched, lambda c: len(c.pods) == 6)
    time.sleep(0.3)
    api.compact()
    api.disconnect()
    api.wait_for_watches(2)
    api.put(RENAMED)
    changes(watched)
    lists = [r for r in api.requests if "/services?" in r and "watch=" not in r]
    assert len(lists) == 1


def test_a_version_that_is_gone_leads_to_a_new_list_and_no_change_is_lost(
    api: KubeApi, watched: Watch
) -> None:
    with api.unreachable():
        api.put(RENAMED, service("http-new", own="new"))
        api.delete("pods", "reviews-v1-abc")
        api.compact()
    assert sorted(names(changes(watched, 2)), key=str) == [
        ("http-web", "tcp-8080-8080"),
        (None, "http-new"),
    ]
    catalog_when(watched, lambda c: not c.pods)
    lists = [r for r in api.requests if "/services?" in r and "watch=" not in r]
    assert len(lists) == 2


def test_an_api_server_that_is_away_is_told_and_waited_for(api: KubeApi, watched: Watch) -> None:
    with api.unreachable():
        found = catalog_when(watched, lambda c: bool(c.summary.problems))
        assert "as they were when the API server last answered" in found.summary.problems[0]
        assert [p.name for p in found.ports] == ["http-web"]
    catalog_when(watched, lambda c: not c.summary.problems)
    api.put(RENAMED)
    changes(watched)


def test_where_watching_is_not_allowed_lists_are_compared(api: KubeApi, tmp_path: Path) -> None:
    api.deny("watch", "services")
    with watch(api, tmp_path) as watched:
        found = catalog_when(watched, lambda c: bool(c.summary.problems))
        assert "not allowed to watch Services in namespace shop" in found.summary.problems[0]
        api.put(RENAMED)
        assert names(changes(watched)) == [("http-web", "tcp-8080-8080")]


def test_what_may_not_even_be_listed_is_done_without(api: KubeApi, tmp_path: Path) -> None:
    api.deny("list", "pods")
    with watch(api, tmp_path) as watched:
        assert "not allowed to list Pods" in watched.catalog.summary.problems[0]
        api.put(RENAMED)
        changes(watched)
    assert api.watches("pods") == []


def test_without_the_services_there_is_nothing_to_watch(api: KubeApi, tmp_path: Path) -> None:
    api.deny("list", "services")
    with pytest.raises(CatalogError, match="not allowed to list Services"):
        watch(api, tmp_path)


def test_a_server_that_ends_every_watch_is_not_hammered(api: KubeApi, tmp_path: Path) -> None:
    started = watch(api, tmp_path)
    api.answer_with = b""
    with started:
        time.sleep(2)
    assert len(api.watches()) < 10


def test_a_server_that_forgets_everything_at_once_is_not_hammered(
    api: KubeApi, tmp_path: Path
) -> None:
    api._oldest = 10**9
    with watch(api, tmp_path):
        time.sleep(2)
    assert 2 <= len(api.watches()) < 10


def test_nonsense_in_a_watch_is_a_connection_that_broke(api: KubeApi, tmp_path: Path) -> None:
    started = watch(api, tmp_path)
    api.answer_with = b'{"type":"MODIFIED","object":3}\n[\n'
    with started:
        catalog_when(started, lambda c: bool(c.summary.problems))
        api.answer_with = None
        catalog_when(started, lambda c: not c.summary.problems)
        api.put(RENAMED)
        changes(started)


def test_it_ends_at_once(api: KubeApi, tmp_path: Path) -> None:
    with watch(api, tmp_path) as watched:
        api.wait_for_watches(1)
        threads = [*watched._followers, watched._builder]
        began = time.monotonic()
    assert time.monotonic() - began < 5
    assert not any(thread.is_alive() for thread in threads)


def test_certificates_are_needed_only_in_the_beginning(tmp_path: Path) -> None:
    """A live capture becomes nobody, who may not read them, and connections go on ending."""
    certificate = self_signed(tmp_path / "ca.pem")
    with KubeApi(certificate) as api:
        api.put(service())
        started = watch(api, tmp_path)
        certificate.unlink()
        (tmp_path / "kubeconfig").unlink()
        with started:
            api.wait_for_watches(1)
            api.disconnect()
            api.wait_for_watches(2)
            api.put(RENAMED)
            assert names(changes(started)) == [("http-web", "tcp-8080-8080")]


def test_a_certificate_of_somebody_else_is_refused(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path / "ca.pem")
    with KubeApi(certificate) as api:
        self_signed(certificate)
        with pytest.raises(CatalogError, match=r"cannot be reached.*[Cc]ertificate"):
            watch(api, tmp_path)


def test_a_token_that_can_no_longer_be_renewed_is_told(
    api: KubeApi, watched: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = watched._followers[0]._cluster.server

    def failing() -> None:
        raise PermissionError(13, "Permission denied", "/var/run/secrets/token")

    monkeypatch.setattr(server._settings, "auth_settings", failing)  # type: ignore[attr-defined]
    api.disconnect()
    found = catalog_when(watched, lambda c: bool(c.summary.problems))
    assert "the credentials cannot be renewed: Permission denied" in found.summary.problems[0]


def test_kubectl_watches_as_well(
    api: KubeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "kubernetes", None)
    monkeypatch.setenv("PATH", f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}")
    with watch(api, tmp_path) as watched:
        api.wait_for_watches(1)
        api.put(RENAMED)
        assert names(changes(watched)) == [("http-web", "tcp-8080-8080")]
