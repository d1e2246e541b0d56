"""The lab runs here and now, and sniffdiag says what the truth beside each fresh capture demands.

Live twins of captures in pcaps/lab: they show that the lab still works with the Envoy that is
installed, and that what is committed is no accident. The rest is judged from committed captures.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.lab

LAB = Path(__file__).parent / "run.py"
HEALTHY, INCIDENT = "http-on-http-web", "http-on-tcp-web"
LIVE = (
    pytest.param(HEALTHY, "1.3.6", "http", id="healthy"),
    pytest.param(HEALTHY, "1.20-mtls", "http", id="healthy under mutual TLS"),
    pytest.param(INCIDENT, "1.3.6", "tcp", id="the incident"),
    pytest.param(INCIDENT, "1.20-mtls", "tcp", id="the incident under mutual TLS"),
)


def run_live(scenario: str, version: str, out: Path) -> Path:
    """Run one case of the lab; its folder."""
    command = [sys.executable, str(LAB), "--out", str(out), "--only", scenario]
    done = subprocess.run(
        [*command, "--version", version], check=False, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out / scenario / version


def analyze(capture: Path, truth: dict) -> dict:
    """The report of `sniffdiag analyze` on one capture."""
    command = [sys.executable, "-m", "sniffdiag", "analyze", str(capture), "-o", "json"]
    command += ["--services", str(capture.parent / "services.yaml")]
    command += ["--mesh", "istio", "--mesh-version", truth["mesh_version"]]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode in {0, 1}, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(("scenario", "version", "handled"), LIVE)
def test_envoy_does_what_the_name_declares_and_the_report_says_so(
    scenario: str, version: str, handled: str, tmp_path: Path
) -> None:
    folder = run_live(scenario, version, tmp_path)
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))

    for did in truth["measured"]["access_logs"].values():
        assert {listener.split()[0] for listener in did} == {handled}
    readable = [one for one in truth["captures"].values() if one["readable"]]
    assert readable
    for capture in readable:
        report = analyze(folder / capture["file"], truth)
        assert [port["verdict"] for port in report["ports"]] == [truth["expect"]["verdict"]]
        found = {one["name"] for one in report["findings"]}
        required = set(truth["expect"]["rules"])
        assert required <= found <= required | set(truth["expect"]["rules_allowed"])
