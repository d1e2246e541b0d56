"""On the sample captures, decoded columns agree with tshark and with an independent dpkt walk.

tshark prints every occurrence of a field and the innermost is compared (`-E occurrence=l`). The one
difference on purpose: tshark goes on into the packet that an ICMP error quotes, which was sent
long before and is no flow of this frame.
"""

from __future__ import annotations

import gzip
import ipaddress
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dpkt
import numpy as np
import pytest

from sniffdiag.decode.decode import decode
from sniffdiag.decode.headers import V4_MAPPED, DecodeStatus
from sniffdiag.sources.captures import open_sources
from tests.support import corpus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CAPTURES = [sample.path for sample in corpus.samples()]

pytestmark = pytest.mark.corpus
every_capture = pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.name)

FIELDS = (
    *("ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.srcport", "tcp.dstport", "udp.srcport"),
    *("udp.dstport", "sctp.srcport", "sctp.dstport", "tcp.flags", "tcp.seq_raw", "tcp.ack_raw"),
    *("tcp.len", "udp.length"),
)
PLAIN_VIEW = (
    *("ip.defragment:FALSE", "ipv6.defragment:FALSE", "tcp.desegment_tcp_streams:FALSE"),
    *("tcp.relative_sequence_numbers:FALSE", "tcp.analyze_sequence_numbers:FALSE"),
)
"""One frame at a time, as the decoder sees it."""

TRANSPORTS = {"tcp": 6, "udp": 17, "sctp": 132}
NO_FLOWS = {"icmp", "icmpv6", "arp"}


@dataclass(frozen=True, slots=True)
class Row:
    """What both sides say of a frame with a flow."""

    src: str
    dst: str
    src_port: int
    dst_port: int
    transport: int
    tcp_flags: int
    seq: int
    ack: int
    payload_len: int
    """By the headers."""


def address(high: int, low: int) -> str:
    if high == 0 and low & ~0xFFFF_FFFF == V4_MAPPED:
        return str(ipaddress.IPv4Address(low & 0xFFFF_FFFF))
    return str(ipaddress.IPv6Address(high << 64 | low))


def our_rows(capture: Path) -> dict[int, Row]:
    rows = {}
    for chunk in open_sources([str(capture)], stdin=None):
        table = decode(chunk)
        for row in np.flatnonzero(table.status <= DecodeStatus.TRUNCATED).tolist():
            rows[table.first_frame + row] = Row(
                src=address(int(table.src_hi[row]), int(table.src_lo[row])),
                dst=address(int(table.dst_hi[row]), int(table.dst_lo[row])),
                src_port=int(table.src_port[row]),
                dst_port=int(table.dst_port[row]),
                transport=int(table.transport[row]),
                tcp_flags=int(table.tcp_flags[row]),
                seq=int(table.seq[row]),
                ack=int(table.ack[row]),
                payload_len=int(table.payload_wirelen[row]),
            )
    return rows


def tshark_rows(capture: Path) -> dict[int, Row]:
    command = ["tshark", "-n", "-r", str(capture), "-T", "fields", "-E", "occurrence=l"]
    for preference in PLAIN_VIEW:
        command += ["-o", preference]
    for field in ("frame.number", "frame.protocols", *FIELDS):
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = {}
    for line in done.stdout.splitlines():
        number, protocols, *values = line.split("\t")
        row = tshark_row(protocols.split(":"), dict(zip(FIELDS, values, strict=True)))
        if row is not None:
            rows[int(number)] = row
    return rows


def tshark_row(protocols: list[str], value: dict[str, str]) -> Row | None:
    """The innermost transport, unless what is innermost is no flow (ICMP, ARP)."""
    layers = [name for name in protocols if name in TRANSPORTS]
    if not layers or NO_FLOWS.intersection(protocols):
        return None
    transport = layers[-1]
    version = [name for name in protocols if name in ("ip", "ipv6")][-1]
    tcp = transport == "tcp"
    length = {"tcp": value["tcp.len"], "udp": value["udp.length"]}.get(transport, "0")
    return Row(
        src=value[f"{version}.src"],
        dst=value[f"{version}.dst"],
        src_port=int(value[f"{transport}.srcport"]),
        dst_port=int(value[f"{transport}.dstport"]),
        transport=TRANSPORTS[transport],
        tcp_flags=int(value["tcp.flags"], 16) & 0xFF if tcp else 0,
        seq=int(value["tcp.seq_raw"]) if tcp else 0,
        ack=int(value["tcp.ack_raw"]) if tcp else 0,
        payload_len=int(length) - (8 if transport == "udp" else 0),
    )


@pytest.mark.oracle
@every_capture
def test_columns_agree_with_tshark(capture: Path) -> None:
    ours, theirs = our_rows(capture), tshark_rows(capture)
    for number in sorted({*ours, *theirs}):
        assert ours.get(number) == theirs.get(number), f"frame {number}"


DPKT_LINKS = {
    1: dpkt.ethernet.Ethernet,
    101: dpkt.ip.IP,
    228: dpkt.ip.IP,
    0: dpkt.loopback.Loopback,
    113: dpkt.sll.SLL,
    276: dpkt.sll2.SLL2,
}


def dpkt_frames(capture: Path) -> Iterator[tuple[int, int, bytes]]:
    """Frame number, link type and bytes, by dpkt's own readers."""
    is_gzip = capture.suffix == ".gz"
    with gzip.open(capture) if is_gzip else capture.open("rb") as file:
        reader = dpkt.pcap.UniversalReader(file)
        for number, (_, data) in enumerate(reader, start=1):
            yield number, reader.datalink(), data


def dpkt_row(linktype: int, data: bytes) -> Row | None:
    """What dpkt itself dissects, where it gets to a transport without any tunnel."""
    try:
        packet: Any = DPKT_LINKS[linktype](data)
    except (dpkt.UnpackError, KeyError):
        return None
    while isinstance(packet, dpkt.Packet) and not isinstance(packet, dpkt.ip.IP | dpkt.ip6.IP6):
        packet = packet.data
    transport = getattr(packet, "data", None)
    if not isinstance(transport, dpkt.tcp.TCP | dpkt.udp.UDP):
        return None
    tcp = isinstance(transport, dpkt.tcp.TCP)
    return Row(
        src=str(ipaddress.ip_address(packet.src)),
        dst=str(ipaddress.ip_address(packet.dst)),
        src_port=transport.sport,
        dst_port=transport.dport,
        transport=packet.p if isinstance(packet, dpkt.ip.IP) else packet.nxt,
        tcp_flags=transport.flags & 0xFF if tcp else 0,
        seq=transport.seq if tcp else 0,
        ack=transport.ack if tcp else 0,
        payload_len=len(transport.data),
    )


@every_capture
def test_columns_agree_with_dpkt(capture: Path) -> None:
    """Untunnelled, uncut frames; dpkt bounds a payload by what was captured."""
    ours = our_rows(capture)
    plain = plain_frames(capture)
    for number, linktype, data in dpkt_frames(capture):
        theirs = dpkt_row(linktype, data) if number in plain else None
        if theirs is not None:
            assert ours[number] == theirs, f"frame {number}"


def plain_frames(capture: Path) -> set[int]:
    """Frames that are whole and outside of any tunnel."""
    numbers = set()
    for chunk in open_sources([str(capture)], stdin=None):
        table = decode(chunk)
        plain = (table.status != DecodeStatus.TRUNCATED) & (table.encapsulation == 0)
        numbers |= set((np.flatnonzero(plain) + table.first_frame).tolist())
    return numbers
