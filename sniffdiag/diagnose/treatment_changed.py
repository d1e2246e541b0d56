"""Proxies began to treat a port in another way while the capture ran.

## What it sees

Marks on the connections of a port, in the order of their first requests: up to one of them they
show one treatment, from the next one on another. The split is the one with the fewest misfits; it
counts if each treatment stands at least three times on its side, misfits are at most a tenth, and
so good a split would come about by chance, were the same connections in any order, with a
probability of at most a tenth. What is left of certainty is the confidence. Where one connection
carries all requests of a kind, as in a proxy's pool, its requests stand in the order instead: at
least three of each kind, of the same client and server, all of the one kind before all of the
other; not on ports where a proxy decides by the first bytes of each connection. How many answers
were 4xx or 5xx, or never came before a reset, is told for before and after.

## Why it matters

It lies between the last request known to be handled in the one way and the first handled in the
other, the moment when somebody's change reached the proxies: what was done then is what to look
at, or to take back. The two frames are where to look in Wireshark.

## Example

A console renames `http-web` to `tcp-9080-8080`. Of 18 connections the first 8 were answered by
Envoy's HTTP filters and the last 10 were passed on unread; failed answers went from 0 % to 50 %.

## How to fix

If the change was not meant, give the port its former declaration back; the rules about what it is
now say how. If it was a repair, this is the proof that it arrived.

## When it is wrong

When replicas that are configured differently happened to be asked one after the other. Connections
that outlive the change keep the treatment they began with, so that requests on them can come later
than the first frame of the new one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sniffdiag.diagnose.finding import Finding
from sniffdiag.diagnose.rule import Rule
from sniffdiag.diagnose.wording import port_title, time_of_day
from sniffdiag.model import Direction, PortVerdict, Severity, Shown
from sniffdiag.observe.change import Answers, Moment, TreatmentChange
from sniffdiag.observe.port_observation import Exemplar, PortObservation

_WHOSE = {Direction.OUTBOUND: "the client's proxy", Direction.INBOUND: "the server's proxy"}


def check(seen: PortObservation) -> Iterator[Finding]:
    """One finding for each side's proxies that changed."""
    for change in seen.changes:
        last, first = change.last_before, change.first_after
        message = (
            f"{_WHOSE[change.direction]} changed how it treats {port_title(seen)} "
            f"from {_phrase(change.before)} to {_phrase(change.after)} "
            f"between {time_of_day(last.ts_ns)} and {time_of_day(first.ts_ns)} (frames "
            f"{last.frame}-{first.frame}); {_failures(*change.answers)}"
        )
        found = RULE.finding(seen, message)
        yield replace(found, evidence=_evidence(change), confidence=round(1 - change.chance, 3))


def _phrase(shown: Shown) -> str:
    return "untouched by HTTP filters" if shown is Shown.UNKNOWN else shown.value


def _failures(before: Answers, after: Answers) -> str:
    """What became of requests, where any could be read."""
    if not before.requests + after.requests:
        return "no request can be read here, so what failed is not known"
    return f"failed requests went from {_failed(before)} to {_failed(after)}"


def _failed(answers: Answers) -> str:
    """`10 of 20 (50%)`."""
    return f"{answers.failed:,} of {answers.requests:,} ({answers.rate:.1%})"


def _evidence(change: TreatmentChange) -> tuple[Exemplar, ...]:
    return (
        _exemplar(change.last_before, f"the last connection shown as {_phrase(change.before)}"),
        _exemplar(change.first_after, f"the first connection shown as {_phrase(change.after)}"),
    )


def _exemplar(moment: Moment, what: str) -> Exemplar:
    return Exemplar(moment.frame, moment.ts_ns, moment.client, moment.server, moment.leg, what)


RULE = Rule(
    id="SD205",
    name="treatment-changed",
    severity=Severity.WARNING,
    verdict=PortVerdict.OK,
    summary="Proxies began to treat a port in another way while the capture ran",
    check=check,
)
