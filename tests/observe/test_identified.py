"""What a listing with details adds to the identification of a flow."""

from __future__ import annotations

from pathlib import Path

import pytest

from sniffdiag.observe import sightings
from sniffdiag.observe.identified import IdentifiedFlows
from sniffdiag.pipeline.capture import sealed
from sniffdiag.pipeline.reading import read
from tests.support.conversations import ANSWER, REQUEST, End, connection, flows_of

PCAPS = Path(__file__).parents[2] / "pcaps"
HOST = "cart.shop.svc.cluster.local"
CLIENT, SERVER = End("10.0.0.1", 40000), End("10.0.0.2", 8080)


def test_a_settled_flow_tells_its_first_request_when_it_is_looked_at() -> None:
    identified = IdentifiedFlows(flows_of(connection(CLIENT, SERVER)))
    assert identified.brief(0).facts.method is None
    facts = identified.detailed(0).facts
    assert (facts.method, facts.target, facts.status) == ("GET", "/api", 200)


def test_an_interim_answer_is_not_taken_for_the_answer() -> None:
    turns = ((0, REQUEST), (1, b"HTTP/1.1 100 Continue\r\n\r\n"), (1, ANSWER))
    identified = IdentifiedFlows(flows_of(connection(CLIENT, SERVER, turns)))
    assert identified.detailed(0).facts.status == 200


@pytest.mark.parametrize(
    ("capture", "what"),
    [
        ("http2/nghttp", "GET /a HTTP/2"),
        ("http2/grpc", "POST /shop.Cart/Add HTTP/2"),
        ("http2/grpc-unimplemented", "POST /shop.Cart/Remove HTTP/2, grpc-status 12"),
        ("http2/hbone", "CONNECT 10.244.2.20:8080 HTTP/2"),
        ("tls/tls13", f"TLS ClientHello, SNI {HOST}"),
        (
            "tls/unknown-ca",
            f"TLS ClientHello, client's alert unknown_ca, SNI {HOST}",
        ),
        (
            "quic/no-common-alpn",
            f"QUIC ClientHello, server's alert no_application_protocol, SNI {HOST}",
        ),
    ],
)
def test_evidence_quotes_what_was_asked_and_why_it_failed(capture: str, what: str) -> None:
    path = PCAPS / f"{capture}.pcap"
    flows = sealed(read([str(path)], stdin=None, watcher=None)).flows
    assert sightings.what_of(flows.detailed(0)) == what


def test_segments_that_the_snapshot_length_cut_are_named() -> None:
    flows = flows_of(connection(CLIENT, SERVER))
    flows.cut_segments[0] = (1, 2)
    found = IdentifiedFlows(flows).detailed(0)
    assert found.why.endswith("; 3 segments are cut by the snapshot length")
