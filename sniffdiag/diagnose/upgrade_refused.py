"""A WebSocket or other upgrade that a proxy itself refuses.

## What it sees

Requests with `Upgrade:` that a proxy itself answered with 403, before any server saw them.

## Why it matters

HTTP filters pass on only the upgrades that they are configured for. WebSocket is allowed in Istio's
sidecars; other protocols (`h2c`, `tcp`, SPDY of old kubectl) and gateways of other makes are not,
and clients then see a 403 that no application wrote.

## Example

`kubectl exec` through a mesh: `Upgrade: SPDY/3.1` is answered 403.

## How to fix

Declare the port `tcp`, so that the bytes are passed on unread, or add the upgrade type to the
proxy's configuration (Istio: an EnvoyFilter with `upgrade_configs`).

## When it is wrong

When the refusal is wanted: an authorization policy denies upgrades, too.
"""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.diagnose.finding import Finding
from sniffdiag.diagnose.fixes import declare_protocol
from sniffdiag.diagnose.rule import Rule
from sniffdiag.diagnose.wording import counted, port_title
from sniffdiag.model import PortVerdict, Severity
from sniffdiag.observe.port_observation import PortObservation

_FLAG = "upgrade_failed"


def check(seen: PortObservation) -> Iterator[Finding]:
    """403 by a proxy in answer to an upgrade."""
    refused = tuple(reply for reply in seen.replies if reply.flag == _FLAG)
    if not refused:
        return
    message = (
        f"{counted(sum(reply.flows for reply in refused), 'request')} to upgrade the connection "
        f"on {port_title(seen)} met a proxy's own 403: its HTTP "
        "filters do not pass this upgrade on (not seen: whether a policy refuses it on purpose; "
        "the proxy's access log says upgrade_failed or RBAC)"
    )
    yield RULE.finding(seen, message, sightings=refused, fix=declare_protocol(seen, "tcp"))


RULE = Rule(
    id="SD115",
    name="upgrade-refused",
    severity=Severity.WARNING,
    verdict=PortVerdict.AT_RISK,
    summary="A proxy itself refuses to upgrade a connection",
    check=check,
)
