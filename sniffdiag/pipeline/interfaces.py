"""A listing of interfaces for `report`."""

from __future__ import annotations

from sniffdiag.report.interfaces import InterfaceRow
from sniffdiag.sources.interfaces import network_interfaces


def list_interfaces() -> list[InterfaceRow]:
    """What -i may name, besides any."""
    return [
        InterfaceRow(each.name, each.state, each.addresses, each.obstacle)
        for each in network_interfaces()
    ]
