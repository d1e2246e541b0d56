"""A proxy's HTTP filters answer on a port whose bytes they should pass on unread.

## What it sees

Clients of another protocol than HTTP that a proxy itself answered in HTTP (`400 Bad Request`), on a
port that the declarations make opaque.

## Why it matters

Somebody else's declaration is in force: sidecars may listen on 0.0.0.0 and a port number, and one
Service that calls the number `http` (a headless one, or one in another namespace) then reads the
connections to all Services of that number. Or the sidecars still hold an older declaration. The
owner of the broken port finds nothing wrong in his own manifests.

## Example

`mysql` hangs or gets a 400 since another team deployed a headless Service with port 3306 named
`http-3306`.

## How to fix

Correct the other Service, or give one of the two another port number. Without another Service in
the declarations, give those of all namespaces, and compare the sidecar's listeners.

## When it is wrong

When an HTTP gateway of the application's own stands behind the port and runs Envoy, too.
"""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.diagnose.finding import Finding, Fix
from sniffdiag.diagnose.rule import Rule
from sniffdiag.diagnose.wording import mesh_title, port_title, was_observed
from sniffdiag.model import Direction, PortVerdict, Severity, Treatment
from sniffdiag.observe.port_observation import PortObservation, ProxyReply, Sighting

_FLAG = "DPE"
_NAMED = 3


def check(seen: PortObservation) -> Iterator[Finding]:
    """A proxy's 400 to bytes that are not HTTP, where no HTTP filter belongs."""
    other = tuple(s for s in seen.sightings if not s.is_http)
    refused = tuple(r for r in seen.replies if r.flag == _FLAG and _is_opaque(seen, r.by))
    if not refused or not other:
        return
    message = (
        f"{was_observed(other)} on {port_title(seen)}, and a proxy "
        f"itself answered in HTTP, although {mesh_title(seen)} should pass these bytes on unread; "
        f"{_suspects(seen)}"
    )
    proofs: tuple[Sighting | ProxyReply, ...] = (*other, *refused)
    yield RULE.finding(seen, message, sightings=proofs, fix=_fix(seen))


def _is_opaque(seen: PortObservation, direction: Direction) -> bool:
    return seen.treated.of(direction).as_ is Treatment.OPAQUE


def _suspects(seen: PortObservation) -> str:
    if not seen.neighbours:
        return (
            "no other Service with this port number is declared here, so give those of all "
            "namespaces, or compare the proxy's listeners"
        )
    named = ", ".join(f'{p.full_name} "{p.name}"' for p in seen.neighbours[:_NAMED])
    more = len(seen.neighbours) - _NAMED
    others = f" and {more} more" if more > 0 else ""
    return f"port {seen.declared.port} is read as HTTP for {named}{others}"


def _fix(seen: PortObservation) -> Fix:
    if not seen.neighbours:
        return Fix(
            "Look for the listener that answers.",
            f"istioctl proxy-config listeners POD.NAMESPACE --port {seen.declared.port}",
        )
    other = seen.neighbours[0]
    return Fix(
        f"Give port {seen.declared.port} of {other.full_name} or of {seen.declared.full_name} "
        "another number, or declare both the same."
    )


RULE = Rule(
    id="SD111",
    name="http-listener-on-opaque-port",
    severity=Severity.ERROR,
    verdict=PortVerdict.MISMATCH,
    summary="A proxy answers in HTTP on a port that should be passed on unread",
    check=check,
)
