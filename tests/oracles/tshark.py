"""The flows of a capture as tshark sees them: its per-frame streams, innermost, added up here."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FIELDS = (
    "frame.number",
    "frame.len",
    "frame.protocols",
    "tcp.stream",
    "tcp.srcport",
    "tcp.dstport",
    "udp.stream",
    "udp.srcport",
    "udp.dstport",
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
)
QUOTES = {"icmp", "icmpv6"}
"""What follows these is a copy of somebody else's packet."""
CONVERSATION = re.compile(r"^(\S+):(\d+) +<-> (\S+):(\d+) +(.*)$")
TOTAL_FRAMES = 6
"""Frames, bytes and unit of each direction come first."""

Peers = frozenset[tuple[str, int]]


@dataclass(slots=True)
class Flow:
    """One stream. `peers` has one element where both ends are the same."""

    transport: str
    stream: int
    peers: Peers
    first_frame: int
    packets: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """What one run of tshark says about a capture."""

    flows: dict[tuple[str, int], Flow]
    """By transport and first frame."""
    tcp_conversations: Counter[tuple[Peers, int]]
    """Peers and frames of each line of `-z conv,tcp`."""


def view(path: Path) -> View:
    """Run tshark with its default preferences, as a user's Wireshark has them."""
    fields = [argument for field in FIELDS for argument in ("-e", field)]
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", *fields, "-z", "conv,tcp"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    frames, _, conversations = done.stdout.partition("=" * 80)
    return View(_added_up(frames), Counter(_conversations(conversations)))


def _added_up(text: str) -> dict[tuple[str, int], Flow]:
    streams: dict[tuple[str, int], Flow] = {}
    for line in text.splitlines():
        values = dict(zip(FIELDS, line.split("\t"), strict=True))
        found = _innermost(values)
        if found is None:
            continue
        transport, stream, peers = found
        number = int(values["frame.number"])
        flow = streams.setdefault((transport, stream), Flow(transport, stream, peers, number))
        flow.packets += 1
        flow.bytes += int(values["frame.len"])
    return {(flow.transport, flow.first_frame): flow for flow in streams.values()}


def _innermost(values: dict[str, str]) -> tuple[str, int, Peers] | None:
    """Transport, stream and peers of the innermost TCP or UDP header."""
    layers = values["frame.protocols"].split(":")
    quoted = next((i for i, layer in enumerate(layers) if layer in QUOTES), len(layers))
    layers = layers[:quoted]
    at = max((i for i, layer in enumerate(layers) if layer in {"tcp", "udp"}), default=None)
    if at is None:
        return None
    transport, below = layers[at], layers[:at]
    network = next(layer for layer in reversed(below) if layer in {"ip", "ipv6"})

    def inner(field: str) -> str:
        return values[field].split(",")[layers[: at + 1].count(field.partition(".")[0]) - 1]

    source = inner(f"{network}.src"), int(inner(f"{transport}.srcport"))
    target = inner(f"{network}.dst"), int(inner(f"{transport}.dstport"))
    return transport, int(inner(f"{transport}.stream")), frozenset({source, target})


def _conversations(text: str) -> Iterator[tuple[Peers, int]]:
    for line in text.splitlines():
        if match := CONVERSATION.match(line):
            host_a, port_a, host_b, port_b, counters = match.groups()
            peers = frozenset({(host_a, int(port_a)), (host_b, int(port_b))})
            yield peers, int(counters.split()[TOTAL_FRAMES])
