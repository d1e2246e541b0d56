"""Connections that never came about: a look-alike of wrong declarations.

## What it sees

SYNs that were answered by a RST, or that were sent again and never answered at all.

## Why it matters

Behind a mesh both end in the same words as a port that is handled as the wrong protocol: `503
upstream connect error`, `delayed connect error: 111`, a client that hangs. No port name mends
them: a RST means that nothing listens on that address and port (or that a firewall says so), and
silence that packets are lost on the way: a NetworkPolicy, a security group, a pod that is gone.

## Example

The Service's `targetPort` is 8081 and the container listens on 8080.

## How to fix

Compare `targetPort` with what the container listens on (`ss -ltn` in the pod); for silence, look at
NetworkPolicies and at whether the pod's address still exists.

## When it is wrong

While a pod starts or ends, refusals are normal for a moment.
"""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.diagnose.finding import Finding, Fix
from sniffdiag.diagnose.rule import Rule
from sniffdiag.diagnose.wording import counted, port_title
from sniffdiag.model import PortVerdict, Severity
from sniffdiag.observe.port_observation import PortObservation


def check(seen: PortObservation) -> Iterator[Finding]:
    """RST or nothing in answer to a SYN."""
    refused, unanswered = seen.conduct.refused, seen.conduct.unanswered
    clauses = []
    if refused.flows:
        clauses.append(f"{counted(refused.flows, 'connection')} refused by a RST")
    if unanswered.flows:
        clauses.append(f"{counted(unanswered.flows, 'SYN')} without any answer")
    if not clauses:
        return
    message = (
        f"{' and '.join(clauses)} on {port_title(seen)}: "
        f"{_meaning(seen)}. No declaration of the port causes or mends this"
    )
    yield RULE.finding(seen, message, sightings=(refused, unanswered), fix=_fix(seen))


def _meaning(seen: PortObservation) -> str:
    if not seen.conduct.unanswered.flows:
        return "nothing listens there, or a firewall says so"
    if not seen.conduct.refused.flows:
        return "packets are dropped on the way, as by a NetworkPolicy, or the address is gone"
    return "some servers do not listen, others cannot be reached"


def _fix(seen: PortObservation) -> Fix:
    target = seen.declared.target_port or seen.declared.port
    return Fix(
        f"Check that the pods of Service {seen.declared.full_name} listen on {target} and that no "
        "NetworkPolicy stands between."
    )


RULE = Rule(
    id="SD302",
    name="connection-refused",
    severity=Severity.INFO,
    verdict=PortVerdict.UNKNOWN,
    summary="Connections were refused or never answered: no matter of declarations",
    check=check,
)
