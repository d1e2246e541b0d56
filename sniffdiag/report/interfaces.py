"""The interfaces of a machine as text and JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from sniffdiag.records import dataclass
from sniffdiag.report.escape import printable
from sniffdiag.report.tables import plain_table


@dataclass(frozen=True, slots=True)
class InterfaceRow:
    """One interface."""

    name: str
    state: str
    addresses: tuple[str, ...]
    obstacle: str
    """Why nothing can be captured on it, or nothing."""


def as_text(rows: Sequence[InterfaceRow]) -> str:
    """A table, ending in a newline."""
    cells = [
        [row.name, row.state, row.obstacle or "yes", ", ".join(row.addresses) or "-"]
        for row in rows
    ]
    printed = [[printable(cell) for cell in row] for row in cells]
    return plain_table(("INTERFACE", "STATE", "CAPTURE", "ADDRESSES"), printed) + "\n"


def as_json(rows: Sequence[InterfaceRow]) -> str:
    """One object for each interface."""
    body = [
        {
            "name": row.name,
            "state": row.state,
            "addresses": list(row.addresses),
            "capturable": not row.obstacle,
            "obstacle": row.obstacle or None,
        }
        for row in rows
    ]
    return json.dumps({"schema": "sniffdiag.interfaces/1", "interfaces": body}, indent=2) + "\n"


INTERFACE_FORMATS: dict[str, Callable[[Sequence[InterfaceRow]], str]] = {
    "text": as_text,
    "json": as_json,
}
