"""Runs the ```console blocks of a Markdown page and puts what they print below each command.

    ```console
    $ sniffdiag ports --services services.yaml --mesh istio --mesh-version 1.3.6
    ...any lines
    $ echo $?
    1
    ```

A block is one shell session in the repository, with this environment's `sniffdiag` on PATH; what a
command writes to standard error counts as on a terminal. A line `...` stands for any lines. What
should not be run (installing, capturing) goes into a ```sh block.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PROMPT = "$ "
ANY_LINES = "...\n"
SECONDS = 60


def has_blocks(page: str) -> bool:
    """There is something to run."""
    return BLOCK.search(page) is not None


def refreshed(page: str) -> str:
    """The page with every command's output as it is today."""
    return BLOCK.sub(lambda block: f"```console\n{_rerun(block[1])}```", page)


def _rerun(block: str) -> str:
    commands, written = [], []
    for line in block.splitlines(keepends=True):
        if line.startswith(PROMPT):
            commands.append(line.removeprefix(PROMPT))
            written.append("")
        elif commands and commands[-1].endswith("\\\n"):
            commands[-1] += line
        elif written:
            written[-1] += line
    printed = _session(commands)
    return "".join(
        f"{PROMPT}{command}{old if _fits(old, new) else new}"
        for command, old, new in zip(commands, written, printed, strict=True)
    )


def _session(commands: list[str]) -> list[str]:
    """What each command prints, `$?` of one seen by the next."""
    mark = f"-- {secrets.token_hex(8)}"
    after = f"code=$?; echo '{mark}'; (exit $code)"
    here = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{here}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "100",
        "NO_COLOR": "1",
        "LC_ALL": "C.UTF-8",
    }
    done = subprocess.run(
        ["bash", "-c", "\n".join(f"{command}\n{after}" for command in commands)],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return done.stdout.split(f"{mark}\n")[: len(commands)]


def _fits(written: str, printed: str) -> bool:
    """`written` says the same as `printed`, `...` lines standing for any lines."""
    if ANY_LINES not in written:
        return written == printed
    pattern = "(?:.*\n)*".join(re.escape(part) for part in written.split(ANY_LINES))
    return re.fullmatch(pattern, printed) is not None
