"""Plain text on a port that is declared as TLS.

## What it sees

Readable application bytes on a port whose name or `appProtocol` says `https` or `tls`.

## Why it matters

The mesh passes the bytes on unread, so HTTP features are off; routing by SNI finds no SNI; and
others who read the same declaration (Traefik, Contour, cloud load balancers) start TLS against a
server that speaks none and report 502.

## Example

TLS is terminated at the ingress, but the port behind it kept its name `https-web`.

## How to fix

Declare what the port speaks.

## When it is wrong

When TLS starts later on the same connection (STARTTLS); such connections are not counted.
"""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.diagnose.finding import Finding
from sniffdiag.diagnose.fixes import declare_as
from sniffdiag.diagnose.handling import declares_tls
from sniffdiag.diagnose.rule import ENOUGH, Rule
from sniffdiag.diagnose.wording import port_title, was_observed
from sniffdiag.model import PortVerdict, Severity
from sniffdiag.observe.port_observation import PortObservation

_NOT_PLAINTEXT = frozenset({"tls", "ssh", "tcp"})
"""`tcp` is payload nobody could name: it may well be encrypted."""


def check(seen: PortObservation) -> Iterator[Finding]:
    """Readable bytes where TLS is declared."""
    if not declares_tls(seen.treated.outbound):
        return
    plain = tuple(s for s in seen.sightings if s.protocol not in _NOT_PLAINTEXT)
    if not plain or seen.share(plain) < ENOUGH:
        return
    message = (
        f"{port_title(seen)} is declared {seen.treated.token}, but "
        f"{was_observed(plain)} in plain text"
    )
    yield RULE.finding(seen, message, sightings=plain, fix=declare_as(seen, plain[0]))


RULE = Rule(
    id="SD105",
    name="plaintext-on-tls-port",
    severity=Severity.WARNING,
    verdict=PortVerdict.AT_RISK,
    summary="Plain text observed on a port declared as TLS",
    check=check,
)
