"""All rules over all observations: findings, and one verdict for each declared port."""

from __future__ import annotations

from collections.abc import Sequence

from sniffdiag.diagnose.ambient import by_ztunnel
from sniffdiag.diagnose.finding import Finding
from sniffdiag.diagnose.rule import CaptureHealth
from sniffdiag.diagnose.rules import RULES
from sniffdiag.model import PortVerdict
from sniffdiag.observe.port_observation import PortObservation

_WORST_FIRST = (PortVerdict.MISMATCH, PortVerdict.AT_RISK)


def diagnose_port(seen: PortObservation) -> list[Finding]:
    """Findings about one declared port, in the order of `RULES`, one for each cause."""
    known = by_ztunnel(seen)
    found = [(rule, finding) for rule in RULES for finding in rule.check(known)]
    spoke = {rule.name for rule, _ in found}
    return [finding for rule, finding in found if spoke.isdisjoint(rule.yields_to)]


def diagnose_capture(health: CaptureHealth) -> list[Finding]:
    """Findings about the capture as a whole."""
    return [f for rule in RULES if rule.check_capture for f in rule.check_capture(health)]


def verdict(seen: PortObservation, findings: Sequence[Finding]) -> PortVerdict:
    """What the findings about a port, or their absence, make of it."""
    made = {finding.verdict for finding in findings}
    for worst in _WORST_FIRST:
        if worst in made:
            return worst
    if seen.judged:
        return PortVerdict.OK
    return PortVerdict.UNKNOWN if seen.flows else PortVerdict.NO_TRAFFIC


def ordered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Most severe first, then by Service and port, then in the order of `RULES`."""
    place = {rule.name: at for at, rule in enumerate(RULES)}
    return tuple(
        sorted(
            findings,
            key=lambda f: (
                f.severity.rank,
                f.declared.key if f.declared else ("", "", 0, 0),
                place[f.name],
                f.message,
            ),
        )
    )
