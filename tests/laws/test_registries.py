"""Whatever is one file plus one line has both, and every module has a test one can find."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from sniffdiag.diagnose.rules import RULES
from sniffdiag.identify.detectors import DETECTORS

ROOT = Path(__file__).parents[2]
PACKAGE, TESTS = ROOT / "sniffdiag", ROOT / "tests"

TESTED_THROUGH = {
    "addresses": "report/test_formats.py",
    "errors": "catalog/test_manifests.py",
    "mesh/facts": "mesh/test_policy.py",
    "mesh/treat": "mesh/test_policy.py",
    "model": "mesh/test_treated.py",
    "pipeline/": "oracles/test_flows_as_tshark.py",
    "version": "laws/test_layers.py",
    "__main__": "laws/test_layers.py",
    "catalog/": "catalog/test_manifests.py",
    "catalog/api_client": "catalog/test_cluster.py",
    "catalog/api_kubectl": "catalog/test_cluster.py",
    "cli/": "docs/test_generated.py",
    "decode/": "decode/test_decode.py",
    "diagnose/": "diagnose/test_rules.py",
    "flows/": "laws/test_merging_flows_is_a_monoid.py",
    "identify/": "identify/test_laws.py",
    "marks/": "lab/test_lab.py",
    "nominate/": "nominate/test_nominate.py",
    "observe/": "identify/test_corpus_labels.py",
    "report/": "report/test_formats.py",
    "sources/": "sources/test_captures.py",
}
"""Modules without a test file of their own name are tested where a user meets what they do."""


def defined(folder: str, name: str) -> Iterator[Any]:
    """The `name` of every module of `folder` that defines one."""
    for path in sorted((PACKAGE / folder).glob("*.py")):
        if f"\n{name} = " in path.read_text() or f"\n{name}: " in path.read_text():
            yield getattr(import_module(f"sniffdiag.{folder}.{path.stem}"), name)


def test_every_detector_is_in_the_list() -> None:
    """`SIGNATURES` holds those that a fixed beginning is enough for, one row each."""
    rows = [row for table in defined("identify", "SIGNATURES") for row in table]
    found = {detector.protocol for detector in [*defined("identify", "DETECTOR"), *rows]}
    assert found == {detector.protocol for detector in DETECTORS}


def test_every_rule_is_in_the_list() -> None:
    assert {rule.name for rule in defined("diagnose", "RULE")} == {rule.name for rule in RULES}


def test_a_rule_lives_in_a_file_named_for_the_offence() -> None:
    for rule in RULES:
        assert (PACKAGE / "diagnose" / f"{rule.name.replace('-', '_')}.py").exists()


@pytest.mark.parametrize("rule", [rule.name for rule in RULES])
def test_every_rule_is_named_in_a_test(rule: str) -> None:
    texts = [path.read_text() for path in (TESTS / "diagnose").glob("*.py")]
    assert any(f'"{rule}"' in text for text in texts)


def test_ids_and_names_are_unique() -> None:
    for names in (
        [detector.protocol for detector in DETECTORS],
        [rule.name for rule in RULES],
        [rule.id for rule in RULES],
    ):
        assert len(names) == len(set(names))


def modules() -> list[str]:
    """Source modules as paths without suffix, relative to the package."""
    paths = (path.relative_to(PACKAGE).with_suffix("") for path in PACKAGE.rglob("*.py"))
    return sorted(path.as_posix() for path in paths if path.name != "__init__")


@pytest.mark.parametrize("module", modules())
def test_every_module_has_a_test_file(module: str) -> None:
    folder, slash, name = module.rpartition("/")
    twin = f"{folder}{slash}test_{name}.py"
    through = TESTED_THROUGH.get(module) or TESTED_THROUGH.get(f"{folder}/", "")
    assert (TESTS / twin).exists() or (TESTS / through).is_file()
