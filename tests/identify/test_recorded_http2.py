"""What real clients asked of real servers over HTTP/2, as the listing tells it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sniffdiag.identify.exchanges import exchanges
from sniffdiag.identify.verdict import Identification
from sniffdiag.observe.identified import IdentifiedFlows
from sniffdiag.pipeline.capture import Wanted, list_flows, sealed
from sniffdiag.pipeline.reading import read
from sniffdiag.report.flow_formats import FLOW_FORMATS

RECORDED = Path(__file__).parents[2] / "pcaps" / "http2"
HOST = "cart.shop.svc.cluster.local"
Told = tuple[str | None, str | None, int | None, int | None]
EXPECTED: dict[str, list[Told]] = {
    "nghttp": [("GET", "/a", 200, None), ("GET", "/b", 200, None), ("GET", "/missing", 404, None)],
    "nghttp-continuation": [("GET", "/a", 200, None)],
    "curl": [("HEAD", "/a", 200, None), ("POST", "/b", 200, None)],
    "grpc": [("POST", "/shop.Cart/Add", 200, 0)] * 2,
    "grpc-refused": [("POST", "/shop.Cart/Add", 200, 8)] * 2,
    "grpc-unimplemented": [("POST", "/shop.Cart/Remove", 200, 12)] * 2,
    "hbone": [("CONNECT", "10.244.2.20:8080", 200, None)],
}


def flows_of(name: str) -> IdentifiedFlows:
    return sealed(read([str(RECORDED / f"{name}.pcap")], stdin=None, watcher=None)).flows


def detailed(name: str) -> Identification:
    return flows_of(name).detailed(0)


@pytest.mark.parametrize("name", EXPECTED)
def test_exchanges_are_told_with_their_statuses(name: str) -> None:
    flows = flows_of(name)
    told = [
        (
            e.request.method if e.request else None,
            e.request.target if e.request else None,
            e.response.status if e.response else None,
            e.response.grpc_status if e.response else None,
        )
        for row in range(flows.flows.rows)
        for e in exchanges(flows.heads(row))
    ]
    assert told == EXPECTED[name]


def test_calls_by_the_c_core_are_certainly_grpc() -> None:
    found = detailed("grpc")
    assert (found.protocol, found.confidence, found.facts.content_type) == (
        "grpc",
        1.0,
        "application/grpc",
    )


def test_an_offer_that_a_server_of_http2_alone_ignores_stays_http() -> None:
    found = detailed("curl-upgrade-refused")
    assert (found.protocol, found.answered) == ("http", "http2")


def test_a_tunnel_tells_what_is_inside_and_where_it_leads() -> None:
    found = detailed("hbone")
    assert (found.protocol, found.facts.tunnelled) == ("http2", "http")
    assert found.why.endswith("a tunnel as of HBONE, with http inside")
    assert found.facts.target == "10.244.2.20:8080"


@pytest.mark.parametrize("format_", FLOW_FORMATS)
def test_no_secret_is_told(format_: str) -> None:
    found = list_flows([str(RECORDED)], wanted=Wanted(facts=True, ja4=True))
    assert "secret" not in "".join(FLOW_FORMATS[format_](found)).lower()
