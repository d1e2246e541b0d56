"""What became different between two reports of a capture that goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sniffdiag.diagnose.finding import Finding
from sniffdiag.report.live import Event, EventKind, PortRate
from sniffdiag.report.report import PortReport, Report

_PortKey = tuple[str, str, int, int] | None
"""`ServicePort.key`: a port that is declared otherwise is still the same port."""
_Key = tuple[str, _PortKey, int]


def changes(before: Report, after: Report, at_ns: int) -> tuple[Event, ...]:
    """Findings that appeared, changed or were resolved, then verdicts that changed."""
    return (*_of_findings(before, after, at_ns), *_of_verdicts(before, after, at_ns))


def _of_findings(before: Report, after: Report, at_ns: int) -> Iterator[Event]:
    old, new = _by_key(before), _by_key(after)
    for key, finding in new.items():
        if key not in old:
            yield Event(EventKind.FINDING_APPEARED, at_ns, finding=finding)
        elif _substance(finding) != _substance(old[key]):
            yield Event(EventKind.FINDING_CHANGED, at_ns, finding=finding)
    for key, finding in old.items():
        if key not in new:
            yield Event(EventKind.FINDING_RESOLVED, at_ns, finding=finding)


def _by_key(report: Report) -> dict[_Key, Finding]:
    """Findings by rule and port; of several alike the first is the first again."""
    seen: Counter[tuple[str, _PortKey]] = Counter()
    found: dict[_Key, Finding] = {}
    for finding in report.findings:
        alike = (finding.rule, finding.declared.key if finding.declared else None)
        found[*alike, seen[alike]] = finding
        seen[alike] += 1
    return found


def _substance(finding: Finding) -> tuple[object, ...]:
    """What makes a finding another one; its message counts, and counts grow all the time."""
    fix = finding.fix
    return finding.severity, finding.verdict, fix.command if fix else None


def _of_verdicts(before: Report, after: Report, at_ns: int) -> Iterator[Event]:
    was = {port.seen.declared.key: port.verdict for port in before.ports}
    for port in after.ports:
        old = was.get(port.seen.declared.key)
        if old is not None and old is not port.verdict:
            yield Event(
                EventKind.VERDICT_CHANGED,
                at_ns,
                port=port.seen.declared,
                was=old,
                verdict=port.verdict,
            )


def rates(before: Report, after: Report, seconds: float) -> tuple[PortRate, ...]:
    """Connections and requests a second of each port of `after`."""
    was = {port.seen.declared.key: _counts(port) for port in before.ports}
    found = []
    for port in after.ports:
        old = was.get(port.seen.declared.key, (0, 0))
        more = [max(new - old_, 0) / seconds for new, old_ in zip(_counts(port), old, strict=True)]
        found.append(PortRate(*more))
    return tuple(found)


def _counts(port: PortReport) -> tuple[int, int]:
    return port.seen.flows, port.seen.requests
