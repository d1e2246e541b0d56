"""The `sniffdiag` command: one file a command, one name a command here."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from sniffdiag.cli.exits import ExitCode
from sniffdiag.cli.output import ReaderGoneError
from sniffdiag.cli.streams import forget_standard_output, prepare_streams
from sniffdiag.errors import SniffdiagError
from sniffdiag.report.escape import printable
from sniffdiag.version import VERSION

if TYPE_CHECKING:
    import click

DEBUG = "SNIFFDIAG_DEBUG"
"""Environment variable under which an internal error shows its traceback."""

_NO_MEMORY_HINT = (
    "give it more (ulimit -v, the container's limit), or a smaller capture: "
    "`editcap -i 60 CAPTURE PART.pcap` cuts one into minutes"
)

_HELP = """Says which Kubernetes Service ports a service mesh handles as the wrong protocol.

Compares what is DECLARED (port names and appProtocol in manifests), how it is TREATED by the mesh
at its version, what is OBSERVED on the wire, and what marks there have SHOWN that the proxies
really did. Results go to standard output, everything else to standard error.

Exit codes: 0 clean; 1 findings at or above --fail-on; 2 wrong usage or unreadable input; 3 not
enough evidence to judge.
"""

COMMANDS = ("analyze", "flows", "interfaces", "live", "pod", "ports", "protocols")
"""Each the function of that name in the module of that name."""
_KEEP_LINES = "\b\n"
"""Before a paragraph that click must not wrap."""


def function_of(name: str) -> Callable[..., None]:
    """What runs as the command `name`."""
    function: Callable[..., None] = getattr(import_module(f"sniffdiag.cli.{name}"), name)
    return function


class _WhenAskedFor(Mapping[str, "click.Command"]):
    """Commands that are made when they are asked for: all take 10 ms longer than one."""

    def __getitem__(self, name: str) -> click.Command:
        """The command, whose help shows the examples of its docstring as they stand there."""
        if name not in COMMANDS:
            raise KeyError(name)
        function = function_of(name)
        text = inspect.cleandoc(function.__doc__ or "")
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(name, help=text.replace("Examples:\n", f"{_KEEP_LINES}Examples:\n"))(function)
        return typer.main.get_command(alone)

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class _Group(TyperGroup):
    """The commands of `COMMANDS`."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.commands = _WhenAskedFor()  # type: ignore[assignment]  # nobody adds any

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        """All names; typer's own way to list them makes them all."""
        return list(self.commands)


app = typer.Typer(
    name="sniffdiag",
    cls=_Group,
    suggest_commands=False,  # click does
    help=_HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # frames cost columns, and examples must survive being copied
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:  # noqa: FBT001 - the shape that typer calls back
    if asked:
        typer.echo(f"sniffdiag {VERSION}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(  # noqa: FBT001 - so does an option without a value
        False,  # noqa: FBT003 - and its default
        "--version",
        "-V",
        callback=_version,
        is_eager=True,
        help="Print the version.",
    ),
) -> None:
    pass


def run() -> None:
    """Runs the command line and turns what can go wrong into one line and an exit code."""
    prepare_streams()
    try:
        app(prog_name="sniffdiag")
    except (SniffdiagError, OSError, MemoryError) as error:
        told = _in_words(error)
        _complain(str(told), told.hint)
        forget_standard_output()
        sys.exit(ExitCode.UNUSABLE)
    except ReaderGoneError as gone:
        forget_standard_output()
        sys.exit(gone.code)
    except SystemExit as end:
        if end.code == ExitCode.INTERRUPTED:  # typer makes this of KeyboardInterrupt, silently
            _complain("stopped before the report was made")
        raise
    except Exception as error:
        if DEBUG in os.environ:
            raise
        _complain(
            f"internal error: {type(error).__name__}: {error}",
            f"please report it, with what {DEBUG}=1 makes it print",
        )
        sys.exit(ExitCode.UNUSABLE)


def _in_words(error: SniffdiagError | OSError | MemoryError) -> SniffdiagError:
    if isinstance(error, SniffdiagError):
        return error
    if isinstance(error, MemoryError):
        return SniffdiagError("not enough memory", hint=_NO_MEMORY_HINT)
    return SniffdiagError(f"stopped: {error.strerror or error}")


def _complain(what: str, hint: str = "") -> None:
    sys.stderr.write(f"sniffdiag: {printable(what, 1000)}\n")
    if hint:
        sys.stderr.write(f"  {printable(hint, 1000)}\n")
