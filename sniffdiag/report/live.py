"""`LiveState` and `Event`: what a capture that goes on has to tell, ready for a format."""

from __future__ import annotations

from enum import StrEnum

from sniffdiag.catalog.services import DeclarationChange, ServicePort
from sniffdiag.diagnose.finding import Finding
from sniffdiag.model import PortVerdict
from sniffdiag.records import dataclass
from sniffdiag.report.report import Report


class EventKind(StrEnum):
    """What can happen while a capture goes on."""

    FINDING_APPEARED = "finding-appeared"
    FINDING_CHANGED = "finding-changed"
    FINDING_RESOLVED = "finding-resolved"
    VERDICT_CHANGED = "verdict-changed"
    DECLARATION_CHANGED = "declaration-changed"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. Which fields are set depends on `kind`."""

    kind: EventKind
    at_ns: int
    """When it was noticed, in ns since the epoch."""
    change: DeclarationChange | None = None
    finding: Finding | None = None
    port: ServicePort | None = None
    was: PortVerdict | None = None
    verdict: PortVerdict | None = None


@dataclass(frozen=True, slots=True)
class PortRate:
    """What came to one declared port of late, a second."""

    connections: float = 0.0
    requests: float = 0.0


@dataclass(frozen=True, slots=True)
class LiveState:
    """How a capture stands at one moment."""

    at_ns: int
    elapsed_s: float
    frames: int
    bytes: int
    """On the wire."""
    dropped: int
    """Packets that the kernel lost."""
    frames_per_s: float
    bits_per_s: float
    report: Report
    """The latest; a little older than the counters."""
    rates: tuple[PortRate, ...]
    """One for each of the report's ports."""
    events: tuple[Event, ...] = ()
    """Since the state before this one."""
    notes: tuple[str, ...] = ()
    """What the person who watches should know, one sentence each."""
