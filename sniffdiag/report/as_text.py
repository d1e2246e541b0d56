"""The report for a terminal: a table of declared ports, then the findings with frames and fixes."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator

from sniffdiag.diagnose.finding import Finding
from sniffdiag.report import leg_table
from sniffdiag.report.capture_text import capture_lines, clock
from sniffdiag.report.escape import printable
from sniffdiag.report.http_table import HEADERS, counted_notes, http_rows
from sniffdiag.report.phrases import mesh_phrase, no_ports_phrase, problem_lines
from sniffdiag.report.port_table import port_headers, port_rows
from sniffdiag.report.report import Report
from sniffdiag.report.tables import plain_table

_WIDTH = 96
_CELL, _CELL_WITH_REASONS = 160, 300
"""Characters of a cell."""
_UNMATCHED_SHOWN = 8


def render(report: Report) -> str:
    """The whole report, ending in a newline."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield _headline(report)
    if report.capture is not None:
        yield from (printable(line) for line in capture_lines(report.capture))
    yield from (printable(note) for note in report.notes)
    yield ""
    yield _port_table(report)
    yield from _http(report)
    yield from _legs(report)
    yield from _catalog(report)
    yield from _unmatched(report)
    for finding in report.findings:
        yield ""
        yield from _finding(finding)
    if report.capture is not None:
        yield ""
        yield _summary(report)


def _headline(report: Report) -> str:
    mesh = mesh_phrase(report)
    sources = [s.name for s in report.capture.sources if s.format] if report.capture else []
    return printable(f"{', '.join(sources)}: {mesh}" if sources else mesh.capitalize(), _WIDTH)


def _port_table(report: Report) -> str:
    if not report.ports:
        return printable(no_ports_phrase(report), _WIDTH)
    longest = _CELL if report.capture is not None else _CELL_WITH_REASONS
    rows = [[printable(cell, longest) for cell in row] for row in port_rows(report)]
    return plain_table(port_headers(report), rows)


def _http(report: Report) -> Iterator[str]:
    rows = [[printable(cell) for cell in row] for row in http_rows(report)]
    if not rows:
        return
    yield ""
    yield plain_table(HEADERS, rows)
    yield from (printable(note) for note in counted_notes(report))


def _legs(report: Report) -> Iterator[str]:
    rows = [[printable(cell) for cell in row] for row in leg_table.leg_rows(report)]
    if not rows:
        return
    yield ""
    yield plain_table(leg_table.HEADERS, rows)
    yield from (printable(note) for note in leg_table.hop_notes(report))


def _catalog(report: Report) -> Iterator[str]:
    if report.catalog.problems:
        yield ""
        yield "not used of the declarations:"
        yield from (f"  {printable(problem)}" for problem in problem_lines(report))


def _unmatched(report: Report) -> Iterator[str]:
    if not report.unmatched_flows:
        return
    yield ""
    belong = "flow belongs" if report.unmatched_flows == 1 else "flows belong"
    yield f"{report.unmatched_flows:,} {belong} to no declared port:"
    for endpoint in report.unmatched[:_UNMATCHED_SHOWN]:
        protocols = ", ".join(f"{name} {flows:,}" for name, flows in endpoint.protocols)
        yield f"  {endpoint.server} {endpoint.transport.label}: {printable(protocols)}"
    if len(report.unmatched) > _UNMATCHED_SHOWN:
        yield f"  and {len(report.unmatched) - _UNMATCHED_SHOWN:,} more endpoints"


def _finding(finding: Finding) -> Iterator[str]:
    where = ""
    if finding.declared is not None:
        where = f"  {printable(finding.declared.full_name)}:{finding.declared.port}"
    yield f"{finding.severity.upper()}  {finding.name} ({finding.rule}){where}"
    yield from _wrapped(printable(finding.message, 1000))
    for proof in finding.evidence:
        yield (
            f"    frame {proof.frame}  {clock(proof.ts_ns)}  {proof.client} > {proof.server}  "
            f"{printable(proof.what, 80)}"
        )
    if finding.confidence < 1:
        yield f"  confidence {finding.confidence:.0%}"
    if finding.fix is not None:
        yield from _wrapped(printable(f"Fix: {finding.fix.summary}", 1000))
        if finding.fix.command:
            yield f"    {printable(finding.fix.command, 1000)}"
        for trap in finding.fix.traps:
            yield from _wrapped(printable(f"Mind: {trap}", 1000))


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
    )


def _summary(report: Report) -> str:
    if not report.findings:
        judged = sum(p.verdict.value == "ok" for p in report.ports)
        return f"No findings; {judged} of {len(report.ports)} declared ports judged ok."
    tally = Counter(finding.severity.value for finding in report.findings)
    counts = [
        f"{found} {severity}{'s' if found > 1 and severity != 'info' else ''}"
        for severity, found in tally.items()
    ]
    return "Findings: " + ", ".join(counts) + "."
