"""All output formats. One line a format."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sniffdiag.report import as_csv, as_json, as_markdown, as_table, as_text
from sniffdiag.report.listing import FlowList
from sniffdiag.report.report import Report

FORMATS: dict[str, Callable[[Report], str]] = {
    "text": as_text.render,
    "json": as_json.render,
    "markdown": as_markdown.render,
}
FLOW_FORMATS: dict[str, Callable[[FlowList], Iterator[str]]] = {
    "table": as_table.render_flows,
    "json": as_json.render_flows,
    "csv": as_csv.render_flows,
}
