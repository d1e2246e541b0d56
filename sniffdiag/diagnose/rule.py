"""`Rule`: one offence, one file. The module's docstring is the rule's published page.

Rules read `PortObservation`s; a rule that would like to see flows or bytes shows that `observe`
lacks a field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sniffdiag.diagnose.finding import Finding, Fix
from sniffdiag.diagnose.wording import history
from sniffdiag.model import PortVerdict, Severity
from sniffdiag.observe.conduct import Happened
from sniffdiag.observe.port_observation import (
    DirectionShown,
    PortObservation,
    ProxyReply,
    ReleaseShown,
    Sighting,
)
from sniffdiag.records import dataclass

ENOUGH = 0.05
"""Smallest part of a port's decided connections that a finding may rest on: less is a stray client
or a port scan."""
QUOTED = 5
"""Frames quoted as evidence in one finding."""


@dataclass(frozen=True, slots=True)
class CaptureHealth:
    """What the capture as a whole could and could not show."""

    frames: int
    dropped: int
    cut_short: bool
    corrupt_records: int
    undecodable_frames: int
    """Frames whose headers could not be read although their link type promises an IP packet."""
    matched_flows: int
    flows: int
    declared_ports: int


Evidence = Sighting | Happened | ProxyReply | DirectionShown | ReleaseShown
"""What a finding may rest on: all have exemplars and a confidence."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A check with its identity. `name` states the offence and reads well after "ignore"."""

    id: str
    name: str
    severity: Severity
    verdict: PortVerdict
    summary: str
    """One line for tables and for machine-readable catalogues."""
    check: Callable[[PortObservation], Iterator[Finding]]
    check_capture: Callable[[CaptureHealth], Iterator[Finding]] | None = None
    yields_to: tuple[str, ...] = ()
    """Names of rules with the same cause: where one of them speaks, this one is silent."""

    def finding(
        self,
        seen: PortObservation | None,
        message: str,
        *,
        sightings: tuple[Evidence, ...] = (),
        fix: Fix | None = None,
        severity: Severity | None = None,
    ) -> Finding:
        """A finding of this rule, its evidence taken from what it rests on.

        `severity` may be milder than the rule's where the evidence is weaker. Where a port is
        handled wrongly, the message says who declared it otherwise before.
        """
        if seen and seen.declared.edits and self.verdict is PortVerdict.MISMATCH:
            message += f"; {history(seen.declared)}"
        exemplars = sorted((e for s in sightings for e in s.exemplars), key=lambda e: e.frame)
        return Finding(
            self.id,
            self.name,
            severity or self.severity,
            self.verdict,
            message,
            declared=seen.declared if seen else None,
            evidence=tuple(exemplars[:QUOTED]),
            fix=fix,
            confidence=min((s.confidence for s in sightings), default=1.0),
        )
