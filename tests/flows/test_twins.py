"""A connection that address translation shows as two is one."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from sniffdiag.catalog.manifests import load
from sniffdiag.flows.flow import NO_TWIN, Orientation
from sniffdiag.flows.twins import find_twins
from sniffdiag.pipeline.capture import list_flows
from sniffdiag.pipeline.diagnosis import MeshChoice, analyze_captures
from sniffdiag.report.flow_formats import FLOW_FORMATS
from sniffdiag.report.formats import FORMATS
from tests.support.conversations import ANSWER, REQUEST, End, connection, flows_of

CAPTURED = Path(__file__).parents[2] / "pcaps" / "copies"
CLUSTER_IP, POD = ("10.96.0.10", 80), ("10.244.2.2", 8080)

CLIENT, NODE = End("10.0.0.1", 40001), End("10.0.0.100", 40001)
SERVICE, BEHIND = End("10.96.0.1", 80), End("10.0.0.7", 8080)


def side_by_side(*connections: list[bytes]) -> list[bytes]:
    """One frame of each in turn, a microsecond apart."""
    return list(chain.from_iterable(zip(*connections, strict=True)))


def twins_of(frames: list[bytes]) -> list[int]:
    flows = flows_of(frames)
    find_twins(flows)
    told: list[int] = flows.twin_of.tolist()
    return told


def listed(*names: str) -> dict[str, Any]:
    paths = [str(CAPTURED / name) for name in names]
    told: dict[str, Any] = json.loads("".join(FLOW_FORMATS["json"](list_flows(paths))))
    return told


@pytest.mark.parametrize(
    "names",
    [("any.pcap",), ("any-sll.pcap",), ("several.pcapng",), ("client.pcap", "server.pcap")],
    ids=lambda names: names[0],
)
def test_cluster_ip_and_pod_are_named_as_one_connection(names: tuple[str, ...]) -> None:
    told = listed(*names)
    by_server = {(flow["server"], flow["server_port"]): flow for flow in told["flows"]}
    assert by_server[POD]["twin_of"] == by_server[CLUSTER_IP]["tcp_stream"]
    assert [key for key, flow in by_server.items() if flow["twin_of"] is not None] == [POD]
    assert told["capture"]["twins"] == 1


@pytest.mark.parametrize("name", ["client.pcap", "server.pcap", "node.pcap"])
def test_where_only_one_side_is_seen_there_is_no_twin(name: str) -> None:
    assert listed(name)["capture"]["twins"] == 0


@pytest.mark.parametrize(
    ("before", "behind"),
    [
        ((CLIENT, SERVICE), (CLIENT, BEHIND)),
        ((CLIENT, BEHIND), (NODE, BEHIND)),
        ((CLIENT, SERVICE), (NODE, BEHIND)),
    ],
    ids=["destination rewritten", "source rewritten", "both rewritten"],
)
@pytest.mark.parametrize("handshake", [True, False], ids=["whole", "caught in the middle"])
def test_whatever_was_rewritten_twins_are_found(
    before: tuple[End, End], behind: tuple[End, End], *, handshake: bool
) -> None:
    frames = side_by_side(
        connection(*before, isn=77, handshake=handshake),
        connection(*behind, isn=77, handshake=handshake),
    )
    assert twins_of(frames) == [NO_TWIN, 0]


def test_sides_that_were_guessed_the_wrong_way_round_do_not_hide_a_twin() -> None:
    flows = flows_of(
        side_by_side(
            connection(CLIENT, SERVICE, handshake=False),
            connection(CLIENT, BEHIND, handshake=False),
        )
    )
    flows.reorient(flows.server_port == BEHIND.port, Orientation.PORT)
    find_twins(flows)
    assert flows.twin_of.tolist() == [NO_TWIN, 0]


def test_a_call_that_nobody_answers_has_its_twin_too() -> None:
    before, behind = (connection(CLIENT, end, isn=77)[:1] for end in (SERVICE, BEHIND))
    assert twins_of(side_by_side(before, behind)) == [NO_TWIN, 0]


DRAWN = 0x5F3C_1A77
OTHER_PORT, MASQUERADED = End("10.0.0.1", 52_017), End("10.0.0.100", 61_234)


@pytest.mark.parametrize("behind", [MASQUERADED, OTHER_PORT], ids=["and address", "alone"])
@pytest.mark.parametrize("server", [BEHIND, SERVICE], ids=["both ends", "the source"])
def test_a_rewritten_source_port_does_not_hide_a_twin(behind: End, server: End) -> None:
    frames = side_by_side(
        connection(CLIENT, SERVICE, isn=DRAWN), connection(behind, server, isn=DRAWN)
    )
    assert twins_of(frames) == [NO_TWIN, 0]


OTHER = [(0, REQUEST + b"x"), (1, ANSWER)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (connection(CLIENT, SERVICE, isn=77), connection(CLIENT, BEHIND, isn=78)),
        (connection(CLIENT, SERVICE, isn=77), connection(End("10.0.0.1", 40002), BEHIND, isn=77)),
        (connection(CLIENT, SERVICE, isn=77), connection(NODE, BEHIND, OTHER, isn=77)),
        (
            connection(CLIENT, SERVICE, isn=DRAWN),
            connection(MASQUERADED, BEHIND, OTHER, isn=DRAWN),
        ),
        (
            connection(CLIENT, SERVICE, isn=DRAWN)[:1],
            connection(MASQUERADED, BEHIND, isn=DRAWN)[:1],
        ),
    ],
    ids=[
        "other numbers",
        "another port of the client",
        "other bytes of another client",
        "other bytes of another client and port",
        "nobody answers another port",
    ],
)
def test_what_differs_is_no_twin(one: list[bytes], other: list[bytes]) -> None:
    assert twins_of(side_by_side(one, other)) == [NO_TWIN, NO_TWIN]


def test_numbers_that_are_not_drawn_at_random_make_no_twins_of_strangers() -> None:
    clients = [End(f"10.0.0.{host}", 40001) for host in range(1, 9)]
    assert set(twins_of(side_by_side(*[connection(c, BEHIND) for c in clients]))) == {NO_TWIN}


def analyzed(*declared: str) -> dict[str, Any]:
    catalog = load([], declarations=declared)
    report = analyze_captures([str(CAPTURED / "any.pcap")], catalog, MeshChoice(version="1.20"))
    told: dict[str, Any] = json.loads(FORMATS["json"](report))
    return told


def test_a_declared_port_counts_the_connection_once() -> None:
    told = analyzed("shop/web:80:8080/http-web=10.96.0.10,10.244.2.2")
    (port,) = told["ports"]
    assert port["observed"] == {"http": 1}
    assert port["requests"] == 2
    assert told["unmatched"]["flows"] == 3


@pytest.mark.parametrize(
    "declared", ["shop/web:80/http-web=10.96.0.10", "shop/web:80:8080/http-web=10.244.2.2"]
)
def test_its_other_side_is_no_undeclared_traffic(declared: str) -> None:
    told = analyzed(declared)
    assert told["ports"][0]["observed"] == {"http": 1}
    assert told["unmatched"]["flows"] == 3
    assert "10.96.0.10" not in json.dumps(told["unmatched"])


def test_who_dials_one_service_does_not_call_another_with_the_same_pods() -> None:
    told = analyzed("shop/web:80/http-web=10.96.0.10", "shop/admin:8080/tcp-admin=10.244.2.2")
    assert {port["service"]: port["observed"] for port in told["ports"]} == {
        "web": {"http": 1},
        "admin": {},
    }
