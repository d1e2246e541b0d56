"""The manifests of docs/deploy are valid, consistent, and grant what the code asks for, no more."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from sniffdiag.catalog import cluster
from sniffdiag.catalog.cluster import Resource
from sniffdiag.cli.app import app

DEPLOY = Path(__file__).parents[2] / "docs" / "deploy"
MANIFESTS = sorted(path.name for path in DEPLOY.glob("*.yaml"))


def objects(name: str) -> list[dict[str, Any]]:
    return [o for o in yaml.safe_load_all((DEPLOY / name).read_text()) if o]


def granted(name: str) -> set[tuple[str, str, str]]:
    """(verb, API group, resource) of all rules."""
    return {
        (verb, group, resource)
        for each in objects(name)
        for rule in each.get("rules", ())
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def asked_for() -> set[tuple[str, str, str]]:
    found: set[tuple[str, str, str]] = set()
    pending = [r for r in vars(cluster).values() if isinstance(r, Resource)]
    while pending:
        resource = pending.pop()
        found |= {(verb, resource.group, resource.plural) for verb in ("list", "watch")}
        pending += [resource.instead] if resource.instead else []
    claiming = (*cluster.CLAIMING, *cluster.CLAIMING_OF_CLUSTER)
    return found | {(verb, g, r) for g, r, _ in claiming for verb in ("list", "watch")}


def test_rbac_grants_exactly_what_is_read() -> None:
    assert granted("rbac.yaml") == asked_for()


@pytest.mark.parametrize("name", MANIFESTS)
def test_nothing_may_be_written_but_the_debug_container(name: str) -> None:
    verbs = {verb for verb, *_ in granted(name)}
    assert verbs <= {"list", "watch", "get", "patch", "create"}
    written = {(g, r) for verb, g, r in granted(name) if verb in {"patch", "create"}}
    assert written <= {("", "pods/ephemeralcontainers"), ("", "pods/exec")}


@pytest.mark.parametrize("name", ["job.yaml", "daemonset.yaml"])
def test_the_command_line_of_a_workload_is_one(name: str) -> None:
    """Parsed by the command itself, up to where it would run."""
    (workload,) = objects(name)
    spec = workload["spec"]["template"]["spec"]
    command, *arguments = spec["containers"][0]["args"]
    group = typer.main.get_command(app)
    parsed = group.commands[command].make_context(command, arguments)  # type: ignore[attr-defined]
    assert list(parsed.params["services"]) == ["cluster"]
    assert spec["serviceAccountName"] in {o["metadata"]["name"] for o in objects("rbac.yaml")}


def test_every_file_is_told_of_and_no_other() -> None:
    told = set(re.findall(r"\]\(([\w.-]+)\)", (DEPLOY / "README.md").read_text()))
    assert told == {path.name for path in DEPLOY.iterdir()} - {"README.md"}


def test_the_image_installs_what_the_manifests_need() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    assert "[kubernetes]" in text
    assert "tcpdump" in text
    entry = re.search(r"ENTRYPOINT \[(.*)\]", text)
    assert entry is not None
    assert shlex.split(entry[1]) == ["sniffdiag"]
