"""Whatever is one file plus one line has both, and every module has a test a reader can find."""

from __future__ import annotations

from pathlib import Path

import pytest

from sniffdiag.diagnose.rules import RULES
from sniffdiag.identify.detectors import DETECTORS

ROOT = Path(__file__).parents[2]
PACKAGE, TESTS = ROOT / "sniffdiag", ROOT / "tests"

TESTED_ELSEWHERE: dict[str, str] = {}
"""Modules whose behaviour is tested in a file of another name, because a user sees it there."""


def defining(folder: str, name: str) -> set[str]:
    """Modules of `folder` with a line that defines `name`."""
    texts = {path.stem: path.read_text() for path in (PACKAGE / folder).glob("*.py")}
    return {stem for stem, text in texts.items() if f"\n{name} = " in text or f"\n{name}: " in text}


def test_every_detector_is_in_the_list() -> None:
    homes = {detector.probe.__module__.rpartition(".")[2] for detector in DETECTORS}
    assert homes == defining("identify", "DETECTOR")


def test_every_rule_is_in_the_list_and_its_file_is_named_for_the_offence() -> None:
    assert {rule.name.replace("-", "_") for rule in RULES} == defining("diagnose", "RULE")


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
    folder, _, name = module.rpartition("/")
    twin = TESTS / folder / f"test_{name}.py"
    elsewhere = TESTED_ELSEWHERE.get(module)
    assert twin.exists() != bool(elsewhere), f"{twin.relative_to(ROOT)} (or say where, not both)"
    assert elsewhere is None or (TESTS / elsewhere).exists()
