"""The exchanges that the heads of a flow show, whichever HTTP it speaks."""

from __future__ import annotations

from dataclasses import replace

from sniffdiag.identify import http1_messages, http2, http2_messages
from sniffdiag.identify.http1_messages import MOST_MESSAGES
from sniffdiag.identify.messages import Exchange, Request, Response
from sniffdiag.identify.prelude import without_proxy
from sniffdiag.identify.sides import CLAIMS
from sniffdiag.identify.verdict import Facts, Heads

NOTHING_ASKED, NOTHING_ANSWERED = Request(at=0), Response(at=0)
FEW_BLOCKS = 8
"""Enough for the trailers of the first of several calls at once."""


def exchanges(heads: Heads) -> tuple[Exchange, ...]:
    """Requests and answers with their offsets, as far as they were kept.

    For flows identified as HTTP of any kind: of others, whatever resembles it. A request that
    became stream 1 of HTTP/2 by an upgrade is the first. Offsets count a PROXY header in.
    """
    _, rest, before = without_proxy(heads)
    found = read(rest)
    return tuple(_moved(exchange, before) for exchange in found) if before else found


def read(heads: Heads, most: int = MOST_MESSAGES) -> tuple[Exchange, ...]:
    """As `exchanges`, of heads without a PROXY header and of no more messages than told."""
    is_http2 = http2.probe(heads).answer in CLAIMS
    of = http2_messages.exchanges if is_http2 else http1_messages.exchanges
    return of(heads, most)


def _moved(exchange: Exchange, by: int) -> Exchange:
    request = exchange.request
    return replace(exchange, request=request and replace(request, at=request.at + by))


def http1_details(heads: Heads) -> Facts:
    """What the first request says, and its answer."""
    return _facts(http1_messages.exchanges(heads, most=1))


def http2_details(heads: Heads) -> Facts:
    """What the first request that can be read says, and its answer, else the first answer."""
    return _facts(http2_messages.exchanges(heads, most=FEW_BLOCKS))


def details(heads: Heads) -> Facts:
    """The same where it may be of either version."""
    return _facts(read(heads, most=FEW_BLOCKS))


def _facts(found: tuple[Exchange, ...]) -> Facts:
    asking = next((e for e in found if e.request), None)
    answered = next((e for e in (asking, *found) if e and e.response), None)
    request = asking.request if asking and asking.request else NOTHING_ASKED
    response = answered.response if answered and answered.response else NOTHING_ANSWERED
    return Facts(
        http_version=request.version or response.version,
        method=request.method,
        target=request.target,
        host=request.host,
        content_type=request.content_type or response.content_type,
        upgrade=request.protocol,
        status=response.status,
        grpc_status=response.grpc_status,
        unknowable=request.unknowable + response.unknowable,
    )
