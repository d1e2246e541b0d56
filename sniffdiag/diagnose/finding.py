"""`Finding`: one disagreement about one declared port, with the proof and the fix."""

from __future__ import annotations

from sniffdiag.catalog.services import ServicePort
from sniffdiag.model import PortVerdict, Severity
from sniffdiag.observe.port_observation import Exemplar
from sniffdiag.records import dataclass


@dataclass(frozen=True, slots=True)
class Fix:
    """What to type, and what that could break. Text may contain names from manifests, unescaped."""

    summary: str
    """One sentence in the imperative."""
    command: str = ""
    """A shell command, quoted so that no name can break out of it; empty where none would do."""
    traps: tuple[str, ...] = ()
    """Who else reads what the command changes."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found. Built by `Rule.finding`, so id and name always agree."""

    rule: str
    """Stable id, "SD101"."""
    name: str
    """The rule's name, "http-on-opaque-port"."""
    severity: Severity
    verdict: PortVerdict
    """What this finding makes of the port."""
    message: str
    declared: ServicePort | None = None
    """None where the finding is about the capture."""
    evidence: tuple[Exemplar, ...] = ()
    fix: Fix | None = None
    confidence: float = 1.0
    """Of the observation it rests on, 0 to 1."""
