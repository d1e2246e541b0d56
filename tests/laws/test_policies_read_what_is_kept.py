"""What a mesh's policy is known by or reads, the catalog keeps: both name it, in two layers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sniffdiag.catalog import claims
from sniffdiag.catalog.claims import speaking
from sniffdiag.catalog.objects import Objects
from sniffdiag.mesh.facts import Facts
from sniffdiag.mesh.policy import MESHES, load_policy

CLAIMS = Path(claims.__file__).read_text()


def pod(container: str, key: str) -> dict[str, object]:
    metadata = {"name": "a", "annotations": {key: "x"}}
    spec = {"containers": [{"name": container, "image": "proxy:1.2.3"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def traced(value: object) -> dict[tuple[str, str], int]:
    found = Objects()
    found.add_document("test", value)
    return dict(found.traces)


def known_by(what: str) -> list[tuple[str, str]]:
    return [(mesh, text) for mesh in MESHES for text in load_policy(mesh).detect.get(what, ())]


@pytest.mark.parametrize(("mesh", "container"), known_by("containers"))
def test_the_container_of_a_proxy_is_kept_with_its_image(mesh: str, container: str) -> None:
    assert ("container", f"{container} proxy:1.2.3") in traced(pod(container, "x")), mesh


@pytest.mark.parametrize(("mesh", "key"), known_by("keys"))
def test_annotations_that_show_a_mesh_are_kept(mesh: str, key: str) -> None:
    whole = f"{key}inject" if key.endswith("/") else key
    assert ("annotation", whole) in traced(pod("app", whole)), mesh


@pytest.mark.parametrize(("mesh", "group"), known_by("groups"))
def test_api_groups_that_show_a_mesh_are_kept(mesh: str, group: str) -> None:
    resource = {"apiVersion": f"{group}/v1", "kind": "Anything", "metadata": {"name": "a"}}
    assert ("group", group) in traced(resource), mesh


def sources_of(facts: Facts) -> Iterator[str]:
    for reading in facts.readings.values():
        yield from (reading.source, *reading.where)
    yield from facts.only_where
    if facts.layer4 is not None:
        yield from (*facts.layer4.where, *facts.layer4.unless)


def sources() -> list[tuple[str, str]]:
    policies = (load_policy(mesh) for mesh in MESHES)
    found = {
        (policy.mesh, source)
        for policy in policies
        for version in policy.versions or ("",)
        for source in sources_of(policy.at(version).facts)
        if source not in {"name", "app_protocol"}
    }
    return sorted(found)


@pytest.mark.parametrize(("mesh", "source"), sources())
def test_what_a_policy_reads_is_what_the_catalog_states(mesh: str, source: str) -> None:
    kind, _, key = source.replace("{port}", "8080").partition(" ")
    if kind in {"Service", "Pod", "Namespace"}:
        assert [said.source for said in speaking(kind, ("ns", "a"), {key: "x"})] == [
            f"{kind} {key}"
        ]
    else:
        literal = source.replace(claims._BACKEND_PROTOCOL, "{_BACKEND_PROTOCOL}")
        assert f'"{literal}"' in CLAIMS, f"{mesh} reads {source!r}, which nothing states"
