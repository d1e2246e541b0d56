"""The one program that is started: how it is found, called and ended."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from sniffdiag.kubectl import Kubectl, find


def program(folder: Path, script: str) -> str:
    path = folder / "kubectl"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_it_is_found_on_the_path_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find() is None
    made = program(tmp_path, "exit 0")
    assert find("prod") == Kubectl(made, "prod")


def test_it_is_told_which_cluster() -> None:
    asked = Kubectl("kubectl", "prod; reboot", "/a b")
    assert asked.command("get", "pods") == [
        *("kubectl", "--kubeconfig", "/a b", "--context", "prod; reboot"),
        *("get", "pods"),
    ]


def test_no_word_reaches_a_shell(tmp_path: Path) -> None:
    ended = Kubectl(program(tmp_path, 'printf "%s|" "$@"')).run("get", "$(reboot)", "; reboot")
    assert ended.output == b"get|$(reboot)|; reboot|"


def test_the_last_line_is_the_complaint(tmp_path: Path) -> None:
    script = "echo 'Warning: old' >&2; echo 'error: no such pod' >&2; echo >&2; exit 3"
    ended = Kubectl(program(tmp_path, script)).run()
    assert (ended.code, ended.complaint) == (3, "error: no such pod")
    assert ended.said.startswith("Warning: old")


def test_a_failure_without_words_is_told_by_its_code_or_signal(tmp_path: Path) -> None:
    assert Kubectl(program(tmp_path, "exit 4")).run().complaint == "kubectl ended with code 4"
    killed = Kubectl(program(tmp_path, "kill -KILL $$")).run()
    assert killed.complaint == "kubectl was ended by SIGKILL"


def test_it_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    asked = Kubectl(program(tmp_path, "exec sleep 60"))
    began = time.monotonic()
    assert "no answer within" in asked.run(seconds=0.2).complaint
    with asked.start() as running, pytest.raises(TimeoutError):
        list(running.pieces(0.2))
    assert time.monotonic() - began < 20


def test_leaving_the_context_ends_it(tmp_path: Path) -> None:
    mark = tmp_path / "ended"
    script = f"trap 'touch {mark}; exit 0' TERM; echo begun; while :; do sleep 0.05; done"
    with Kubectl(program(tmp_path, script)).start() as running:
        assert next(running.pieces(20)) == b"begun\n"
    assert mark.exists()
