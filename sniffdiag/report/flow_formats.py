"""All formats of a listing of flows. One line a format."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sniffdiag.report import flows_as_csv, flows_as_json, flows_as_table
from sniffdiag.report.listing import FlowList

FLOW_FORMATS: dict[str, Callable[[FlowList], Iterator[str]]] = {
    "table": flows_as_table.render_flows,
    "json": flows_as_json.render_flows,
    "csv": flows_as_csv.render_flows,
}
