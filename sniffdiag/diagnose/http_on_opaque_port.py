"""HTTP traffic on a port that the mesh treats as opaque TCP.

## What it sees

HTTP/1.x, HTTP/2, gRPC, gRPC-Web or WebSocket was observed on a declared port whose bytes the mesh
passes on unread, in at least one direction: because the name says `tcp-`, because there is no
name or none that the mesh recognises (and sniffing is off or cannot match this traffic), because
the port number is one that is never sniffed, because `appProtocol` holds an unknown value, or
because the name says `https-` while the bytes are plain text.

## Why it matters

Nothing fails at once, which is why this fault lives long. Routes, retries, timeouts, per-request
balancing, HTTP telemetry and HTTP authorization rules silently do not apply; gRPC sticks to one
pod; policies with HTTP fields deny everything; traffic splits stop splitting. In Istio an
explicit `tcp-` is final in every version, so upgrading does not repair it.

## Example

A cloud console's form renamed port 8080 of `shop/reviews` from `http-web` to `tcp-8080-8080`. The
client's sidecar built a TCP proxy instead of HTTP filters and the routes of the Service were
gone.

## How to fix

Declare what the port speaks: `appProtocol: http` where the mesh version honours it, else a name
that begins with `http-`, `http2-` or `grpc-`. The finding prints the command.

## When it is wrong

When the port is opaque on purpose, for instance a proxy that must see the bytes unchanged. HTTP
clients that reach a server of another protocol do not count: the server's answer decides.

Where the capture holds nothing but the mesh's own TLS, HTTP is inferred: surely where the ALPN
says that HTTP filters sent it, else from sizes and turns of the TLS records. The latter is a
warning with its confidence, and is not given where a name promises another protocol; another
protocol of questions and answers of some size can look the same. A capture on `lo` decides.
"""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.diagnose.finding import Finding
from sniffdiag.diagnose.fixes import declare_as
from sniffdiag.diagnose.handling import offenders
from sniffdiag.diagnose.rule import ENOUGH, Rule
from sniffdiag.diagnose.wording import counted, mesh_title, port_title, was_observed
from sniffdiag.mesh.treated import Cause
from sniffdiag.model import HTTP_FAMILY, Direction, PortVerdict, Severity, Shown, Treatment
from sniffdiag.observe.port_observation import PortObservation, Sighting

_OPAQUE = frozenset({Treatment.OPAQUE})


def check(seen: PortObservation) -> Iterator[Finding]:
    """HTTP on a port that one of the two sidecars passes on unread."""
    http = tuple(s for s in seen.judged if s.is_http and _server_agrees(s))
    if _is_only_likely(http) and (seen.share(http) < MOST or _is_said_to_be_another(seen)):
        return
    if not seen.declared.given:
        yield from _not_given(seen, http)
        return
    hits = [(d, hit) for d, hit in offenders(seen, _OPAQUE, http) if not _shown_to_sniff(seen, d)]
    offending = tuple(s for s in http if any(s in hit for _, hit in hits))
    if not offending or seen.share(offending) < ENOUGH:
        return
    message = (
        f"{port_title(seen)} is {_declared(seen, hits[0][0])}, so "
        f"{mesh_title(seen)} treats it as opaque TCP {' and '.join(d.value for d, _ in hits)} "
        f"({_because(seen, hits[0][0], offending[0])}); {was_observed(offending)}"
        f"{_sticks(seen, offending)}{_hung_up(seen)}{_shown(seen, [d for d, _ in hits])}"
    )
    yield RULE.finding(
        seen,
        message,
        sightings=offending,
        fix=declare_as(seen, offending[0]),
        severity=Severity.WARNING if _is_only_likely(offending) else Severity.ERROR,
    )


def _shown_to_sniff(seen: PortObservation, direction: Direction) -> bool:
    """Marks show that sniffing did recognise this traffic, whatever is known of that release.

    Where the client's sidecar did, the server's does as well, and the reverse.
    """
    sniffing = [d for d in Direction if seen.treated.of(d).as_ is Treatment.SNIFFED]
    refused = any(reply.by in sniffing for reply in seen.replies)
    recognised = any(seen.shown.of(d).as_ is Shown.HTTP for d in sniffing)
    return direction in sniffing and recognised and not refused


def _shown(seen: PortObservation, directions: list[Direction]) -> str:
    """What marks show that the proxies really did."""
    told = {d: seen.shown.of(d) for d in directions}
    opaque = [d for d, shown in told.items() if shown.as_ is Shown.OPAQUE]
    if opaque:
        because = told[opaque[0]].because
        return f"; the proxies really handle it as TCP {' and '.join(opaque)}: {because}"
    return ""


def _not_given(seen: PortObservation, http: tuple[Sighting, ...]) -> Iterator[Finding]:
    """Nothing is known of the declaration, but what was made of it is shown."""
    opaque = [d for d in Direction if seen.shown.of(d).as_ is Shown.OPAQUE]
    if not http or not opaque:
        return
    message = (
        f"{was_observed(http)} to {port_title(seen)}, which the "
        f"proxies handle as opaque TCP {' and '.join(opaque)}: {seen.shown.of(opaque[0]).because}; "
        "its declaration was not given"
    )
    yield RULE.finding(
        seen,
        message,
        sightings=http,
        fix=declare_as(seen, http[0]),
        severity=Severity.WARNING if _is_only_likely(http) else Severity.ERROR,
    )


MOST = 0.8
"""Part of a port's connections that must look like HTTP where nothing but sizes says so."""
LIKELY = 0.9
"""Below, an inference is no proof."""


def _is_only_likely(http: tuple[Sighting, ...]) -> bool:
    """Nothing but sizes and turns inside the mesh's own TLS says that this is HTTP."""
    return all(s.inferred and s.confidence < LIKELY for s in http)


def _is_said_to_be_another(seen: PortObservation) -> bool:
    """The names promise a protocol whose messages may look like those of HTTP."""
    return bool(seen.named_protocols - HTTP_FAMILY)


def _sticks(seen: PortObservation, offending: tuple[Sighting, ...]) -> str:
    """Calls of one HTTP/2 connection all go to one pod where nobody reads them."""
    flows = sum(s.flows for s in offending if s.is_http2)
    calls = seen.http.requests if seen.http is not None else 0
    if not flows or flows != seen.decided_flows or calls < _MANY_CALLS * flows:
        return ""
    pods = "one pod" if flows == 1 else f"{flows} pods at most"
    return (
        f"; balanced by connection, {calls:,} calls in {counted(flows, 'connection')} reach {pods}"
    )


_MANY_CALLS = 3
"""Fewer calls a connection tell nothing of how they are balanced."""


def _hung_up(seen: PortObservation) -> str:
    """What policies with HTTP fields do on a port that is handled as TCP."""
    flows = seen.conduct.unserved.flows
    if not flows:
        return ""
    ended = f"{counted(flows, 'connection')} {'was' if flows == 1 else 'were'} ended"
    return f"; {ended} without an answer, as authorization by HTTP fields does on a TCP port"


def _server_agrees(sighting: Sighting) -> bool:
    return sighting.shape.answered is None or sighting.shape.answered in HTTP_FAMILY


def _declared(seen: PortObservation, direction: Direction) -> str:
    """What the declaration says, one phrase for each cause."""
    decided, declared = seen.treated.of(direction), seen.declared
    if decided.cause is Cause.EXPLICIT and decided.token in {"https", "tls"}:
        return f"declared {decided.token} while its bytes are plain text"
    phrases = {
        Cause.EXPLICIT: f"declared {_EXPLICITLY.get(decided.token, decided.token)}",
        Cause.UNNAMED: "declared without a name",
        Cause.UNRECOGNISED: f"declared by the unrecognised name {declared.name!r}",
        Cause.NEAR_MISS: f"declared by {declared.name!r}, a near miss of a recognised name",
        Cause.EXEMPT_PORT: "declared by its port number alone",
        Cause.UNKNOWN_APP_PROTOCOL: f"declared by unknown appProtocol {declared.app_protocol!r}",
        Cause.UNSTATED: "declared nowhere",
        Cause.TRANSPORT: f"declared as {declared.transport.label}",
        Cause.LAYER_4: "behind a layer 4 proxy",
        Cause.NOT_GIVEN: "not given",
        Cause.NO_MESH: "outside the mesh",
    }
    return phrases[decided.cause]


_EXPLICITLY = {"listed": "by a list of ports", "unlisted": "by a list of ports"}


def _because(seen: PortObservation, direction: Direction, sighting: Sighting) -> str:
    """Why it comes out opaque: sniffing that cannot match this traffic is a reason of its own."""
    decided = seen.treated.of(direction)
    if decided.as_ is Treatment.SNIFFED and decided.cause is not Cause.EXPLICIT:
        return f"{direction.value} sniffing does not recognise {_unmatched(sighting)}"
    return decided.because


def _unmatched(sighting: Sighting) -> str:
    if sighting.shape.prelude:
        return "HTTP behind a PROXY protocol header"
    if sighting.shape.http_1_0:
        return "HTTP/1.0"
    if sighting.shape.unusual_method:
        return "HTTP with a method that no registry has"
    return "HTTP/2" if sighting.is_http2 else "this traffic"


RULE = Rule(
    id="SD101",
    name="http-on-opaque-port",
    severity=Severity.ERROR,
    verdict=PortVerdict.MISMATCH,
    summary="HTTP observed on a port treated as opaque TCP",
    check=check,
)
