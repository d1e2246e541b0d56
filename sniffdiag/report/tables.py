"""Tables by tabulate; the only file that imports it."""

from __future__ import annotations

from collections.abc import Sequence


def plain_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns separated by two spaces, nothing reinterpreted as a number."""
    from tabulate import tabulate  # noqa: PLC0415, TID251 - here, and only when drawing

    text = tabulate(rows, headers=list(headers), tablefmt="plain", disable_numparse=True)
    return "\n".join(line.rstrip() for line in text.splitlines())


def pipe_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as GitHub and GitLab render it; cells must be escaped already."""
    from tabulate import tabulate  # noqa: PLC0415, TID251 - here, and only when drawing

    return tabulate(rows, headers=list(headers), tablefmt="github", disable_numparse=True)
