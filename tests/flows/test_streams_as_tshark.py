"""Flows are Wireshark's streams: tshark 4.0 numbers and counts them, frame by frame."""

from __future__ import annotations

import os
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils import wrpcap

from sniffdiag.decode.decode import decode
from sniffdiag.flows.seal import seal
from sniffdiag.flows.table import FlowTable
from sniffdiag.model import Transport
from sniffdiag.nominate.tags import Tag
from sniffdiag.sources.captures import open_sources

if TYPE_CHECKING:
    from scapy.packet import Packet

pytestmark = pytest.mark.oracle

TAG_OF_PAYLOAD, TAG_OF_NONE = np.uint8(Tag.OTHER), np.uint8(Tag.EMPTY)

Stream: TypeAlias = tuple[int, int, int]  # first frame, packets, bytes

# Where we differ on purpose. Both sides' streams of a transport are then compared without numbers.
CARRIERS = "the carrier of a tunnel is a flow for tshark; we report the flows inside"
EXPLAINED = {
    ("arkime-gre-erspan-vxlan.pcap", Transport.UDP): CARRIERS,
    ("arkime-gtp-iphone.pcap", Transport.UDP): CARRIERS,
    ("zeek-geneve-many-options.pcap", Transport.UDP): CARRIERS,
    (
        "zeek-gre-sample.pcap",
        Transport.UDP,
    ): "two flows of tshark's are seen again outside the tunnel",
    ("zeek-vxlan-encapsulated-http.pcap", Transport.UDP): CARRIERS,
}


def ours(capture: Path) -> dict[Transport, dict[int, Stream]]:
    """Streams by transport and number."""
    table = FlowTable()
    for chunk in open_sources([str(capture)], stdin=None):
        headers = decode(chunk)
        tags = np.where(headers.payload_len > 0, TAG_OF_PAYLOAD, TAG_OF_NONE)
        table.fold(headers, chunk.data, tags.__getitem__)
    flows = seal(table)
    streams: dict[Transport, dict[int, Stream]] = defaultdict(dict)
    for row in range(flows.rows):
        streams[Transport(int(flows.transport[row]))][int(flows.stream[row])] = (
            int(flows.first_frame[row]),
            int(flows.packets[row].sum()),
            int(flows.bytes[row].sum()),
        )
    return streams


def tsharks(capture: Path) -> dict[Transport, dict[int, Stream]]:
    """The same, from tshark; of frames with several headers the innermost counts."""
    fields = ("frame.number", "frame.len", "tcp.stream", "udp.stream")
    printed = subprocess.run(
        [
            *("tshark", "-n", "-r", str(capture), "-T", "fields", "-E", "occurrence=l"),
            *(argument for field in fields for argument in ("-e", field)),
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    streams: dict[Transport, dict[int, Stream]] = defaultdict(dict)
    for line in printed.splitlines():
        number, length, *of_transport = line.split("\t")
        for transport, stream in zip((Transport.TCP, Transport.UDP), of_transport, strict=True):
            if stream:
                known = streams[transport]
                first, packets, size = known.get(int(stream), (int(number), 0, 0))
                known[int(stream)] = (first, packets + 1, size + int(length))
    return streams


def corpus() -> list[Path]:
    """The sample captures, none where there is no corpus."""
    folder = os.environ.get("SNIFFDIAG_CORPUS")
    return sorted(Path(folder).glob("*.pcap*")) if folder else []


@pytest.mark.corpus
@pytest.mark.skipif(not corpus(), reason="SNIFFDIAG_CORPUS names no folder of sample captures")
@pytest.mark.parametrize("capture", corpus(), ids=lambda capture: capture.name)
def test_streams_of_real_captures_are_numbered_and_counted_alike(capture: Path) -> None:
    mine, theirs = ours(capture), tsharks(capture)
    for transport in (Transport.TCP, Transport.UDP):
        if (capture.name, transport) not in EXPLAINED:
            assert mine[transport] == theirs[transport], transport
        else:
            assert mine[transport] != theirs[transport], "no longer differs: drop the explanation"


def segment(sender: int, flags: str, seq: int, ack: int = 0, data: bytes = b"") -> Packet:
    """One TCP frame between two hosts; sender 0 is the client."""
    source, target = ((1, 40000), (2, 80))[:: 1 if sender == 0 else -1]
    ip = IP(src=f"10.0.0.{source[0]}", dst=f"10.0.0.{target[0]}")
    tcp = TCP(sport=source[1], dport=target[1], flags=flags, seq=seq, ack=ack)
    return Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / ip / tcp / Raw(data)


CONVERSATIONS = {
    "SYN repeated": [segment(0, "S", 9), segment(0, "S", 9), segment(0, "S", 9)],
    "port reused": [segment(0, "S", 9), segment(0, "S", 100)],
    "SYN with the same number after RST": [
        segment(0, "S", 9),
        segment(1, "RA", 0, 10),
        segment(0, "S", 9),
    ],
    "SYN with the same number after FIN": [
        segment(0, "S", 9),
        segment(0, "FA", 10, 1),
        segment(0, "S", 9),
    ],
    "FIN without ACK": [segment(0, "S", 9), segment(0, "F", 10), segment(0, "S", 9)],
    "SYN with ACK first": [segment(1, "SA", 50, 10), segment(0, "S", 9), segment(0, "A", 10, 51)],
    "SYN after data that fits": [segment(0, "PA", 10, 51, b"x"), segment(0, "S", 9)],
    "SYN after data that does not fit": [segment(0, "PA", 11, 51, b"x"), segment(0, "S", 9)],
    "SYN after a RST without ACK": [
        segment(1, "R", 7),
        segment(0, "S", 9),
        segment(0, "S", 9),
        segment(0, "S", 9),
    ],
    "simultaneous open": [segment(0, "S", 9), segment(1, "S", 50), segment(0, "SA", 9, 51)],
    "SYN with ACK renumbers its side": [
        segment(0, "SA", 0),
        segment(0, "SA", 9),
        segment(0, "S", 9),
    ],
    "SYN repeated behind a SYN with ACK of its side": [
        segment(0, "S", 9),
        segment(0, "SA", 10),
        segment(0, "S", 9),
        segment(0, "S", 10),
    ],
    "SYN with FIN": [segment(0, "SF", 9), segment(0, "S", 9)],
    "SYN with RST": [segment(0, "SR", 9), segment(0, "S", 9)],
}


@pytest.mark.parametrize("frames", CONVERSATIONS.values(), ids=CONVERSATIONS.keys())
def test_a_syn_begins_a_stream_where_tshark_says_so(frames: list[Packet], tmp_path: Path) -> None:
    capture = tmp_path / "capture.pcap"
    wrpcap(str(capture), frames)
    assert ours(capture) == tsharks(capture)


segments = st.builds(
    segment,
    st.integers(0, 1),
    st.sampled_from(("S", "S", "SA", "A", "PA", "FA", "F", "R", "RA", "")),
    st.sampled_from((9, 10, 11, 50, 51, 2**32 - 1, 0)),
    st.sampled_from((0, 9, 10, 50, 51)),
    st.sampled_from((b"", b"x")),
)


@given(frames=st.lists(st.lists(segments, min_size=1, max_size=8), min_size=30, max_size=30))
@settings(
    max_examples=3,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_random_conversations_split_alike(frames: list[list[Packet]], tmp_path: Path) -> None:
    """Thirty conversations to a capture, because starting tshark takes longest."""
    capture = tmp_path / "capture.pcap"
    for number, conversation in enumerate(frames):
        for frame in conversation:
            for port in ("sport", "dport"):
                if getattr(frame[TCP], port) == 40000:
                    setattr(frame[TCP], port, 40000 + number)
    datagram = Ether() / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=5000, dport=5001) / b"x"
    wrpcap(str(capture), [*(frame for one in frames for frame in one), datagram])
    assert ours(capture) == tsharks(capture)
