"""kubectl on PATH: the one program that sniffdiag starts, and the one place where it does.

Only what the user asked for by name gets here: `--services cluster` without the Kubernetes client,
and `sniffdiag pod`. Arguments are passed as a list, never through a shell.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator
from typing import BinaryIO, Self, cast

from sniffdiag.records import dataclass

_SECONDS = 60.0
_PIECE = 65_536


@dataclass(frozen=True, slots=True)
class Ended:
    """How a kubectl ended."""

    code: int
    output: bytes
    complaint: str
    """The last line that it wrote to standard error: there it says what went wrong."""
    said: str
    """Everything that it wrote there."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """kubectl, told which cluster to talk to."""

    program: str
    """Its path."""
    context: str | None = None
    kubeconfig: str | None = None

    def command(self, *arguments: str) -> list[str]:
        """The words of a call."""
        words = [self.program]
        if self.kubeconfig:
            words += ["--kubeconfig", self.kubeconfig]
        if self.context:
            words += ["--context", self.context]
        return [*words, *arguments]

    def run(self, *arguments: str, seconds: float = _SECONDS) -> Ended:
        """Run it to its end, or to the end of `seconds`."""
        with self.start(*arguments) as running:
            return running.to_the_end(seconds)

    def start(self, *arguments: str) -> Running:
        """Start it, with nothing to read.

        Ctrl-C is for sniffdiag, which ends kubectl itself once its last bytes are read.
        """
        return Running(
            subprocess.Popen(
                self.command(*arguments),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        )


class Running:
    """A kubectl that runs; leaving its context ends it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._process.communicate()

    @property
    def output(self) -> BinaryIO:
        """Its standard output."""
        return cast("BinaryIO", self._process.stdout)

    def pieces(self, seconds: float) -> Iterator[bytes]:
        """What it prints, as it comes.

        Raises:
            TimeoutError: Nothing came for `seconds`.
        """
        output = self.output.fileno()
        while True:
            ready, _, _ = select.select([output], [], [], seconds)
            if not ready:
                raise TimeoutError(f"kubectl said nothing for {seconds:.0f} s")
            piece = os.read(output, _PIECE)
            if not piece:
                return
            yield piece

    def has_ended(self) -> bool:
        """Nothing more will come: its standard output is closed. What is left of it is lost."""
        output = self.output.fileno()
        while select.select([output], [], [], 0)[0]:
            if not os.read(output, _PIECE):
                return True
        return False

    def to_the_end(self, seconds: float = _SECONDS) -> Ended:
        """Wait for its end and read the rest of what it says."""
        try:
            output, said = self._process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            late = f"kubectl gave no answer within {seconds:.0f} s"
            return Ended(self._process.returncode, b"", late, late)
        return _ended(self._process.returncode, output, said)

    def stop(self) -> None:
        """Tell it to end, from whatever thread."""
        if self._process.poll() is None:
            self._process.terminate()


def find(context: str | None = None, kubeconfig: str | None = None) -> Kubectl | None:
    """The kubectl on PATH, or None."""
    program = shutil.which("kubectl")
    return Kubectl(program, context, kubeconfig) if program else None


def _ended(code: int, output: bytes, said: bytes) -> Ended:
    text = said.decode("utf-8", "replace").strip()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return Ended(code, output, lines[-1] if lines else _without_words(code), text)


def _without_words(code: int) -> str:
    if code < 0:
        return f"kubectl was ended by {signal.Signals(-code).name}"
    return f"kubectl ended with code {code}"
