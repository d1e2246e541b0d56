"""All formats of a report. One line a format."""

from __future__ import annotations

from collections.abc import Callable

from sniffdiag.report import as_json, as_markdown, as_text
from sniffdiag.report.report import Report

FORMATS: dict[str, Callable[[Report], str]] = {
    "text": as_text.render,
    "json": as_json.render,
    "markdown": as_markdown.render,
}
