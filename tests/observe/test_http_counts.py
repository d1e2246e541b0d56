"""Requests, answers, latencies and resets of a declared port, as a user sees them in the report."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sniffdiag.catalog.manifests import load
from sniffdiag.flows import pieces
from sniffdiag.mesh.policy import load_policy
from sniffdiag.mesh.treat import treated
from sniffdiag.observe.http_counts import Counted, HttpCounts
from sniffdiag.observe.identified import IdentifiedFlows
from sniffdiag.observe.observe import observe
from sniffdiag.observe.port_observation import PortObservation
from sniffdiag.pipeline.diagnosis import MeshChoice, analyze_captures
from tests.support.capture_files import Frame, pcap
from tests.support.conversations import ANSWER, REQUEST, End, connection, flows_of

INCIDENT = Path(__file__).parents[2] / "pcaps" / "tke-rename"
LAB = Path(__file__).parents[2] / "pcaps" / "lab"
CLIENT, SERVER = End("10.0.0.1", 40000), End("10.96.0.50", 80)
DECLARED = ["shop/web:80/http-web=10.96.0.50"]
FAILED = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
POST = b"POST /api HTTP/1.1\r\nHost: web\r\nExpect: 100-continue\r\n\r\n"
RST_AT, RST = 47, 0x04
"""Of the TCP flags in the frames of `connection`."""


def the_port(frames: Sequence[bytes]) -> PortObservation:
    catalog = load([], declarations=DECLARED)
    policy = load_policy("istio").at("1.20", {})
    ways = {port: treated(policy, port) for port in catalog.ports}
    (port,) = observe(IdentifiedFlows(flows_of(frames)), catalog, ways).ports
    return port


def counts_of(frames: Sequence[bytes]) -> HttpCounts:
    http = the_port(frames).http
    assert http is not None
    return http


def test_methods_and_statuses_are_counted() -> None:
    turns = [(0, REQUEST), (1, ANSWER), (0, REQUEST), (1, FAILED), (0, POST), (1, ANSWER)]
    http = counts_of(connection(CLIENT, SERVER, turns))
    assert http.counted is Counted.COLUMNS
    assert http.methods == (("GET", 2), ("POST", 1))
    assert http.statuses == ((200, 2), (503, 1))
    assert (http.requests, http.responses, http.errors) == (3, 3, 1)


def test_a_retransmitted_request_and_answer_count_once() -> None:
    frames = connection(CLIENT, SERVER)
    again = [copy for frame in frames for copy in [frame] * (2 if b"HTTP" in frame else 1)]
    assert len(again) == len(frames) + 2
    assert replace(counts_of(again), latency=None) == replace(counts_of(frames), latency=None)


def test_100_continue_is_no_answer() -> None:
    turns = [(0, POST), (1, CONTINUE), (0, b"body"), (1, ANSWER)]
    http = counts_of(connection(CLIENT, SERVER, turns))
    assert http.statuses == ((100, 1), (200, 1))
    assert http.latency is not None
    assert http.latency.answers == 1


def test_pipelined_requests_are_counted_but_not_timed() -> None:
    turns = [(0, REQUEST), (0, REQUEST), (1, ANSWER), (1, ANSWER)]
    http = counts_of(connection(CLIENT, SERVER, turns))
    assert (http.requests, http.responses, http.latency) == (2, 2, None)


def with_reset_for_the_fin(frames: list[bytes]) -> list[bytes]:
    """The connection up to its first FIN, which a RST takes the place of."""
    reset = bytearray(frames[-3])
    reset[RST_AT] = RST
    return [*frames[:-3], bytes(reset)]


def test_a_reset_counts_as_an_error_only_while_a_request_waits() -> None:
    waiting = counts_of(with_reset_for_the_fin(connection(CLIENT, SERVER, [(0, REQUEST)])))
    assert (waiting.unanswered_resets, waiting.errors) == (1, 1)
    answered = counts_of(with_reset_for_the_fin(connection(CLIENT, SERVER)))
    assert (answered.unanswered_resets, answered.errors) == (0, 0)


def test_a_port_without_http_has_no_counts() -> None:
    port = the_port(connection(CLIENT, SERVER, [(0, b"\x00\x01\x02\x03" * 4)]))
    assert (port.http, port.timeline) == (None, None)


def analyzed(folder: Path, capture: str, version: str) -> PortObservation:
    report = analyze_captures(
        [str(folder / capture)],
        load([str(folder / "services.yaml")]),
        MeshChoice("istio", version),
    )
    return next(port.seen for port in report.ports if port.seen.flows)


def test_a_request_on_two_hops_counts_once_and_torn_connections_have_latencies() -> None:
    """36 requests by the client's own account; the capture has each on the wire as well."""
    port = analyzed(INCIDENT, "incident.pcap", "1.3.6")
    assert port.http is not None
    assert port.http.requests == port.http.responses == 36
    assert dict(port.http.statuses) == {200: 13, 201: 13, 404: 10}
    assert port.http.latency is not None
    assert port.http.latency.answers == 36
    assert sum(sighting.requests for sighting in port.sightings) == 36


def test_the_timeline_adds_up() -> None:
    port = analyzed(INCIDENT, "incident.pcap", "1.3.6")
    assert port.http is not None
    assert port.timeline is not None
    assert sum(port.timeline.requests) == port.http.requests
    assert sum(port.timeline.status_4xx) == port.http.of_class(4)
    assert sum(port.timeline.connections) == port.flows
    assert 32 < len(port.timeline.requests) <= 64


@pytest.mark.parametrize("release", ["1.20", "1.20-mtls"])
def test_grpc_is_counted_in_heads_with_its_own_statuses(release: str) -> None:
    http = analyzed(LAB / "grpc-on-grpc-api" / release, "c-any.pcap", "1.20").http
    assert http is not None
    assert http == replace(
        http, counted=Counted.HEADS, methods=(("POST", 3),), grpc_statuses=((0, 3),), heads=1
    )
    assert http.head_bytes > 0
    assert (http.heads, http.heads_of, http.is_least) == (1, 1, False)


def test_where_heads_are_not_all_segments_are_counted_and_said_to_be_lower_bounds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pieces, "HEAD_BYTES", np.array([300, 0]))
    monkeypatch.setattr(pieces, "SAMPLES", np.array([0, 0]))
    monkeypatch.setattr(pieces, "TIERS", np.array([100]))
    http = analyzed(LAB / "grpc-on-grpc-api" / "1.20", "c-any.pcap", "1.20").http
    assert http is not None
    assert (http.is_least, http.heads, http.heads_of) == (True, 0, 1)
    assert (http.counted, http.requests, http.responses) == (Counted.COLUMNS, 3, 3)
    assert http.latency is not None
    assert http.latency.answers == 3


def test_latency_is_right_within_its_steps() -> None:
    """Answers after 1 to 100 ms."""
    frames, at = [], 0
    for number in range(100):
        turns = [(0, REQUEST), (1, ANSWER)]
        told = connection(End("10.0.0.1", 40000 + number), SERVER, turns)
        for data in told:
            at += (number + 1) * 10**6 if b"200 OK" in data else 0
            frames.append(Frame(data, at))
    report = analyze_captures(
        ["-"],
        load([], declarations=DECLARED),
        MeshChoice("istio", "1.20"),
        stdin=io.BytesIO(pcap(frames, linktype=1)),
    )
    http = report.ports[0].seen.http
    assert http is not None
    assert http.latency is not None
    told_ms = [ns / 10**6 for ns in (http.latency.p50_ns, http.latency.p90_ns, http.latency.p99_ns)]
    assert told_ms == pytest.approx([50, 90, 99], rel=0.032)


def test_grpc_statuses_of_long_connections_are_told_though_blocks_only_refer_to_earlier_ones() -> (
    None
):
    """Of 200 calls every tenth fails; each status is spelt out once, and then only referred to."""
    report = analyze_captures(
        [str(Path(__file__).parents[2] / "pcaps" / "http2" / "many" / "grpc-one-by-one.pcap")],
        load([], declarations=["shop/cart:8446/grpc=127.0.0.1"]),
        MeshChoice("istio", "1.20"),
    )
    port = report.ports[0].seen
    assert port.http is not None
    assert port.timeline is not None
    assert (port.http.counted, port.http.is_least) == (Counted.COLUMNS, True)
    assert port.http.methods == (("POST", 200),)
    assert port.http.grpc_statuses == ((0, 180), (14, 20))
    assert (port.http.grpc_untold, port.http.errors) == (0, 20)
    assert (sum(port.timeline.requests), sum(port.timeline.grpc_errors)) == (200, 20)
