"""One packet captured at several places is one packet."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sniffdiag.pipeline import copying
from sniffdiag.pipeline.capture import list_flows
from sniffdiag.report.capture_text import capture_lines
from sniffdiag.report.flow_formats import FLOW_FORMATS
from sniffdiag.sources import parts
from tests.support.capture_files import Frame, enhanced, interface, pcap, section
from tests.support.small_captures import FRAMES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

CAPTURED = Path(__file__).parents[2] / "pcaps" / "copies"
CLUSTER_IP, CLIENT = "10.96.0.10", "10.244.1.2"
LINUX_SLL2 = 276
PLACES = 3
LATEST_COPY_NS = 400_000
"""Frames are a millisecond apart: copies come before the frame that follows."""


def listing(*paths: Path, processes: int = 1) -> dict[str, Any]:
    names = [str(path) for path in paths]
    text = "".join(FLOW_FORMATS["json"](list_flows(names, processes=processes)))
    found: dict[str, Any] = json.loads(text)
    return found


FACTS = ("protocol", "packets_from_client", "packets_from_server", "payload_from_client",
         "payload_from_server", "oriented_by", "transport")  # fmt: skip


def facts_by_server(*paths: Path) -> dict[tuple[str, int], list[object]]:
    return {
        (flow["server"], flow["server_port"]): [flow[name] for name in FACTS]
        for flow in listing(*paths)["flows"]
    }


@pytest.mark.parametrize("name", ["any.pcap", "any-sll.pcap", "several.pcapng"])
def test_a_node_counts_what_the_pods_count(name: str) -> None:
    """The node's captures hold each packet up to four times, the pods' hold it once."""
    node = facts_by_server(CAPTURED / name)
    client = facts_by_server(CAPTURED / "client.pcap")
    behind_dnat = ("10.244.2.2", 8080)
    assert node == client | {behind_dnat: facts_by_server(CAPTURED / "server.pcap")[behind_dnat]}


@pytest.mark.parametrize(
    "names",
    [
        ("client.pcap", "server.pcap"),
        ("client.pcap", "node.pcap", "server.pcap"),
        ("any.pcap", "server.pcap", "several.pcapng", "client.pcap", "any-sll.pcap", "node.pcap"),
    ],
    ids=["both pods", "pods and a node", "six at a time"],
)
def test_captures_of_several_places_together_count_what_each_counts(names: tuple[str, ...]) -> None:
    client = facts_by_server(CAPTURED / "client.pcap")
    behind_dnat = ("10.244.2.2", 8080)
    together = facts_by_server(*(CAPTURED / name for name in names))
    assert together == client | {
        behind_dnat: facts_by_server(CAPTURED / "server.pcap")[behind_dnat]
    }


def test_a_retransmission_that_happened_is_counted() -> None:
    lost_once = ("10.244.2.2", 8081)
    at = FACTS.index("packets_from_client")
    sent, arrived = (
        facts_by_server(CAPTURED / name)[lost_once][at] for name in ("any.pcap", "server.pcap")
    )
    assert isinstance(arrived, int)
    assert sent == arrived + 1


@pytest.mark.parametrize("name", ["any.pcap", "any-sll.pcap", "several.pcapng"])
def test_copies_are_counted_apart(name: str) -> None:
    told = listing(CAPTURED / name)
    flows, capture = told["flows"], told["capture"]
    assert sum(flow["copies"] for flow in flows) == capture["copies"] > 100
    counted = sum(flow["packets"] for flow in flows)
    assert counted + capture["copies"] == sum(
        capture["statuses"].get(status, 0) for status in ("ok", "truncated")
    )


@pytest.mark.parametrize("name", ["client.pcap", "server.pcap"])
def test_where_nothing_is_seen_twice_there_are_no_copies(name: str) -> None:
    assert listing(CAPTURED / name)["capture"]["copies"] == 0


@dataclass(frozen=True, slots=True)
class Shown:
    """A frame as one place shows it."""

    frame: Frame
    place: int


def as_pcapng(shown: Sequence[Shown]) -> bytes:
    described = b"".join(interface(options=b"") for _ in range(PLACES))
    return section() + described + b"".join(enhanced(one.frame, number=one.place) for one in shown)


def as_cooked(shown: Sequence[Shown]) -> bytes:
    """Interfaces of one device that stands for all of them."""
    return pcap(
        [
            replace(
                one.frame,
                data=one.frame.data[12:14]
                + bytes((0, 0, 0, 0, 0, one.place, 0, 1, 0, 6))
                + one.frame.data[6:12]
                + bytes(2)
                + one.frame.data[14:],
            )
            for one in shown
        ],
        linktype=LINUX_SLL2,
    )


def as_hops(shown: Sequence[Shown]) -> bytes:
    """A mirror port on both sides of a router: other MAC addresses, one hop less."""
    return pcap(
        [replace(one.frame, data=bytes([2 * one.place]) + one.frame.data[1:]) for one in shown]
    )


def as_vlans(shown: Sequence[Shown]) -> bytes:
    """A trunk that carries a packet in one VLAN after the other."""
    return pcap(
        [
            replace(
                one.frame,
                data=one.frame.data[:12] + bytes((0x81, 0, 0, one.place)) + one.frame.data[12:],
            )
            for one in shown
        ]
    )


def as_tunnels(shown: Sequence[Shown]) -> bytes:
    """Plain, and in VXLAN between two addresses."""
    ip = b"\x45\0\0\0\0\7\0\0\x40\x11\0\0" + bytes((10, 9, 9, 1)) * 2
    tunnel = b"\x08\0" + ip + b"\xd0\0\x12\xb5\0\0\0\0" + b"\x08\0\0\0\0\0\1\0"
    return pcap(
        [
            replace(
                one.frame,
                data=(bytes([one.place]) * 12 + tunnel if one.place else b"") + one.frame.data,
            )
            for one in shown
        ]
    )


WRITERS = (as_pcapng, as_cooked, as_hops, as_vlans, as_tunnels)
IN_THE_FLOW_TABLE = (
    *FACTS, "client", "client_port", "server", "server_port", "packets", "why", "confidence",
    "first_time", "duration_ns", "tcp_stream", "udp_stream", "sni", "alpn", "answered",
)  # fmt: skip
"""Everything but frame numbers, bytes of link headers, copies, and which tunnel was seen first."""


def table_of(told: dict[str, Any]) -> list[list[object]]:
    return [[flow[name] for name in IN_THE_FLOW_TABLE] for flow in told["flows"]]


def shown_again(again: Sequence[int], home: int, seed: int) -> list[Shown]:
    """Every frame at one place, and so many times at others, a little later."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    others = [place for place in range(PLACES) if place != home]
    shown = []
    for frame, count in zip(FRAMES, again, strict=True):
        late = sorted(chance.randrange(LATEST_COPY_NS) for _ in range(count))
        shown.append(Shown(frame, home))
        shown += [
            Shown(replace(frame, ts_ns=frame.ts_ns + ns), place)
            for ns, place in zip(late, others, strict=False)
        ]
    return shown


@given(
    write=st.sampled_from(WRITERS),
    again=st.lists(st.integers(0, PLACES - 1), min_size=len(FRAMES), max_size=len(FRAMES)),
    home=st.integers(0, PLACES - 1),
    seed=st.integers(0, 99),
)
@settings(max_examples=30)
def test_showing_any_packets_again_elsewhere_changes_nothing_but_copies(
    tmp_path_factory: pytest.TempPathFactory,
    write: Callable[[Sequence[Shown]], bytes],
    again: list[int],
    home: int,
    seed: int,
) -> None:
    folder = tmp_path_factory.mktemp("copies")
    once, often = folder / "once", folder / "often"
    once.write_bytes(write([Shown(frame, home) for frame in FRAMES]))
    often.write_bytes(write(shown_again(again, home, seed)))
    told = listing(often)
    assert table_of(told) == table_of(listing(once))
    assert told["capture"]["copies"] == sum(again)
    assert sum(flow["copies"] for flow in told["flows"]) == sum(again)


def test_a_frame_sent_again_at_the_same_place_is_a_packet(tmp_path: Path) -> None:
    twice = [replace(frame, ts_ns=frame.ts_ns + late) for frame in FRAMES for late in (0, 10_000)]
    path = tmp_path / "twice"
    path.write_bytes(pcap(twice))
    told = listing(path)
    assert told["capture"]["copies"] == 0
    assert sum(flow["packets"] for flow in told["flows"]) == len(twice)


@pytest.mark.parametrize("write", [as_cooked, as_hops, as_tunnels])
def test_parts_of_a_file_are_not_read_apart_where_there_are_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Sequence[Shown]], bytes]
) -> None:
    monkeypatch.setattr(parts, "SMALLEST_PART_BYTES", 4096)
    monkeypatch.setattr(copying, "WATCHED_FRAMES", 8)
    frames = [
        replace(frame, ts_ns=frame.ts_ns + second * 10**9)
        for second in range(30)
        for frame in FRAMES
    ]
    path = tmp_path / "often"
    path.write_bytes(write([Shown(frame, place) for frame in frames for place in (0, 1)]))
    assert len(parts.parts_of([str(path)], 3)) == 3
    assert listing(path, processes=3) == listing(path)
    assert listing(path)["capture"]["copies"] == len(frames)


def test_the_report_says_how_many_frames_are_copies() -> None:
    capture = list_flows([str(CAPTURED / "any.pcap")]).capture
    line = f"{capture.copies:,} frames are copies of others (same packet, other place)"
    assert line in capture_lines(capture)
