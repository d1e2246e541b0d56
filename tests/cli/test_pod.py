"""`sniffdiag pod`: from the pod's name to the report, through a kubectl that plays its part."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sniffdiag.cli.pod import _place
from sniffdiag.errors import UsageError
from tests.support.kube_api import KubeApi, endpoint_slice, pod, service

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "tests" / "support" / "programs"
INCIDENT = ROOT / "pcaps" / "tke-rename"
DECLARED = ("-s", str(INCIDENT / "services.yaml"), "--mesh-version", "1.3.6")


@pytest.fixture
def api() -> Iterator[KubeApi]:
    with KubeApi() as server:
        yield server


def run(
    folder: Path, *words: str, path: str | None = None, **facts: Any
) -> subprocess.CompletedProcess[str]:
    scene = {
        "name": "reviews-v1",
        "state": {"running": {}},
        "capture": str(INCIDENT / "incident.pcap"),
        "ends": True,
    }
    (folder / "pod.json").write_text(json.dumps(scene | facts))
    environment = {
        **os.environ,
        "FAKE_POD": str(folder / "pod.json"),
        "PATH": path or f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
    }
    command = [sys.executable, "-m", "sniffdiag", "pod", *words]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_report_is_that_of_the_capture(tmp_path: Path) -> None:
    written = tmp_path / "written.pcapng"
    done = run(tmp_path, "shop/reviews-v1", *DECLARED, "-o", "json", "-w", str(written))
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert report["findings"][0]["name"] == "http-on-opaque-port"
    assert report["ports"][0]["observed"] == {"http": 18}
    assert written.stat().st_size > 10_000
    assert "capturing in container sniffdiag-" in done.stderr


def test_the_cluster_declares_unless_files_do(api: KubeApi, tmp_path: Path) -> None:
    addresses = ("10.244.2.20", "10.244.2.21")
    api.put(service("tcp-9080-8080"), endpoint_slice(*addresses), pod("reviews-v1", addresses[0]))
    given = api.kubeconfig(tmp_path, "elsewhere")
    done = run(tmp_path, "shop/reviews-v1", "--kubeconfig", given, "-o", "json")
    assert done.returncode == 1, done.stderr
    assert any("/api/v1/namespaces/shop/services?" in request for request in api.requests)
    assert [p["verdict"] for p in json.loads(done.stdout)["ports"]] == ["mismatch"]


def test_it_ends_when_it_is_told_to(tmp_path: Path) -> None:
    done = run(tmp_path, "shop/reviews-v1", *DECLARED, "--duration", "1", ends=False)
    assert done.returncode == 1, done.stderr
    assert "http-on-opaque-port" in done.stdout


def test_a_refusal_is_two_lines(tmp_path: Path) -> None:
    forbidden = (
        'Error from server (Forbidden): pods "reviews-v1" is forbidden: violates PodSecurity '
        '"baseline:latest": non-default capabilities (container "x" must not include "NET_RAW")'
    )
    done = run(tmp_path, "shop/reviews-v1", *DECLARED, debug=forbidden)
    assert done.returncode == 2
    _, said, hint = done.stderr.splitlines()
    assert said.startswith("sniffdiag: PodSecurity baseline:latest of namespace shop forbids")
    assert "kubectl label namespace shop" in hint


def test_tcpdump_that_fails_explains_the_empty_capture(tmp_path: Path) -> None:
    failed = "tcpdump: any: You don't have permission to capture on that device"
    done = run(tmp_path, "shop/reviews-v1", *DECLARED, tcpdump=failed)
    assert done.returncode == 2
    assert "tcpdump in the debug container has no right to capture" in done.stderr
    assert "--root" in done.stderr


def test_without_kubectl(tmp_path: Path) -> None:
    done = run(tmp_path, "shop/reviews-v1", *DECLARED, path=str(tmp_path))
    assert done.returncode == 2
    assert "kubectl is not on PATH" in done.stderr


@pytest.mark.parametrize(
    ("text", "namespace"),
    [("shop/r-1", None), ("r-1", "shop"), ("pod/r-1", "shop"), ("shop/pod/r-1", None)],
)
def test_ways_to_name_a_pod(text: str, namespace: str | None) -> None:
    assert _place(text, namespace) == ("shop", "r-1")


@pytest.mark.parametrize("text", ["r-1", "", "/", "a/b/c", "shop/-x", "shop/R", "--all/x", "a/b\n"])
def test_what_names_no_pod(text: str) -> None:
    with pytest.raises(UsageError):
        _place(text, None)


def test_kubectl_finds_it_as_a_plugin() -> None:
    """`kubectl sniffdiag` runs kubectl-sniffdiag from PATH."""
    text = (ROOT / "pyproject.toml").read_text()
    assert 'kubectl-sniffdiag = "sniffdiag.__main__:main"' in text
