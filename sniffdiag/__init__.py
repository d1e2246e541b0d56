"""sniffdiag: which Service ports does the mesh handle as the wrong protocol?

Importing this package imports nothing heavy; each public name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from sniffdiag import version

__version__ = version.VERSION

if TYPE_CHECKING:
    from sniffdiag.catalog.manifests import load as load_catalog
    from sniffdiag.errors import SniffdiagError
    from sniffdiag.pipeline.capture import list_flows
    from sniffdiag.pipeline.diagnosis import MeshChoice, analyze_captures, list_ports
    from sniffdiag.report.formats import FORMATS
    from sniffdiag.report.listing import FlowList
    from sniffdiag.report.report import Report

__all__ = [
    "FORMATS",
    "FlowList",
    "MeshChoice",
    "Report",
    "SniffdiagError",
    "__version__",
    "analyze_captures",
    "list_flows",
    "list_ports",
    "load_catalog",
]

_HOMES = {
    "FORMATS": "sniffdiag.report.formats",
    "FlowList": "sniffdiag.report.listing",
    "Report": "sniffdiag.report.report",
    "SniffdiagError": "sniffdiag.errors",
    "MeshChoice": "sniffdiag.pipeline.diagnosis",
    "analyze_captures": "sniffdiag.pipeline.diagnosis",
    "list_flows": "sniffdiag.pipeline.capture",
    "list_ports": "sniffdiag.pipeline.diagnosis",
    "load_catalog": "sniffdiag.catalog.manifests",
}


def __getattr__(name: str) -> Any:
    """Loads a public name on first use (PEP 562)."""
    if name == "load_catalog":
        return import_module(_HOMES[name]).load
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'sniffdiag' has no attribute {name!r}")
