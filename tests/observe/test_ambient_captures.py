"""A real tunnel of an ambient mesh: what each place of capture shows, and that nobody is blamed."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from sniffdiag.catalog.manifests import load
from sniffdiag.catalog.services import Catalog
from sniffdiag.model import Leg, MeshSide, PortVerdict
from sniffdiag.pipeline.diagnosis import MeshChoice, analyze_captures
from sniffdiag.report.report import Report

AMBIENT = Path(__file__).parents[2] / "pcaps" / "ambient"
CLIENT, TUNNEL, SERVER = (AMBIENT / name for name in ("c-any.pcap", "s1-eth0.pcap", "s1-lo.pcap"))
LABEL = "labels: {istio.io/dataplane-mode: ambient}"


def declared(name: str = "tcp-web", *, labelled: bool = True) -> Catalog:
    text = (AMBIENT / "services.yaml").read_text().replace("name: tcp-web", f"name: {name}")
    text = text if labelled else text.replace(LABEL, "labels: {}")
    return load(["-"], stdin=io.BytesIO(text.encode()))


def analyzed(captures: list[Path], catalog: Catalog) -> Report:
    return analyze_captures([str(path) for path in captures], catalog, MeshChoice("istio", "1.24"))


def legs(report: Report) -> dict[Leg, tuple[int, str, str]]:
    (port,) = report.ports
    return {
        leg.leg: (leg.flows, leg.client_side.as_.value, leg.server_side.as_.value)
        for leg in port.seen.legs
    }


def test_the_client_pod_shows_two_requests_that_go_into_one_tunnel() -> None:
    assert legs(analyzed([CLIENT], declared())) == {
        Leg.APP_TO_PROXY: (2, "ambient", "unknown"),
        Leg.HBONE: (1, "ambient", "ambient"),
    }


def test_the_server_pod_shows_the_tunnel_and_two_requests_that_come_out_of_it() -> None:
    report = analyzed([TUNNEL, SERVER], declared())
    assert legs(report) == {
        Leg.HBONE: (1, "ambient", "ambient"),
        Leg.PROXY_TO_APP: (2, "unknown", "ambient"),
    }
    assert report.ports[0].seen.http is not None
    assert report.ports[0].seen.http.requests == 2


def test_from_both_pods_each_request_counts_once_and_is_followed() -> None:
    (port,) = analyzed([CLIENT, TUNNEL, SERVER], declared()).ports
    assert port.seen.http is not None
    assert (port.seen.http.requests, port.seen.superseded_flows) == (2, 2)
    (hop,) = port.seen.hops
    assert (hop.before, hop.after) == (Leg.APP_TO_PROXY, Leg.PROXY_TO_APP)
    assert (hop.same, hop.rewritten) == (2, 0)


@pytest.mark.parametrize("labelled", [True, False], ids=["labelled", "Namespace not given"])
@pytest.mark.parametrize("name", ["http-web", "tcp-web", "web", "grpc-web", "mysql-web"])
@pytest.mark.parametrize(
    "captures",
    [[CLIENT], [TUNNEL], [TUNNEL, SERVER], [CLIENT, TUNNEL, SERVER]],
    ids=["client", "tunnel", "server", "both"],
)
def test_whatever_the_port_is_called_ztunnel_works_on_layer_4_and_it_is_not_at_fault(
    captures: list[Path], name: str, *, labelled: bool
) -> None:
    report = analyzed(captures, declared(name, labelled=labelled))
    told = {finding.name for finding in report.findings}
    assert "layer-4-only" in told
    assert told <= {"layer-4-only", "thin-evidence"}
    (port,) = report.ports
    unreadable = captures == [TUNNEL]
    assert port.verdict is (PortVerdict.UNKNOWN if unreadable else PortVerdict.OK)


def test_behind_the_tunnel_alone_nothing_tells_if_there_is_a_mesh() -> None:
    (port,) = analyzed([SERVER], declared(labelled=False)).ports
    (leg,) = port.seen.legs
    assert leg.leg is Leg.WIRE
    assert {leg.client_side.as_, leg.server_side.as_} == {MeshSide.UNKNOWN}
