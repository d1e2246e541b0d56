"""What a report may want to know of a flow beyond what it is: read where a report shows it.

Detectors answer with as little as they need. Here the same heads are read to the end, by one
function a protocol, which may load libraries that a listing without such flows never needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sniffdiag.identify import exchanges, http2_messages, tls_details
from sniffdiag.identify.prelude import without_proxy
from sniffdiag.identify.resolve import identify
from sniffdiag.identify.verdict import Facts, Heads, Identification
from sniffdiag.model import NOT_A_PROTOCOL, Transport

TUNNEL = "CONNECT"


def _http2(heads: Heads) -> Facts:
    """The first exchange, and what is inside if it opens a tunnel."""
    facts = exchanges.http2_details(heads)
    if facts.method != TUNNEL or facts.http_version != http2_messages.VERSION or facts.upgrade:
        return facts
    streams = (e.stream for e in http2_messages.exchanges(heads) if e.request)
    inside = http2_messages.tunnelled(heads, next(streams, None) or 0)
    found = identify(inside, Transport.TCP, oriented=True).protocol
    known = found not in {*NOT_A_PROTOCOL, Transport.TCP.label}
    note = f"a tunnel as of HBONE{f', with {found} inside' if known else ''}"
    return replace(facts, tunnelled=found if known else None, notes=(note,))


DETAILS: dict[str, Callable[[Heads], Facts]] = {
    "grpc": exchanges.http2_details,
    "grpc-web": exchanges.details,
    "http": exchanges.http1_details,
    "http2": _http2,
    "tls": tls_details.details,
    "websocket": exchanges.http1_details,
}
"""By protocol. Total, as detectors are: any bytes give facts, none raises."""


def detailed(found: Identification, heads: Heads) -> Identification:
    """The identification with all facts that the heads give, and a word on what cannot be known."""
    read = DETAILS.get(found.protocol)
    if read is None:
        return found
    _, rest, _ = without_proxy(heads)
    facts = read(rest).merged(found.facts)
    notes = facts.notes
    if facts.unknowable:
        named = " and ".join(facts.unknowable)
        notes += (f"{named} cannot be known: compressed by what was sent before the capture",)
    return with_facts(found, "; ".join((found.why, *notes)), facts)


def with_facts(found: Identification, why: str, facts: Facts) -> Identification:
    """`dataclasses.replace` in a third of the time: listings ask for millions."""
    return Identification(
        found.protocol, why, found.confidence, found.reason, found.answered, facts, found.swap
    )
