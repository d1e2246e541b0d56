"""The exchanges that the heads of a flow show, whichever HTTP it speaks."""

from __future__ import annotations

from dataclasses import replace

from sniffdiag.identify import http1_messages, http2, http2_messages
from sniffdiag.identify.messages import Exchange
from sniffdiag.identify.prelude import without_proxy
from sniffdiag.identify.sides import CLAIMS
from sniffdiag.identify.verdict import Facts, Heads


def exchanges(heads: Heads) -> tuple[Exchange, ...]:
    """Requests and answers with their offsets, as far as they were kept.

    For flows identified as HTTP of any kind: of others, whatever resembles it. A request that
    became stream 1 of HTTP/2 by an upgrade is the first. Offsets count a PROXY header in.
    """
    _, rest, before = without_proxy(heads)
    found = read(rest)
    return tuple(_moved(exchange, before) for exchange in found) if before else found


def read(heads: Heads) -> tuple[Exchange, ...]:
    """As `exchanges`, of heads without a PROXY header."""
    is_http2 = http2.probe(heads).answer in CLAIMS
    return http2_messages.exchanges(heads) if is_http2 else http1_messages.exchanges(heads)


def _moved(exchange: Exchange, by: int) -> Exchange:
    request = exchange.request
    return replace(exchange, request=request and replace(request, at=request.at + by))


def details(heads: Heads) -> Facts:
    """What the first request that can be read says, and its answer, else the first answer."""
    found = read(heads)
    asking = next((e for e in found if e.request), None)
    answered = next((e for e in (asking, *found) if e and e.response), None)
    facts = Facts()
    if asking and (request := asking.request):
        facts = replace(
            facts,
            http_version=request.version,
            method=request.method,
            target=request.target,
            host=request.host,
            content_type=request.content_type,
            upgrade=request.protocol,
            unknowable=request.unknowable,
        )
    if answered and (response := answered.response):
        facts = replace(
            facts,
            http_version=facts.http_version or response.version,
            status=response.status,
            content_type=facts.content_type or response.content_type,
            grpc_status=response.grpc_status,
            unknowable=facts.unknowable + response.unknowable,
        )
    return facts
