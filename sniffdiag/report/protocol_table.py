"""The table of recognised protocols, from the detectors themselves."""

from __future__ import annotations

import json
from collections.abc import Callable

from sniffdiag.identify.detectors import DETECTORS
from sniffdiag.report.tables import pipe_table, plain_table

SCHEMA = "sniffdiag.protocols/1"
_HEADERS = ("PROTOCOL", "TITLE", "TRANSPORT", "MID-STREAM", "FIRST", "EVIDENCE")


def _rows() -> list[list[str]]:
    return [
        [
            d.protocol,
            d.title,
            "/".join(sorted(t.label for t in d.transports)),
            "yes" if d.midstream else "no",
            "server" if d.server_first else "client",
            d.evidence,
        ]
        for d in sorted(DETECTORS, key=lambda d: d.protocol)
    ]


def _as_text() -> str:
    return plain_table(_HEADERS, _rows()) + "\n"


def _as_markdown() -> str:
    rows = [[f"`{row[0]}`", *(cell.replace("|", "\\|") for cell in row[1:])] for row in _rows()]
    return pipe_table([header.capitalize() for header in _HEADERS], rows) + "\n"


def _as_json() -> str:
    keys = [header.lower().replace("-", "_") for header in _HEADERS]
    return (
        json.dumps(
            {
                "schema": SCHEMA,
                "protocols": [dict(zip(keys, row, strict=True)) for row in _rows()],
            },
            indent=2,
        )
        + "\n"
    )


PROTOCOL_FORMATS: dict[str, Callable[[], str]] = {
    "text": _as_text,
    "json": _as_json,
    "markdown": _as_markdown,
}
