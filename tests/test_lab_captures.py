"""What sniffdiag says of the captures of a real Envoy in pcaps/lab, against their truth."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sniffdiag.catalog.manifests import load
from sniffdiag.catalog.services import Catalog
from sniffdiag.pipeline.diagnosis import MeshChoice, analyze_captures

LAB = Path(__file__).parents[1] / "pcaps" / "lab"
CANNOT_SEE = {"unknown", "no-traffic"}

HIDDEN_BY_A_PROXY = {
    ("http-on-http2-api", "s1-lo"): "the server's sidecar speaks HTTP/2 to it, and it answers HTML "
    "without a status line",
}
"""Mismatches that this place of capture does not show, each with its reason."""


@dataclass(frozen=True)
class Case:
    """One capture of one scenario."""

    folder: Path
    place: str

    @property
    def name(self) -> str:
        """The id of the test."""
        return f"{self.folder.parent.name} {self.folder.name} {self.place}"


@cache
def truth(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "truth.json").read_text()))


@cache
def catalog(folder: Path) -> Catalog:
    return load([str(folder / "services.yaml")])


CASES = [
    Case(path.parent, place)
    for path in sorted(LAB.glob("*/*/truth.json"))
    for place in truth(path.parent)["captures"]
]


def test_the_lab_is_there() -> None:
    assert len(CASES) > 400


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_verdict_and_rules(case: Case) -> None:
    """Right where the bytes are readable; where they are not, never a wrong accusation."""
    known, expected = truth(case.folder), truth(case.folder)["expect"]
    capture, dialled = known["captures"][case.place], known["ports"][known["dialled"]]
    report = analyze_captures(
        [str(case.folder / capture["file"])],
        catalog(case.folder),
        MeshChoice("istio", known["mesh_version"]),
    )
    (port,) = [
        p
        for p in report.ports
        if (p.seen.declared.service, p.seen.declared.port) == (dialled["service"], dialled["port"])
    ]
    rules = {f.name for f in report.findings if f.declared == port.seen.declared}
    verdicts = {expected["verdict"], *expected["verdict_alternatives"]}
    if not capture["readable"]:
        assert port.verdict in verdicts | CANNOT_SEE
        return
    hidden = capture["converted"] or (case.folder.parent.name, case.place) in HIDDEN_BY_A_PROXY
    if hidden and port.verdict == "ok":
        assert not rules
        return
    assert port.verdict in verdicts
    assert set(expected["rules"]) <= rules <= {*expected["rules"], *expected["rules_allowed"]}
