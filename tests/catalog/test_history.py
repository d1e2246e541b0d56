"""Drift without history: what a Service's annotation and managedFields tell of its ports' past."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from sniffdiag.catalog.manifests import load
from sniffdiag.catalog.services import Edit, EditedField, ServicePort

NAME, APP_PROTOCOL = EditedField.NAME, EditedField.APP_PROTOCOL
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
AT_22_09_14 = 1_795_385_354_000_000_000
Port = dict[str, Any]


def manager(name: str, fields: Port, time: str | None = "2026-11-22T22:09:14Z") -> Port:
    """An entry of managedFields that owns fields of `spec.ports`."""
    entry = {
        "apiVersion": "v1",
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {"f:ports": fields}},
        "manager": name,
        "operation": "Update",
    }
    return entry | ({"time": time} if time else {})


def owning(*fields: str, port: int = 8080) -> Port:
    return {f'k:{{"port":{port},"protocol":"TCP"}}': {".": {}} | {f"f:{f}": {} for f in fields}}


def read(
    port: Port, applied: object = None, managers: list[Any] | None = None
) -> list[ServicePort]:
    metadata: Port = {"name": "reviews", "namespace": "shop", "managedFields": managers or []}
    if applied is not None:
        text = applied if isinstance(applied, str) else json.dumps({"spec": {"ports": applied}})
        metadata["annotations"] = {LAST_APPLIED: text}
    value = {"kind": "Service", "apiVersion": "v1", "metadata": metadata, "spec": {"ports": [port]}}
    found = load(["-"], stdin=io.BytesIO(json.dumps(value).encode()))
    assert found.summary.problems == ()
    return found.ports


def edits(port: Port, applied: object = None, *managers: object) -> tuple[Edit, ...]:
    return read(port, applied, list(managers))[0].edits


NOW: Port = {"name": "tcp-8080-8080", "port": 8080, "protocol": "TCP"}
APPLIED: Port = {"name": "http-web", "port": 8080}


def test_the_edit_names_the_old_value_the_manager_and_the_time() -> None:
    kubectl = manager("kubectl-client-side-apply", owning("port"), "2026-03-02T09:14:07Z")
    console = manager("tke-apiserver", owning("name"))
    assert edits(NOW, [APPLIED], kubectl, console) == (
        Edit(NAME, "http-web", "tcp-8080-8080", "tke-apiserver", AT_22_09_14),
    )


def test_without_managed_fields_the_old_value_is_still_known() -> None:
    assert edits(NOW, [APPLIED]) == (Edit(NAME, "http-web", "tcp-8080-8080"),)


def test_a_manager_of_all_ports_is_their_manager() -> None:
    """What API servers before per-port ownership recorded, and what demos print."""
    found = edits(NOW, [APPLIED], manager("tke-apiserver", {}))
    assert [e.manager for e in found] == ["tke-apiserver"]


def test_the_latest_of_several_owners_wrote_it() -> None:
    early = manager("early", owning("name"), "2026-11-22T08:00:00Z")
    late = manager("late", owning("name"), "2026-11-22T22:09:14Z")
    undated = manager("undated", owning("name"), None)
    assert edits(NOW, [APPLIED], late, undated, early)[0].manager == "late"


def test_the_owner_of_another_port_or_of_the_status_is_not_it() -> None:
    other = manager("other", owning("name", port=9090))
    status = manager("lb-controller", owning("name")) | {"subresource": "status"}
    assert edits(NOW, [APPLIED], other, status)[0].manager == ""


@pytest.mark.parametrize(
    ("applied", "now", "expected"),
    [
        ({"port": 8080}, {"name": "tcp-1"}, [(NAME, None, "tcp-1")]),
        ({"port": 8080, "name": "http"}, {}, [(NAME, "http", None)]),
        (
            {"port": 8080, "appProtocol": "http"},
            {"appProtocol": "tcp"},
            [(APP_PROTOCOL, "http", "tcp")],
        ),
        ({"port": 8080, "appProtocol": "http"}, {}, [(APP_PROTOCOL, "http", None)]),
        (
            {"port": 8080, "name": "http"},
            {"name": "tcp", "appProtocol": "tcp"},
            [(NAME, "http", "tcp"), (APP_PROTOCOL, None, "tcp")],
        ),
        ({"port": 8080, "name": "http"}, {"name": "http"}, []),
        ({"port": 9090, "name": "http"}, {"name": "tcp"}, []),
        ({"port": 8080, "name": "http", "protocol": "UDP"}, {"name": "tcp"}, []),
    ],
    ids=[
        "named",
        "name removed",
        "appProtocol changed",
        "appProtocol removed",
        "both",
        "as applied",
        "a port that was not applied",
        "another transport",
    ],
)
def test_each_field_is_compared_with_the_applied_one(
    applied: Port, now: Port, expected: list[tuple[EditedField, str | None, str | None]]
) -> None:
    found = edits({"port": 8080} | now, [applied])
    assert [(e.field, e.before, e.after) for e in found] == expected


def test_without_the_annotation_a_change_of_owner_is_an_edit_of_unknown_past() -> None:
    argo = manager("argocd-controller", owning("port"), "2026-03-02T09:14:07Z")
    console = manager("tke-apiserver", owning("name"))
    found = edits(NOW, None, argo, console)
    assert found == (
        Edit(NAME, None, "tcp-8080-8080", "tke-apiserver", AT_22_09_14, before_known=False),
    )


@pytest.mark.parametrize(
    "managers",
    [
        [manager("helm", owning("port", "name"))],
        [manager("helm", owning("port", "name")), manager("tke-apiserver", owning("name"))],
        [manager("tke-apiserver", owning("name"))],
        [manager("helm", {}), manager("tke-apiserver", {})],
    ],
    ids=["one owner", "the maker agrees", "the maker is not known", "fields are not told apart"],
)
def test_owners_that_prove_nothing_are_no_edit(managers: list[Any]) -> None:
    assert edits(NOW, None, *managers) == ()


@pytest.mark.parametrize(
    "applied",
    ["", "{", "[]", '{"spec":[]}', '{"spec":{"ports":[{"port":"x"}]}}', "[" * 9000],
)
def test_an_annotation_that_is_no_service_is_passed_over_in_silence(applied: str) -> None:
    assert edits(NOW, applied, {"fieldsV1": 3}, "nonsense", manager("x", {"k:{": {}})) == ()


def test_the_port_as_applied() -> None:
    both = read({"name": "tcp-1", "port": 8080, "appProtocol": "tcp"}, [{"port": 8080}])[0]
    before = both.before_edits()
    assert before is not None
    assert (before.name, before.app_protocol, before.edits) == ("", None, ())
    assert read(NOW, [NOW])[0].before_edits() is None
