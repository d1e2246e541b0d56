from __future__ import annotations

import numpy as np
import pytest

from sniffdiag.decode.decode import decode
from sniffdiag.decode.headers import V4_MAPPED, DecodeStatus
from tests.support import wire as h
from tests.support.chunks import chunk_of
from tests.support.frame_samples import FRAME, FRAME_SAMPLES, PACKET, PAYLOAD, SEGMENT, FrameSample

OK, TRUNCATED = DecodeStatus.OK, DecodeStatus.TRUNCATED
HOST_1, HOST_2 = V4_MAPPED | 0x0A000001, V4_MAPPED | 0x0A000002
PORTS = {h.TCP: (40000, 80), h.UDP: (40001, 53), h.SCTP: (40002, 38412)}
ARP = h.ethernet(h.ARP, bytes(28))
ENDS_IN_TCP = h.ethernet(h.IPV4, h.ipv4(h.TCP, SEGMENT, total_len=39))


@pytest.mark.parametrize("sample", FRAME_SAMPLES, ids=lambda sample: sample.name)
def test_the_innermost_flow_is_read_through_every_header(sample: FrameSample) -> None:
    chunk = chunk_of([ARP, sample.frame, FRAME], linktypes=[1, sample.linktype, 1])
    table = decode(chunk)
    assert table.status.tolist() == [DecodeStatus.NOT_IP, OK, OK]
    assert h.tunnel_names(table) == ["", sample.tunnels, ""]
    assert table.transport[1] == sample.transport
    assert (table.src_port[1], table.dst_port[1]) == PORTS[sample.transport]
    start, length = int(table.payload_at[1]), int(table.payload_len[1])
    assert chunk.data[start : start + length].tobytes() == PAYLOAD
    assert table.payload_wirelen[1] == len(PAYLOAD)


@pytest.mark.parametrize("sample", FRAME_SAMPLES, ids=lambda sample: sample.name)
def test_a_snapshot_cut_anywhere_is_cut_headers_or_a_truncated_payload(sample: FrameSample) -> None:
    """At every length: never OK before the payload is whole, and TRUNCATED as soon as it begins."""
    start = sample.frame.index(PAYLOAD)
    whole = start + len(PAYLOAD)
    lengths = range(whole)
    wirelens = [len(sample.frame)] * whole
    cuts = [sample.frame[:length] for length in lengths]
    table = decode(chunk_of(cuts, linktypes=sample.linktype, wirelens=wirelens, filler=0x45))
    for length in lengths[start:]:
        assert table.status[length] == TRUNCATED
        assert table.payload_len[length] == length - start
        assert table.payload_wirelen[length] == len(PAYLOAD)
    # A UDP tunnel whose own header is cut cannot prove itself: the row stays the outer flow.
    outer = {h.UDP} & set(table.transport[:start].tolist())
    cut_headers = {DecodeStatus.HEADERS_CUT} | ({TRUNCATED} if outer else set())
    assert {DecodeStatus(status) for status in table.status[:start]} <= cut_headers


def test_tcp_fields_are_columns() -> None:
    table = decode(chunk_of([FRAME]))
    assert (table.src_hi[0], table.src_lo[0]) == (0, HOST_1)
    assert (table.dst_hi[0], table.dst_lo[0]) == (0, HOST_2)
    assert (table.seq[0], table.ack[0], table.tcp_flags[0]) == (1000, 2000, 24)


def test_ipv6_addresses_are_two_halves() -> None:
    table = decode(chunk_of([h.ethernet(h.IPV6, h.ipv6(h.TCP, SEGMENT))]))
    assert (table.src_hi[0], table.src_lo[0]) == (0xFD00 << 48, 1)
    assert (table.dst_hi[0], table.dst_lo[0]) == (0xFD00 << 48, 2)


STATUSES = [
    ("arp", ARP, 1, DecodeStatus.NOT_IP),
    ("stp in LLC", h.ethernet(39, b"\x42\x42\x03" + bytes(36)), 1, DecodeStatus.NOT_IP),
    ("arp in vxlan", h.ethernet(h.IPV4, h.ipv4(h.UDP, h.vxlan(ARP))), 1, DecodeStatus.NOT_IP),
    ("netlink", h.sll(0, bytes(16), arphrd=824), 113, DecodeStatus.NOT_IP),
    ("pppoe discovery", h.ethernet(0x8863, bytes(20)), 1, DecodeStatus.NOT_IP),
    ("encrypted wifi", b"\x08\x41" + bytes(40), 105, DecodeStatus.NOT_IP),
    ("icmp", h.ethernet(h.IPV4, h.ipv4(1, bytes(8))), 1, DecodeStatus.OTHER_TRANSPORT),
    ("icmpv6", h.ethernet(h.IPV6, h.ipv6(58, bytes(8))), 1, DecodeStatus.OTHER_TRANSPORT),
    ("esp", h.ethernet(h.IPV4, h.ipv4(50, bytes(40))), 1, DecodeStatus.OTHER_TRANSPORT),
    (
        "later fragment",
        h.ethernet(h.IPV4, h.ipv4(6, SEGMENT, fragment=9)),
        1,
        DecodeStatus.FRAGMENT,
    ),
    (
        "later ipv6 fragment",
        h.ethernet(h.IPV6, h.ipv6(44, b"\6\0\0\x10" + bytes(4) + SEGMENT)),
        1,
        DecodeStatus.FRAGMENT,
    ),
    ("usb", bytes(64), 220, DecodeStatus.UNSUPPORTED_LINK),
    ("link type no one knows", FRAME, 65535, DecodeStatus.UNSUPPORTED_LINK),
    ("negative link type", FRAME, -1, DecodeStatus.UNSUPPORTED_LINK),
    ("empty frame", b"", 1, DecodeStatus.MALFORMED),
    ("version 5", b"\x55" + PACKET[1:], 101, DecodeStatus.MALFORMED),
    ("ethertype against version", h.ethernet(h.IPV6, PACKET), 1, DecodeStatus.MALFORMED),
    ("ihl 4", h.ethernet(h.IPV4, b"\x44" + PACKET[1:]), 1, DecodeStatus.MALFORMED),
    (
        "data offset 4",
        h.ethernet(h.IPV4, h.ipv4(6, SEGMENT[:12] + b"\x40" + SEGMENT[13:])),
        1,
        DecodeStatus.MALFORMED,
    ),
    ("udp length 7", h.ethernet(h.IPV4, h.ipv4(17, h.udp(length=7))), 1, DecodeStatus.MALFORMED),
    ("short total length", ENDS_IN_TCP, 1, DecodeStatus.MALFORMED),
    ("endless labels", h.ethernet(0x8847, bytes(400)), 1, DecodeStatus.MALFORMED),
]


@pytest.mark.parametrize(
    ("frame", "linktype", "status"),
    [pytest.param(*rest, id=name) for name, *rest in STATUSES],
)
def test_what_is_no_flow_says_so_and_has_nothing_else(
    frame: bytes, linktype: int, status: DecodeStatus
) -> None:
    table = decode(chunk_of([FRAME, frame], linktypes=[1, linktype]))
    assert DecodeStatus(table.status[1]) is status
    assert [getattr(table, name)[1] for name in h.COLUMNS[1:]] == [0] * len(h.COLUMNS[1:])


NO_TUNNELS = [
    ("vxlan without its flag", h.vxlan(FRAME, flags=0)),
    ("vxlan with reserved bits", h.udp(b"\x08\1\0\0\0\0\1\0" + FRAME, dst_port=8472)),
    ("vxlan too short", h.udp(b"\x08\0\0\0", dst_port=4789)),
    ("geneve version 1", h.udp(b"\x40\0\x65\x58\0\0\1\0" + FRAME, dst_port=6081)),
    ("geneve of something else", h.geneve(0x1234, FRAME)),
    ("gpe of something else", h.vxlan_gpe(9, FRAME)),
    ("gtp signalling", h.udp(b"\x32\x01\0\x04\0\0\0\0\0\0\0\0", dst_port=2152)),
]


@pytest.mark.parametrize(
    "datagram", [pytest.param(datagram, id=name) for name, datagram in NO_TUNNELS]
)
def test_a_datagram_to_a_tunnel_port_that_is_no_tunnel_stays_a_udp_flow(datagram: bytes) -> None:
    table = decode(chunk_of([h.ethernet(h.IPV4, h.ipv4(h.UDP, datagram))]))
    assert (table.status[0], table.transport[0], table.encapsulation[0]) == (OK, h.UDP, 0)
    assert table.payload_len[0] == len(datagram) - 8


def test_a_segment_left_to_the_card_is_as_long_as_the_wire_says() -> None:
    """TSO: total length 0, and 70,000 bytes of payload that 16 bits could not say anyway."""
    body = bytes(70_000)
    table = decode(chunk_of([h.ethernet(h.IPV4, h.ipv4(h.TCP, h.tcp(body), total_len=0))]))
    assert (table.status[0], table.payload_len[0]) == (OK, len(body))


def test_a_total_length_beyond_the_wire_is_bounded_by_the_wire() -> None:
    table = decode(chunk_of([h.ethernet(h.IPV4, h.ipv4(h.TCP, SEGMENT, total_len=9000))]))
    assert (table.status[0], table.payload_wirelen[0]) == (OK, len(PAYLOAD))


def test_cut_padding_is_not_a_truncated_payload() -> None:
    table = decode(chunk_of([FRAME], wirelens=[len(FRAME) + 20]))
    assert table.status[0] == OK


def test_a_hostile_wire_length_does_not_overflow() -> None:
    frame = h.ethernet(h.IPV4, h.ipv4(h.TCP, SEGMENT, total_len=0))
    table = decode(chunk_of([frame], wirelens=[0xFFFF_FFFF]))
    assert table.status[0] == TRUNCATED
    assert table.payload_wirelen[0] > 0


def test_an_empty_chunk_has_an_empty_table() -> None:
    table = decode(chunk_of([]))
    assert all(getattr(table, name).shape == (0,) for name in h.COLUMNS)


def test_what_the_source_knew_is_copied() -> None:
    chunk = chunk_of([ARP, FRAME])
    table = decode(chunk)
    assert table.first_frame == 1
    assert np.array_equal(table.ts_ns, chunk.ts_ns)
    assert np.array_equal(table.wirelen, chunk.wirelen)
    assert np.array_equal(table.interface, chunk.interface)


def test_more_kinds_of_nesting_than_a_byte_can_name_are_still_read() -> None:
    """A hostile capture may nest tunnels in hundreds of ways."""
    frames = []
    for number in range(400):
        packet = PACKET
        for bit in range(9):
            packet = (
                h.ipv4(h.GRE, h.gre(h.IPV4, packet)) if number >> bit & 1 else h.ipv4(4, packet)
            )
        frames.append(h.ethernet(h.IPV4, packet))
    table = decode(chunk_of(frames))
    assert set(table.status.tolist()) == {OK}
    assert len(table.encapsulations) <= 256
    assert h.tunnel_names(table)[-1] == "other"
