"""`Report`: everything a format needs, computed already.

Formats are pure functions of these: no clock, no host name, no terminal (law 7).
"""

from __future__ import annotations

from sniffdiag.catalog.services import CatalogSummary
from sniffdiag.diagnose.finding import Finding
from sniffdiag.model import PortVerdict, Severity
from sniffdiag.observe.port_observation import PortObservation, UnmatchedEndpoint
from sniffdiag.records import dataclass
from sniffdiag.report.listing import CaptureReport


@dataclass(frozen=True, slots=True)
class PortReport:
    """One declared port: what was seen of it and what that makes of it."""

    seen: PortObservation
    verdict: PortVerdict


@dataclass(frozen=True, slots=True)
class Report:
    """A whole diagnosis; `capture` is None for a listing of ports without a capture."""

    mesh: str
    mesh_version: str
    notes: tuple[str, ...]
    """One sentence each, for instance that a version newer than the data was asked for."""
    catalog: CatalogSummary
    ports: tuple[PortReport, ...]
    findings: tuple[Finding, ...] = ()
    capture: CaptureReport | None = None
    unmatched: tuple[UnmatchedEndpoint, ...] = ()
    unmatched_flows: int = 0

    def worst(self) -> Severity | None:
        """The most severe finding's severity."""
        return min((f.severity for f in self.findings), key=lambda s: s.rank, default=None)

    def judged(self) -> bool:
        """At least one declared port had enough evidence for a verdict."""
        undecided = {PortVerdict.UNKNOWN, PortVerdict.NO_TRAFFIC}
        return any(p.verdict not in undecided for p in self.ports)
