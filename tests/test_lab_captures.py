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
    """Right where the bytes are readable; where they are not, never a wrong accusation.

    A hop on which a sidecar converted HTTP may look right although the next one is not.
    """
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
    if capture["converted"] and port.verdict == "ok":
        assert not rules
        return
    assert port.verdict in verdicts
    assert set(expected["rules"]) <= rules <= {*expected["rules"], *expected["rules_allowed"]}
