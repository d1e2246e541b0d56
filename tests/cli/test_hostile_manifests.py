"""Manifests that no cluster printed: one clear line each, and the rest is used."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from sniffdiag.catalog.manifests import load
from tests.support.small_captures import PLAIN

SERVICE = b"""apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.0.0.1, ports: [{port: 80, name: http}]}
"""
LAUGHS = b"a: &a [1,1,1,1,1,1,1,1,1]\n" + b"".join(
    b"%c: &%c [%s]\n" % (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 9)) for i in range(9)
)


@dataclass(frozen=True, slots=True)
class Hostile:
    """A file, and what the line about it must say."""

    content: bytes
    says: str


NOT_USABLE = {
    "list of lists": Hostile(b"- - 1\n  - - 2\n", "not a Kubernetes object"),
    "JSON list of lists": Hostile(b"[[1,[2]],[[]]]", "not a Kubernetes object"),
    "a word": Hostile(b"hello\n", "not a Kubernetes object"),
    "spec null": Hostile(SERVICE.split(b"spec")[0] + b"spec: null\n", "has no spec"),
    "metadata null": Hostile(b"apiVersion: v1\nkind: Service\nmetadata: null\n", "metadata.name"),
    "binary": Hostile(bytes(range(256)) * 40, "binary data"),
    "gzip": Hostile(gzip.compress(SERVICE), "binary data"),
    "a capture": Hostile(PLAIN, "a capture has no -s"),
    "kubectl's table": Hostile(b"NAMESPACE   NAME   TYPE\nshop   web   ClusterIP\n", "add -o json"),
    "kubectl that found nothing": Hostile(b"No resources found in x namespace.\n", "add -A"),
    "kubectl that failed": Hostile(
        b"Warning: old\nError from server (Forbidden): services is forbidden: User\n",
        "kubectl failed: Error from server (Forbidden)",
    ),
    "an answer of the API server": Hostile(
        b'{"kind": "Status", "status": "Failure", "message": "Unauthorized"}', ": Unauthorized"
    ),
    "a Helm template": Hostile(SERVICE.replace(b"web", b'{{ include "x" . }}'), "helm template"),
    "kustomize": Hostile(b"resources: [a.yaml]\nnamePrefix: a-\n", "it has no kind"),
    "digits without end": Hostile(SERVICE.replace(b"80", b"9" * 5000), "not usable YAML"),
    "JSON digits without end": Hostile(b'{"kind": ' + b"9" * 5000 + b"}", "a number too long"),
    "ten thousand lists": Hostile(b"[" * 10_000 + b"]" * 10_000, "nested too deep"),
    "a hundred thousand lists that never end": Hostile(b"a: " + b"[" * 100_000, "nested too deep"),
    "ten thousand objects": Hostile(b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "nested too deep"),
    "alias bomb": Hostile(LAUGHS, "multiply without end"),
    "alias in itself": Hostile(b"kind: List\nitems: &a\n- *a\n", "nested too deep"),
    "tabs": Hostile(SERVICE.replace(b"metadata", b"\tmetadata"), "tab character"),
    "code": Hostile(b"!!python/object/apply:os.system ['true']\n", "could not determine"),
    "!!bool maybe": Hostile(b"kind: !!bool maybe\n", "its tag"),
    "!!int nothing": Hostile(b"kind: !!int ''\n", "its tag"),
    "!!timestamp never": Hostile(b"kind: !!timestamp never\n", "its tag"),
    "cut JSON": Hostile(b'{"kind":"List","items":[{"kind":"Service"', "not valid JSON"),
    "empty": Hostile(b"", "empty"),
    "only a comment": Hostile(b"# nothing here\n---\n", "empty"),
}
USABLE = {
    "as kubectl prints it": SERVICE,
    "CRLF": SERVICE.replace(b"\n", b"\r\n"),
    "UTF-16 of PowerShell": SERVICE.decode().encode("utf-16"),
    "kubectl's warning before it": b"Warning: v1 Endpoints is deprecated\r\n\n" + SERVICE,
    "invalid UTF-8 in a comment": b"# \xff\xfe\n" + SERVICE,
}


def ports(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "sniffdiag", "ports", *arguments, "--mesh-version", "1.20"]
    environment = {**os.environ, "SNIFFDIAG_DEBUG": "1"}
    run = subprocess.run(
        command, input=stdin, capture_output=True, env=environment, check=False, timeout=60
    )
    assert b"Traceback" not in run.stderr
    return run


@pytest.mark.parametrize("hostile", NOT_USABLE.values(), ids=NOT_USABLE)
def test_a_file_of_which_nothing_is_usable_is_refused_in_one_line(
    tmp_path: Path, hostile: Hostile
) -> None:
    path = tmp_path / "hostile.yaml"
    path.write_bytes(hostile.content)
    run = ports("-s", str(path))
    first, *hints = run.stderr.decode().splitlines()
    assert run.returncode == 2
    assert hostile.says in first
    assert first.startswith("sniffdiag: nothing usable")
    assert "hostile.yaml" in first
    assert len(hints) == 1


@pytest.mark.parametrize("hostile", NOT_USABLE.values(), ids=NOT_USABLE)
def test_what_is_usable_beside_it_is_used(tmp_path: Path, hostile: Hostile) -> None:
    (tmp_path / "a.yaml").write_bytes(hostile.content)
    (tmp_path / "b.yaml").write_bytes(SERVICE)
    run = ports("-s", str(tmp_path))
    assert run.returncode == 0
    assert b"shop/web:80" in run.stdout
    assert hostile.says == "empty" or hostile.says in run.stdout.decode()


@pytest.mark.parametrize("content", USABLE.values(), ids=USABLE)
def test_every_way_to_write_a_service_down_is_read(content: bytes) -> None:
    run = ports("-s", "-", stdin=content)
    assert (run.returncode, run.stderr) == (0, b"")
    assert b"shop/web:80" in run.stdout


def test_standard_input_given_twice_is_read_once() -> None:
    run = ports("-s", "-", "-s", "-", stdin=SERVICE)
    assert run.stdout.count(b"shop/web:80") == 1


def test_a_directory_without_manifests_says_what_it_looked_for(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    run = ports("-s", str(tmp_path))
    assert run.returncode == 2
    assert b"a directory without .yaml, .yml, .json files" in run.stderr


def test_a_missing_file_is_named_and_the_others_are_used(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_bytes(SERVICE)
    run = ports("-s", str(tmp_path / "b.yaml"), "-s", str(tmp_path / "missing.yaml"))
    assert run.returncode == 0
    assert b"missing.yaml: cannot be read: No such file or directory" in run.stdout


def test_a_cluster_without_services_is_an_answer() -> None:
    run = ports("-s", "-", stdin=b'{"apiVersion": "v1", "kind": "List", "items": []}')
    assert (run.returncode, run.stderr) == (0, b"")
    assert b"no Service ports are declared" in run.stdout


def test_names_full_of_escapes_reach_no_terminal() -> None:
    evil = SERVICE.replace(b"web", b'"w\\e[31m"').replace(b"name: http", b'name: "h\\e]0;x\\a"')
    run = ports("-s", "-", stdin=evil)
    assert b"\x1b" not in run.stdout + run.stderr
    assert b"\x07" not in run.stdout + run.stderr


def test_where_nothing_is_declared_it_says_what_was_read_instead() -> None:
    run = ports(
        "-s", "-", stdin=b"apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n"
    )
    assert run.returncode == 0
    assert b"what was read is of other kinds: 1 Kustomization" in run.stdout


def test_what_kubectl_says_beside_the_manifests_is_told_and_they_are_used() -> None:
    run = ports("-s", "-", stdin=b"error: the server is gone\n" + SERVICE)
    assert b"shop/web:80" in run.stdout
    assert b"kubectl failed: error: the server is gone" in run.stdout


def test_a_line_number_counts_kubectl_s_own_words() -> None:
    broken = b"Warning: old\n\n" + SERVICE + b"---\na: [\n"
    assert b"standard input:8: document 2 is not" in ports("-s", "-", stdin=broken).stdout


def test_a_thousand_problems_are_no_flood_but_all_of_them_are_in_json() -> None:
    many = b"---\n".join([SERVICE, *[b"kind: Service\nmetadata: {}\n"] * 1000])
    text = ports("-s", "-", stdin=many).stdout
    assert text.count(b"without metadata.name") == 20
    assert b"and 980 more" in text
    assert ports("-s", "-", "-o", "json", stdin=many).stdout.count(b"without metadata.name") == 1000


def test_a_folder_that_may_not_be_looked_into_is_named_and_the_rest_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "a.yaml").write_bytes(SERVICE)
    (tmp_path / "shut").mkdir()
    scan = os.scandir

    def refusing(path: str) -> object:
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    catalog = load([str(tmp_path)])
    assert [port.service for port in catalog.ports] == ["web"]
    assert catalog.summary.problems == (f"{tmp_path}/shut: cannot be read: Permission denied",)
