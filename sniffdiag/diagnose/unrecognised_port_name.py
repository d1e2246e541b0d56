"""A port name or appProtocol that looks like a declaration but is none.

## What it sees

A name whose first word the mesh does not know (`web`, `8080-8080-tcp`, `http2foo`), or an unknown
`appProtocol`, on a port whose traffic says nothing worse.

## Why it matters

The mesh guesses or falls back to opaque TCP, and which of the two changed from version to
version. An unknown `appProtocol` is worse than none: the name is then not consulted.

## Example

`httpport2` instead of `http-port2`: one and a half weeks until somebody saw it.

## How to fix

Begin the name with a word that the mesh knows, followed by a dash.

## When it is wrong

When no mesh reads the name. Names written by tools (`80-80-tcp`, `port-1`) are common and
harmless outside a mesh.
"""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.diagnose.finding import Finding
from sniffdiag.diagnose.fixes import declare_as
from sniffdiag.diagnose.rule import Rule
from sniffdiag.diagnose.wording import mesh_title, port_title
from sniffdiag.mesh.treated import Cause
from sniffdiag.model import PortVerdict, Severity
from sniffdiag.observe.port_observation import PortObservation

_NO_DECLARATION = {
    Cause.UNRECOGNISED: "begins with no word that {mesh} knows",
    Cause.NEAR_MISS: "is a near miss: {mesh} knows the word only when a dash follows",
    Cause.UNKNOWN_APP_PROTOCOL: "has an appProtocol unknown to {mesh}, and the name is not read",
}


def check(seen: PortObservation) -> Iterator[Finding]:
    """Names that declare nothing."""
    phrase = _NO_DECLARATION.get(seen.treated.cause)
    if phrase is None or not seen.sightings:
        return
    outbound, inbound = seen.treated.outbound.as_, seen.treated.inbound.as_
    message = (
        f"{port_title(seen)} {phrase.format(mesh=mesh_title(seen))}; "
        f"it is treated as {outbound} outbound and {inbound} inbound"
    )
    yield RULE.finding(seen, message, fix=declare_as(seen, seen.sightings[0]))


RULE = Rule(
    id="SD202",
    name="unrecognised-port-name",
    severity=Severity.INFO,
    verdict=PortVerdict.OK,
    summary="A port name or appProtocol that the mesh does not recognise",
    check=check,
    yields_to=(
        "http-on-opaque-port",
        "opaque-on-http-port",
        "saved-by-sniffing",
        "server-first-on-sniffed-port",
    ),
)
