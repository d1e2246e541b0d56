"""What is told between two reports of a capture that goes on."""

from __future__ import annotations

from dataclasses import replace

from sniffdiag.model import PortVerdict, Severity
from sniffdiag.observe.port_observation import PortObservation
from sniffdiag.pipeline.changes import changes, rates
from sniffdiag.report.live import EventKind
from sniffdiag.report.report import Report
from tests.support.observations import port, seen, sighting
from tests.support.reports import report_of

AT = 1_700_000_000_000_000_000


def of(*protocols: str, flows: int = 3) -> PortObservation:
    """HTTP on this port is a mismatch, nothing on it is no traffic."""
    return seen(port("tcp-web"), "1.3.6", *(sighting(p, flows) for p in protocols))


def kinds(before: Report, after: Report) -> list[EventKind]:
    return [event.kind for event in changes(before, after, AT)]


QUIET, HTTP = report_of(of()), report_of(of("http"))


def test_a_finding_appears_and_is_resolved_and_the_verdict_follows() -> None:
    assert kinds(QUIET, HTTP) == [EventKind.FINDING_APPEARED, EventKind.VERDICT_CHANGED]
    assert kinds(HTTP, QUIET) == [EventKind.FINDING_RESOLVED, EventKind.VERDICT_CHANGED]
    (appeared, changed) = changes(QUIET, HTTP, AT)
    assert appeared.finding == HTTP.findings[0]
    assert (changed.was, changed.verdict) == (PortVerdict.NO_TRAFFIC, PortVerdict.MISMATCH)
    assert appeared.at_ns == changed.at_ns == AT


def test_more_of_the_same_is_no_event() -> None:
    assert kinds(HTTP, report_of(of("http", flows=300))) == []


def test_another_severity_or_fix_is_a_change() -> None:
    milder = replace(HTTP.findings[0], severity=Severity.WARNING)
    assert kinds(HTTP, replace(HTTP, findings=(milder,))) == [EventKind.FINDING_CHANGED]
    otherwise = replace(HTTP.findings[0], fix=None)
    assert kinds(HTTP, replace(HTTP, findings=(otherwise,))) == [EventKind.FINDING_CHANGED]


def test_of_two_findings_alike_the_second_is_the_one_that_goes() -> None:
    (finding,) = HTTP.findings
    twice = replace(HTTP, findings=(finding, replace(finding, message="another")))
    (event,) = changes(twice, HTTP, AT)
    assert (event.kind, event.finding) == (EventKind.FINDING_RESOLVED, twice.findings[1])


def test_a_port_that_was_not_declared_before_has_no_verdict_to_change() -> None:
    assert kinds(replace(HTTP, ports=()), HTTP) == []


def test_rates_are_of_what_came_since_the_report_before() -> None:
    (rate,) = rates(HTTP, report_of(of("http", flows=13)), 2.0)
    assert (rate.connections, rate.requests) == (5.0, 5.0)


def test_rates_never_fall_below_nothing_and_new_ports_count_from_nothing() -> None:
    (fallen,) = rates(HTTP, QUIET, 1.0)
    assert (fallen.connections, fallen.requests) == (0.0, 0.0)
    (new,) = rates(replace(HTTP, ports=()), HTTP, 1.0)
    assert (new.connections, new.requests) == (3.0, 3.0)
