"""How a capture that goes on is shown: a table in place on a terminal, else a line now and then."""

from __future__ import annotations

import sys
from collections import deque
from typing import TYPE_CHECKING, Protocol, Self

from sniffdiag.cli.output import write
from sniffdiag.report.escape import printable
from sniffdiag.report.live import Event, LiveState, PortRate
from sniffdiag.report.live_events import state_lines
from sniffdiag.report.live_lines import counters, counters_line, event_line
from sniffdiag.report.port_table import HEADERS, port_cells
from sniffdiag.report.report import PortReport

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

COUNTERS_EVERY_S = 10.0
_EVENTS_SHOWN = 6
_RATES = ("CONN/S", "REQ/S")
_STYLES = {"ok": "green", "mismatch": "bold red", "at-risk": "yellow"}


class Rehearsed(Protocol):
    """A `Listener` that can do once, unseen, what it will do when nothing can be imported."""

    def rehearse(self, state: LiveState) -> None:
        """Show nothing, but everything that showing needs is there."""

    def __call__(self, state: LiveState) -> None:
        """Shows how the capture stands."""


class Display(Rehearsed, Protocol):
    """A context manager, too."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class Lines:
    """Events as they come and counters now and then, on standard error."""

    def __init__(self) -> None:
        self._told_s = -COUNTERS_EVERY_S
        self._notes: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def rehearse(self, state: LiveState) -> None:
        """See `Rehearsed`."""
        counters_line(state)

    def __call__(self, state: LiveState) -> None:
        """See `Display`."""
        lines = [event_line(event) for event in state.events]
        lines += [printable(note) for note in state.notes if note not in self._notes]
        self._notes.update(state.notes)
        if state.elapsed_s - self._told_s >= COUNTERS_EVERY_S:
            self._told_s = state.elapsed_s
            lines.append(counters_line(state))
        sys.stderr.writelines(f"{line}\n" for line in lines)
        sys.stderr.flush()


class EventStream(Lines):
    """NDJSON on standard output."""

    def rehearse(self, state: LiveState) -> None:
        """See `Rehearsed`."""
        list(state_lines(state))

    def __call__(self, state: LiveState) -> None:
        """See `Display`; the output is flushed with every state."""
        write(state_lines(state))


class Screen:
    """One row for each declared port, changing in place, on a terminal's standard error."""

    def __init__(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - a capture to a log needs none of it
        from rich.live import Live  # noqa: PLC0415 - the same

        self._events: deque[Event] = deque(maxlen=_EVENTS_SHOWN)
        self._console = Console(stderr=True, highlight=False, markup=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def rehearse(self, state: LiveState) -> None:
        """See `Rehearsed`."""
        with self._console.capture():
            self._live.start()
            self._live.update(self._drawn(state), refresh=True)
            self._live.stop()

    def __call__(self, state: LiveState) -> None:
        """See `Display`."""
        self._events.extend(state.events)
        self._live.update(self._drawn(state), refresh=True)

    def _drawn(self, state: LiveState) -> Group:
        from rich.console import Group  # noqa: PLC0415 - as above
        from rich.text import Text  # noqa: PLC0415 - as above

        losses = "bold red" if state.dropped else ""
        return Group(
            Text(f"{state.elapsed_s:,.0f} s  {counters(state)}", style=losses),
            *(Text(printable(note), style="yellow") for note in state.notes),
            _port_table(state),
            *(Text(event_line(event), style="dim") for event in self._events),
            Text("Ctrl-C ends the capture and gives the report", style="dim"),
        )


def _port_table(state: LiveState) -> Table:
    from rich import box  # noqa: PLC0415 - as above
    from rich.table import Table  # noqa: PLC0415 - as above

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=False)
    *words, verdict = HEADERS
    for heading in (*words, *_RATES, verdict):
        table.add_column(heading, justify="right" if heading in _RATES else "left")
    for port, rate in zip(state.report.ports, state.rates, strict=True):
        table.add_row(*_cells(port, rate), style=_STYLES.get(port.verdict.value, ""))
    return table


def _cells(port: PortReport, rate: PortRate) -> tuple[str, ...]:
    *words, verdict = map(printable, port_cells(port))
    return *words, f"{rate.connections:,.1f}", f"{rate.requests:,.1f}", verdict
