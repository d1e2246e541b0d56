"""All formats of a listing of flows. One line a format."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sniffdiag.report.listing import FlowList
from sniffdiag.report.loading import renderer

FLOW_FORMATS: dict[str, Callable[[FlowList], Iterator[str]]] = {
    "table": renderer("flows_as_table", "render_flows"),
    "json": renderer("flows_as_json", "render_flows"),
    "csv": renderer("flows_as_csv", "render_flows"),
}
