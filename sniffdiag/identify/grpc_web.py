"""gRPC-Web over HTTP/1.1 or HTTP/2, by its content type (PROTOCOL-WEB.md of grpc).

Browsers speak it, and a mesh must treat it as HTTP even where the port says grpc. Its trailers
travel in the body, which is not read.
"""

from __future__ import annotations

from dataclasses import replace

from sniffdiag.identify import http1, http2
from sniffdiag.identify.grpc import GRPC_WEB, coded_types
from sniffdiag.identify.sides import CLAIMS, judge
from sniffdiag.identify.verdict import (
    NEED_MORE,
    NO,
    Answer,
    Detector,
    Facts,
    Heads,
    Side,
    Verdict,
    certain,
)
from sniffdiag.model import Transport

CONTENT_TYPE = "application/grpc-web"


def _named_by(facts: Facts) -> Verdict:
    if (facts.content_type or "").lower().startswith(CONTENT_TYPE):
        return certain("content-type application/grpc-web over HTTP/1", facts)
    return NEED_MORE


def _probe_request(side: Side) -> Verdict:
    return _named_by(http1.request_facts(side.head))


def _probe_response(side: Side) -> Verdict:
    return _named_by(http1.response_facts(side.head))


def probe(heads: Heads) -> Verdict:
    """The content type in clear (HTTP/1) or as an HPACK literal (HTTP/2)."""
    over_http1 = judge(heads, _probe_request, _probe_response)
    if over_http1.answer is Answer.CERTAIN:
        return over_http1
    carrier = http2.probe(heads)
    if carrier.answer in CLAIMS and GRPC_WEB in coded_types(heads):
        return replace(carrier, why="content-type application/grpc-web over HTTP/2")
    if carrier.answer is Answer.NO and http1.probe(heads).answer is Answer.NO:
        return NO
    return NEED_MORE


DETECTOR = Detector(
    protocol=GRPC_WEB,
    title="gRPC-Web",
    transports=frozenset({Transport.TCP}),
    probe=probe,
    refines=("http", "http2"),
    carriers=frozenset({"http", "http2"}),
    evidence="content-type application/grpc-web over HTTP/1.1 or HTTP/2",
)
