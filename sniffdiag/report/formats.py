"""All formats of a report. One line a format."""

from __future__ import annotations

from collections.abc import Callable

from sniffdiag.report.loading import renderer
from sniffdiag.report.report import Report

FORMATS: dict[str, Callable[[Report], str]] = {
    "text": renderer("as_text", "render"),
    "json": renderer("as_json", "render"),
    "markdown": renderer("as_markdown", "render"),
}
