"""TLS handshakes that one side ended with an alert: a look-alike of wrong declarations.

## What it sees

Fatal TLS alerts in clear: an expired or unknown certificate, no common version or cipher suite, a
name that the server does not serve.

## Why it matters

Behind a mesh these end in the same words as a port that is handled as the wrong protocol (`503`,
"TLS error", "connection termination"), and no port name mends them. The alert says what is wrong.

## Example

A certificate that ran out at midnight: `certificate_expired`, by the client.

## How to fix

Follow the alert: renew the certificate, add the authority, agree on versions or names.

## When it is wrong

When scanners probe the port with odd handshakes; below 5 % of the connections nothing is reported.
"""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.diagnose.finding import Finding
from sniffdiag.diagnose.rule import ENOUGH, Rule
from sniffdiag.diagnose.wording import counted, port_title
from sniffdiag.model import PortVerdict, Severity
from sniffdiag.observe.port_observation import PortObservation


def check(seen: PortObservation) -> Iterator[Finding]:
    """Handshakes that ended in an alert."""
    failed = tuple(s for s in seen.sightings if s.protocol == "tls" and s.shape.alert)
    if not failed or seen.share(failed) < ENOUGH:
        return
    alerts = ", ".join(sorted({str(s.shape.alert) for s in failed}))
    flows = sum(s.flows for s in failed)
    message = (
        f"{counted(flows, 'TLS handshake')} on {port_title(seen)} "
        f"ended with a fatal alert ({alerts}). No declaration of the port causes or mends this"
    )
    yield RULE.finding(seen, message, sightings=failed)


RULE = Rule(
    id="SD304",
    name="tls-handshake-failed",
    severity=Severity.INFO,
    verdict=PortVerdict.OK,
    summary="TLS handshakes ended with an alert: no matter of declarations",
    check=check,
    yields_to=("tls-on-http-port",),
)
