"""Every new connection waits the same time for the server's first byte.

## What it sees

A server that speaks first, whose first byte comes after the same whole second or seconds on every
connection, just as long as some version of the mesh waits for a silent client, although the
version that was given does not sniff this port.

## Why it matters

It is what a detection timeout looks like from outside: 1 s or 5 s in Istio 1.6 and 1.7, 10 s in
Linkerd. Then the proxies run another version than was given, or hold a configuration older than
the declaration.

## Example

SMTP on a port that was renamed to `tcp-smtp` an hour ago: sidecars that were not updated still
wait 5 s on every connection.

## How to fix

Compare the version with the images of the running proxies, and their configuration with the
declaration; restart proxies that are behind.

## When it is wrong

When the server itself waits before it greets: reverse lookups of the client's name time out after
just such times (MySQL, sshd, mail servers). A capture on the server's own loopback settles it: its
greeting comes late there, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sniffdiag.diagnose.finding import Finding, Fix
from sniffdiag.diagnose.rule import Rule
from sniffdiag.diagnose.wording import counted, mesh_title, port_title, seconds
from sniffdiag.model import PortVerdict, Severity, Treatment
from sniffdiag.observe.conduct import Spread
from sniffdiag.observe.port_observation import PortObservation

_ENOUGH_FLOWS = 3
_SHORTEST_MS = 900
"""Below that it may be a round trip."""
_ALIKE = 0.05
_NS_PER_MS = 1_000_000


def check(seen: PortObservation) -> Iterator[Finding]:
    """A constant wait as long as a detection timeout, where none is expected."""
    waited = seen.conduct.first_byte_wait
    sniffs = seen.treated.directions(Treatment.SNIFFED)
    if waited is None or sniffs or not _is_a_timeout(waited, seen.treated.waits_ms):
        return
    message = (
        f"the server's first byte came {seconds(waited)} after the handshake in all "
        f"{counted(waited.flows, 'connection')} to {port_title(seen)} "
        f"whose server speaks first: as long as a detection timeout, "
        f"which {mesh_title(seen)} does not have here (not seen: when the server itself "
        "spoke; a capture beside it would settle whether the proxy or the server waits)"
    )
    fix = Fix("Compare --mesh-version with the images of the running proxies.")
    quoted = tuple(s for s in seen.sightings if s.shape.server_first)
    yield replace(RULE.finding(seen, message, sightings=quoted, fix=fix), confidence=0.5)


def _is_a_timeout(waited: Spread, known_ms: frozenset[int]) -> bool:
    typical_ms = waited.median_ns / _NS_PER_MS
    if waited.flows < _ENOUGH_FLOWS or typical_ms < _SHORTEST_MS:
        return False
    alike = waited.most_ns - waited.least_ns <= _ALIKE * waited.median_ns
    return alike and any(abs(typical_ms - each) <= _ALIKE * each for each in known_ms)


RULE = Rule(
    id="SD113",
    name="constant-first-byte-delay",
    severity=Severity.INFO,
    verdict=PortVerdict.AT_RISK,
    summary="The server's first byte comes as late as a detection timeout that should not be there",
    check=check,
)
