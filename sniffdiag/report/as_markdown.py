"""The report as Markdown that pastes well into a ticket: tables, and every wire text escaped."""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.diagnose.finding import Finding
from sniffdiag.model import PortVerdict
from sniffdiag.report import leg_table
from sniffdiag.report.capture_text import capture_lines, utc
from sniffdiag.report.escape import markdown, markdown_code, printable
from sniffdiag.report.http_table import HEADERS, counted_notes, http_rows
from sniffdiag.report.phrases import mesh_phrase, no_ports_phrase, problem_lines
from sniffdiag.report.port_table import port_headers, port_rows
from sniffdiag.report.report import Report
from sniffdiag.report.tables import pipe_table

_NAMES_SHOWN = 10


def render(report: Report) -> str:
    """The whole report, ending in a newline."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"## sniffdiag: {markdown(mesh_phrase(report))}"
    yield ""
    if report.capture is not None:
        sources = report.capture.sources
        names = ", ".join(markdown_code(s.name) for s in sources[:_NAMES_SHOWN])
        more = len(sources) - _NAMES_SHOWN
        yield f"Capture {names}" + (f" and {more:,} more" if more > 0 else "")
        yield ""
        yield from (f"- {markdown(line)}" for line in capture_lines(report.capture))
    yield from (f"- {markdown(note)}" for note in report.notes)
    yield from (f"- not used: {markdown(problem)}" for problem in problem_lines(report))
    yield ""
    if report.ports:
        headers = [header.capitalize() for header in port_headers(report)]
        yield pipe_table(headers, [_row(cells) for cells in port_rows(report)])
    else:
        yield markdown(no_ports_phrase(report))
    yield from _http(report)
    yield from _legs(report)
    if report.unmatched_flows:
        yield ""
        yield f"{report.unmatched_flows:,} flows belong to no declared port."
    for finding in report.findings:
        yield ""
        yield from _finding(finding)


def _row(cells: list[str]) -> list[str]:
    label, declared, *told, last = cells
    last = "**mismatch**" if last == PortVerdict.MISMATCH else markdown(last)
    return [markdown_code(label), markdown_code(declared), *map(markdown, told), last]


def _http(report: Report) -> Iterator[str]:
    rows = [
        [markdown_code(label), *map(markdown, cells), markdown_code(over_time)]
        for label, *cells, over_time in http_rows(report)
    ]
    if not rows:
        return
    yield ""
    yield pipe_table([header.capitalize() for header in HEADERS], rows)
    notes = counted_notes(report)
    if notes:
        yield ""
        yield from (f"- {markdown(note)}" for note in notes)


def _legs(report: Report) -> Iterator[str]:
    rows = [
        [markdown_code(label), *map(markdown, cells)]
        for label, *cells in leg_table.leg_rows(report)
    ]
    if not rows:
        return
    yield ""
    yield pipe_table([header.capitalize() for header in leg_table.HEADERS], rows)
    notes = leg_table.hop_notes(report)
    if notes:
        yield ""
        yield from (f"- {markdown(note)}" for note in notes)


def _finding(finding: Finding) -> Iterator[str]:
    yield f"### {finding.severity.upper()} {finding.name} ({finding.rule})"
    yield ""
    yield markdown(printable(finding.message, 1000)) + "."
    if finding.evidence:
        yield ""
        rows = [
            [
                str(proof.frame),
                utc(proof.ts_ns),
                markdown_code(f"{proof.client} > {proof.server}"),
                markdown_code(proof.what),
            ]
            for proof in finding.evidence
        ]
        yield pipe_table(("Frame", "Time", "Connection", "Seen"), rows)
    if finding.fix is not None:
        yield ""
        yield f"**Fix:** {markdown(finding.fix.summary)}"
        if finding.fix.command:
            yield ""
            yield from ("```sh", printable(finding.fix.command, 1000), "```")
        if finding.fix.traps:
            yield ""
            yield from (f"- Mind: {markdown(trap)}" for trap in finding.fix.traps)
