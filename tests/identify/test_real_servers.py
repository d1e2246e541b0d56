"""Real servers are recognised, and where captures are damaged never mistaken for others."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from sniffdiag.identify.detectors import DETECTORS
from sniffdiag.pipeline.capture import list_flows
from sniffdiag.sources.captures import open_sources
from sniffdiag.sources.rows import rows
from tests.support.capture_files import Frame, pcap
from tests.support.damage import (
    DAMAGES,
    Damage,
    cut_short,
    damaged,
    joined_late,
    lossy,
    reordered,
    repeated,
)

CAPTURED = Path(__file__).parents[2] / "pcaps" / "protocols"
NAMES = sorted(path.stem for path in CAPTURED.glob("*.pcap"))
SEEDS = range(6)

CARRIER = {"grpc": "http2", "websocket": "http"}
"""What is right as well where the bytes that tell the finer protocol are missing."""
CANNOT_BE_TOLD = {
    ("http-h2c-refused", "http2"): "the request that offers h2c went missing, nghttpd's word not",
    ("socks-ssh", "http"): "behind the greeting, the bytes are the connection that SOCKS carries",
    ("socks-ssh", "tcp"): "the greeting's answer is lost, and nothing else in SOCKS says SOCKS",
    ("quic-aioquic", "udp"): "QUIC's short headers have no fixed bytes (RFC 9000 17.3)",
    ("tcp-beanstalkd", "memcached"): "`delete 1`, `DELETED` is said in both, word by word",
}
"""Capture and what is said of it when damaged, with the reason."""
FEWEST_RIGHT: dict[Damage, float] = {
    lossy: 0.85,
    reordered: 0.99,
    repeated: 0.99,
    cut_short: 0.85,
    joined_late: 0.65,
}


def protocol_of(name: str) -> str:
    """Captures are named for their protocol, then for the server."""
    return name.split("-", maxsplit=1)[0]


@cache
def frames_of(name: str) -> tuple[Frame, ...]:
    source = open_sources([str(CAPTURED / f"{name}.pcap")], stdin=None)
    return tuple(Frame(row.data, row.ts_ns, row.wirelen) for row in rows(source))


def observed(name: str, damage: Damage) -> Iterator[str]:
    """What is said of each connection, damaged in several ways."""
    for seed in SEEDS:
        left = io.BytesIO(pcap(damaged(frames_of(name), damage, seed)))
        yield from (row.protocol for row in list_flows(["-"], stdin=left).rows)


def test_there_are_captures_and_each_is_named_for_a_protocol() -> None:
    assert len(NAMES) >= 35
    known = {detector.protocol for detector in DETECTORS} | {"tcp"}
    assert {protocol_of(name) for name in NAMES} <= known


@pytest.mark.parametrize("name", NAMES)
def test_a_real_server_is_recognised(name: str) -> None:
    path = CAPTURED / f"{name}.pcap"
    assert {row.protocol for row in list_flows([str(path)]).rows} == {protocol_of(name)}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damage_may_hide_a_protocol_and_never_shows_another(damage: Damage) -> None:
    said = {name: Counter(observed(name, damage)) for name in NAMES}
    wrong = [
        (name, protocol)
        for name, protocols in said.items()
        for protocol in protocols
        if protocol not in {protocol_of(name), CARRIER.get(protocol_of(name)), "unknown"}
        and (name, protocol) not in CANNOT_BE_TOLD
    ]
    assert wrong == []
    right = sum(protocols[protocol_of(name)] for name, protocols in said.items())
    assert right >= FEWEST_RIGHT[damage] * sum(map(Counter.total, said.values()))
