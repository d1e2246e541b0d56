"""Writes the pages that are made from the code: rules, protocols, command line, examples.

`make docs` runs it. With --check it writes nothing and exits 1 if a page is out of date.
"""

from __future__ import annotations

import argparse
import difflib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from enum import Enum, EnumType
from pathlib import Path
from typing import Any, get_args, get_type_hints

from typer.models import ArgumentInfo, OptionInfo

from sniffdiag.cli.app import COMMANDS, app, function_of
from sniffdiag.diagnose.rule import Rule
from sniffdiag.diagnose.rules import RULES
from sniffdiag.report.protocol_table import PROTOCOL_FORMATS
from tests.docs import console
from tests.identify import confusion

ROOT = console.ROOT
DOCS = ROOT / "docs"
NOTICE = "<!-- Made from the code by `make docs`; edit it there. -->\n\n"


def rule_page(rule: Rule) -> str:
    """One rule: the docstring of its module under its identity."""
    text = inspect.cleandoc(sys.modules[rule.check.__module__].__doc__ or "")
    identity = (
        f"`{rule.id}` · severity: {rule.severity.name.lower()} · verdict: {rule.verdict.value}"
    )
    return f"{NOTICE}# {rule.name}\n\n{identity}\n\n{text}\n"


def rule_index() -> str:
    """All rules, in the order their findings are listed."""
    lines = ["| id | rule | severity | what it finds |", "| --- | --- | --- | --- |"]
    for rule in RULES:
        link, severity = f"[{rule.name}]({rule.name}.md)", rule.severity.name.lower()
        lines.append(f"| {rule.id} | {link} | {severity} | {rule.summary} |")
    return f"{NOTICE}# Rules\n\n" + "\n".join(lines) + "\n"


def protocol_page() -> str:
    """What is recognised, and by which bytes."""
    introduction = (
        "Port numbers and names are never looked at. `unknown` comes with a reason; `tcp` and "
        "`udp` mean that payload was seen from its start and is none of these."
    )
    return f"{NOTICE}# Protocols\n\n{introduction}\n\n{PROTOCOL_FORMATS['markdown']()}"


def command_page() -> str:
    """Every command and option, from the functions: rendered help depends on the terminal."""
    introduction = inspect.cleandoc(str(app.info.help))
    sections = [_command(name, function_of(name)) for name in COMMANDS]
    return f"{NOTICE}# Command line\n\n{introduction}\n\n" + "\n".join(sections)


def _command(name: str, function: Callable[..., Any]) -> str:
    types = get_type_hints(function, include_extras=True)
    parameters = inspect.signature(function).parameters
    rows = [_parameter(types[name], parameter.default) for name, parameter in parameters.items()]
    table = "\n".join(["| option | meaning | default |", "| --- | --- | --- |", *rows])
    text = re.sub(r"(?m)^(Examples:)\n", r"\1\n\n", inspect.getdoc(function) or "")
    return f"## sniffdiag {name}\n\n{re.sub(r'(?m)^  ', '    ', text)}\n\n{table}\n"


def _parameter(annotation: Any, default: object) -> str:
    kind, info = get_args(annotation)
    names = [info.metavar] if isinstance(info, ArgumentInfo) else _spellings(info)
    choices = ", ".join(f"`{member}`" for member in _members(kind))
    meaning = f"{info.help} {f'One of {choices}.' if choices else ''}".strip().replace("|", "\\|")
    value = default.value if isinstance(default, Enum) else default
    shown = f"`{value}`" if value else ""
    if default is inspect.Parameter.empty:
        shown = "required"
    return f"| {' '.join(f'`{name}`' for name in names)} | {meaning} | {shown} |"


def _members(kind: object) -> list[Any]:
    return list(kind) if isinstance(kind, EnumType) else []


def _spellings(option: OptionInfo) -> list[str]:
    """Short first. Inside Annotated, typer keeps the first spelling where a default would be."""
    return sorted([str(option.default), *(option.param_decls or ())], key=len)


def pages() -> Iterator[tuple[Path, str]]:
    """Every page with what it should hold."""
    yield DOCS / "rules" / "README.md", rule_index()
    for rule in RULES:
        yield DOCS / "rules" / f"{rule.name}.md", rule_page(rule)
    yield DOCS / "protocols.md", protocol_page()
    yield DOCS / "confusion.md", NOTICE + confusion.page()
    yield DOCS / "cli.md", command_page()
    for path in pages_with_examples():
        yield path, console.refreshed(path.read_text())


def pages_with_examples() -> list[Path]:
    """Hand-written pages whose ```console blocks are run."""
    written = [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
    return sorted(path for path in written if console.has_blocks(path.read_text()))


def stray_rule_pages() -> list[Path]:
    """Pages of rules that no longer exist."""
    known = {f"{rule.name}.md" for rule in RULES} | {"README.md"}
    return sorted(path for path in (DOCS / "rules").glob("*.md") if path.name not in known)


def difference(path: Path, expected: str) -> str:
    """What is wrong with a page; empty if nothing is."""
    found = path.read_text() if path.exists() else ""
    name = path.relative_to(ROOT).as_posix()
    lines = difflib.unified_diff(
        found.splitlines(keepends=True), expected.splitlines(keepends=True), name, "from the code"
    )
    return "".join(lines)


def main() -> int:
    """Write or check all pages."""
    parser = argparse.ArgumentParser(prog="python -m tests.docs.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say what is out of date")
    check = parser.parse_args().check
    stale = [(path, text) for path, text in pages() if difference(path, text)]
    for path, text in stale:
        if check:
            sys.stdout.write(difference(path, text))
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            sys.stdout.write(f"wrote {path.relative_to(ROOT)}\n")
    for path in stray_rule_pages():
        sys.stdout.write(f"no rule has the page {path.relative_to(ROOT)}\n")
    return 1 if check and (stale or stray_rule_pages()) else 0


if __name__ == "__main__":
    sys.exit(main())
