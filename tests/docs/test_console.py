"""A page cannot show output that the program does not print."""

from __future__ import annotations

import pytest

from tests.docs.console import refreshed


def page(*lines: str) -> str:
    return "\n".join(["Before.", "```console", *lines, "```", "After.", ""])


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(["$ echo one", "one", "$ echo two >&2", "two"], id="both streams"),
        pytest.param(["$ (exit 3)", "$ echo $?", "3"], id="exit code of the command before"),
        pytest.param(["$ seq 5", "1", "...", "5"], id="some lines left out"),
        pytest.param(["$ echo a \\", "    b", "a b"], id="a command on two lines"),
        pytest.param(["$ sniffdiag --version | wc -l", "1"], id="this program"),
    ],
)
def test_a_true_page_stays_as_it_is(lines: list[str]) -> None:
    assert refreshed(page(*lines)) == page(*lines)


@pytest.mark.parametrize(
    ("lines", "mended"),
    [
        pytest.param(["$ echo one", "two"], ["$ echo one", "one"], id="another word"),
        pytest.param(["$ echo one"], ["$ echo one", "one"], id="output not shown"),
        pytest.param(["$ true", "one"], ["$ true"], id="output that does not come"),
        pytest.param(["$ seq 2", "...", "3"], ["$ seq 2", "1", "2"], id="a false last line"),
    ],
)
def test_a_false_page_is_mended(lines: list[str], mended: list[str]) -> None:
    assert refreshed(page(*lines)) == page(*mended)


def test_blocks_of_other_languages_are_not_run() -> None:
    text = page("$ echo one", "two").replace("console", "sh")
    assert refreshed(text) == text
