"""The checked-in pages are what the code says today."""

from __future__ import annotations

import pytest

from sniffdiag.diagnose.rule import Rule
from sniffdiag.diagnose.rules import RULES
from tests.docs import generate

SECTIONS = ("What it sees", "Why it matters", "Example", "How to fix", "When it is wrong")


def test_generated_pages_and_printed_examples_are_up_to_date() -> None:
    differences = "".join(generate.difference(path, text) for path, text in generate.pages())
    assert not differences, f"run `make docs`\n{differences}"


def test_no_page_is_left_of_a_rule_that_is_gone() -> None:
    assert generate.stray_rule_pages() == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_explains_itself(rule: Rule) -> None:
    page = generate.rule_page(rule)
    missing = [section for section in SECTIONS if f"\n## {section}\n" not in page]
    assert missing == []


def test_the_readme_shows_the_program_at_work() -> None:
    assert generate.ROOT / "README.md" in generate.pages_with_examples()
