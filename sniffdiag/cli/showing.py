"""How a live run is shown: on the way to standard error, in the end to standard output."""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

from sniffdiag.cli.live_options import LiveFormat
from sniffdiag.cli.output import write
from sniffdiag.cli.processes import processes
from sniffdiag.report.escape import printable

if TYPE_CHECKING:
    from sniffdiag.catalog.watch import Watch
    from sniffdiag.cli.exits import ExitCode
    from sniffdiag.cli.screen import Display, Rehearsed
    from sniffdiag.pipeline.live import LiveRun
    from sniffdiag.report.live import LiveState
    from sniffdiag.report.report import Report


class Showing:
    """One display, and metrics where they are asked for."""

    def __init__(self, output: LiveFormat, metrics: str | None = None) -> None:
        self._output = output
        self._display = _display(output)
        self._listeners: list[Rehearsed] = [self._display]
        if metrics is not None:
            self._listeners.append(_metrics(metrics))

    def rehearse(self, run: LiveRun) -> None:
        """Show and report what there is, nothing yet: whatever that imports can be read still."""
        from sniffdiag.report.formats import FORMATS  # noqa: PLC0415 - --help stays fast

        state = run.state()
        for listener in self._listeners:
            listener.rehearse(state)
        for render in FORMATS.values():
            render(state.report)

    def conduct(self, run: LiveRun, watch: Watch | None) -> Report:
        """Show the run as it goes, to its end."""
        with self._display, watch or nullcontext():
            report = run.run(self._tell, processes())
        if run.files is not None and run.files.failure:
            say(run.files.problem())
        return report

    def give(self, report: Report, code: ExitCode) -> None:
        """The final report, with which the command ends."""
        from sniffdiag.report.formats import FORMATS  # noqa: PLC0415 - --help stays fast
        from sniffdiag.report.live_events import report_line  # noqa: PLC0415 - as above

        if self._output is LiveFormat.NDJSON:
            write([report_line(report, time.time_ns())], code)
        else:
            write([FORMATS[self._output](report)], code)

    def _tell(self, state: LiveState) -> None:
        for listener in self._listeners:
            listener(state)


def _display(output: LiveFormat) -> Display:
    from sniffdiag.cli.screen import EventStream, Lines, Screen  # noqa: PLC0415 - --help stays fast

    if output is LiveFormat.NDJSON:
        return EventStream()
    return Screen() if sys.stderr.isatty() else Lines()


def _metrics(address: str) -> Rehearsed:
    from sniffdiag.cli.metrics import MetricsServer  # noqa: PLC0415 - --help stays fast

    return MetricsServer(address)


def say(text: str) -> None:
    """One line to standard error."""
    sys.stderr.write(f"sniffdiag: {printable(text, 1000)}\n")
