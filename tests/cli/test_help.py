"""`--help` explains everything, and what it shows can be typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import get_args, get_type_hints

import click
import pytest
from typer.main import get_command

from sniffdiag.cli.app import COMMANDS, app, function_of

WIDTH = 80


def commands() -> Mapping[str, click.Command]:
    group = get_command(app)
    assert isinstance(group, click.Group)
    return group.commands


def help_of(name: str, width: int = WIDTH) -> str:
    command = commands()[name]
    return command.get_help(click.Context(command, info_name=name, max_content_width=width))


def examples() -> list[tuple[str, str]]:
    """Name of the command whose help it is, and a line of its examples."""
    return [
        (name, line.strip())
        for name in COMMANDS
        for line in help_of(name, 200).partition("Examples:\n")[2].partition("\n\n")[0].splitlines()
    ]


def as_words(text: str) -> str:
    """Lines may be broken anywhere, after a dash too."""
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_explains_every_argument_and_option(name: str) -> None:
    shown = as_words(help_of(name))
    for annotation in get_type_hints(function_of(name), include_extras=True).values():
        if infos := get_args(annotation)[1:]:
            assert as_words(str(infos[0].help)) in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_examples(name: str) -> None:
    assert [line for of, line in examples() if of == name]


@pytest.mark.parametrize(("name", "line"), examples())
def test_an_example_can_be_typed(name: str, line: str) -> None:
    (part,) = (part for part in line.split(" | ") if "sniffdiag" in part)
    words = shlex.split(part.partition(" > ")[0])
    given = words[words.index("sniffdiag") + 1 :]
    assert given[0] == name
    commands()[name].make_context(name, given[1:])


def test_the_list_of_commands_says_each_in_one_whole_line() -> None:
    group = get_command(app)
    shown = group.get_help(click.Context(group, info_name="sniffdiag", max_content_width=WIDTH))
    assert "..." not in shown.partition("Commands:")[2]
