"""A protocol whose server speaks first, on a port that the mesh sniffs.

## What it sees

MySQL, SMTP, SSH and the like, or any connection whose server spoke before its client, on a port
without a recognised declaration, while the mesh waits for client bytes to decide what it is.

## Why it matters

The proxy waits for the client, the client waits for the server. Every new connection stalls for
the detection timeout (0.1 to 5 s in Istio 1.3 to 1.7, 10 s in Linkerd), and for ever where there
is none (Istio 1.8 and later).

## Example

A MySQL proxy on port 33060 named `db`: clients hang without an error.

## How to fix

Declare the port `tcp`, or by the protocol's own word where the mesh knows one.

## When it is wrong

When clients happen to speak first as well (SSH sends both banners at once).
"""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.diagnose.finding import Finding
from sniffdiag.diagnose.fixes import declare_as
from sniffdiag.diagnose.rule import ENOUGH, Rule
from sniffdiag.diagnose.wording import mesh_title, port_title, seconds, was_observed
from sniffdiag.model import Direction, PortVerdict, Severity, Treatment
from sniffdiag.observe.port_observation import PortObservation


def check(seen: PortObservation) -> Iterator[Finding]:
    """Servers that speak first behind a proxy that waits for the client."""
    silent = tuple(s for s in seen.sightings if s.shape.server_first and not s.is_http)
    sniffed = seen.treated.directions(Treatment.SNIFFED)
    if not silent or not sniffed or seen.share(silent) < ENOUGH:
        return
    message = (
        f"{was_observed(silent)} on {port_title(seen)}, and its "
        f"server speaks first; {mesh_title(seen)} sniffs the port {' and '.join(sniffed)} and "
        f"{_wait(seen, sniffed[0])}{_waited(seen)}"
    )
    yield RULE.finding(seen, message, sightings=silent, fix=declare_as(seen, silent[0]))


def _wait(seen: PortObservation, direction: Direction) -> str:
    wait_ms = seen.treated.of(direction).detection_timeout_ms
    if wait_ms is None:
        return "waits for client bytes"
    if not wait_ms:
        return "waits for client bytes without a limit"
    return f"waits {wait_ms / 1000:g} s for client bytes on every new connection"


def _waited(seen: PortObservation) -> str:
    """The wait as it was measured, where it is too long for a round trip."""
    waited = seen.conduct.first_byte_wait
    if waited is None or waited.median_ns < _NOTICEABLE_NS:
        return ""
    return f"; the server's first byte came {seconds(waited)} after the handshake"


_NOTICEABLE_NS = 50_000_000


RULE = Rule(
    id="SD108",
    name="server-first-on-sniffed-port",
    severity=Severity.WARNING,
    verdict=PortVerdict.AT_RISK,
    summary="A server that speaks first observed on a port that is sniffed",
    check=check,
)
