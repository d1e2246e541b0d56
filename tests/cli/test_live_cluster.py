"""`sniffdiag live -s cluster`: the console renames a port while traffic flows."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.kube_api import KubeApi, endpoint_slice, pod, service

ROOT = Path(__file__).parents[2]
INCIDENT = ROOT / "pcaps" / "tke-rename" / "incident.pcap"
PODS = ("10.244.2.20", "10.244.2.21")


@pytest.fixture
def api() -> Iterator[KubeApi]:
    with KubeApi() as server:
        server.put(service(), endpoint_slice(*PODS), pod("reviews-v1-abc", PODS[0]))
        yield server


class Live:
    """`sniffdiag live -r -` with its output read as it comes."""

    def __init__(self, kubeconfig: str, *options: str) -> None:
        command = [sys.executable, "-m", "sniffdiag", "live", "-r", "-", "-s", "cluster", *options]
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "KUBECONFIG": kubeconfig},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._lines: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(json.loads(line))

    def send(self, data: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def wait_for(self, event: str, **fields: Any) -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while True:
            line = self._lines.get(timeout=deadline - time.monotonic())
            if line["event"] == event and all(line.get(k) == v for k, v in fields.items()):
                return line

    def end(self) -> int:
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._process.wait(60)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()


def test_a_rename_is_an_event_and_the_verdict_follows(api: KubeApi, tmp_path: Path) -> None:
    data = INCIDENT.read_bytes()
    live = Live(api.kubeconfig(tmp_path), "--mesh-version", "1.3.6", "-o", "ndjson")
    try:
        live.send(data)
        before = live.wait_for("verdict-changed")
        assert (before["was"], before["verdict"]) == ("no-traffic", "ok")
        api.wait_for_watches(1)
        began = time.monotonic()
        api.put(service("tcp-8080-8080", manager="tke-apiserver"))
        change = live.wait_for("declaration-changed")
        assert time.monotonic() - began < 1.5  # a second, and what a busy machine adds
        assert change["text"] == (
            "shop/reviews port 8080 renamed http-web → tcp-8080-8080 by manager tke-apiserver"
        )
        assert change["time"].startswith("2026-11-22T22:09:14")
        assert (change["before"]["name"], change["after"]["name"]) == ("http-web", "tcp-8080-8080")
        after = live.wait_for("verdict-changed")
        assert (after["was"], after["verdict"]) == ("ok", "mismatch")
        code = live.end()
        report = live.wait_for("report")["report"]
    finally:
        live.stop()
    assert code == 1
    (finding,) = [f for f in report["findings"] if f["name"] == "http-on-opaque-port"]
    assert finding["message"].endswith(
        'it was "http-web" until 2026-11-22T22:09:14Z, when manager tke-apiserver renamed it'
    )


def test_without_the_right_to_list_nothing_is_begun(api: KubeApi, tmp_path: Path) -> None:
    api.deny("list", "services")
    live = Live(api.kubeconfig(tmp_path))
    try:
        assert live.end() == 2
        assert live._process.stderr is not None
        assert b"not allowed to list Services in namespace shop" in live._process.stderr.read()
    finally:
        live.stop()
