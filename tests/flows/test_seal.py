"""What sealed flows say: who is the client and why, what was sent, what was not captured."""

from __future__ import annotations

import numpy as np
import pytest

from sniffdiag.flows import pieces
from sniffdiag.flows.flow import Flow, Orientation
from sniffdiag.flows.seal import seal
from sniffdiag.flows.table import FlowTable
from sniffdiag.model import Endpoint
from sniffdiag.nominate.tags import Tag
from tests.support.packets import (
    ACK,
    FIN,
    PSH,
    RST,
    SYN,
    TCP,
    UDP,
    Packet,
    chunk_of_packets,
    folded,
    reply,
)

CLIENT, SERVER = Endpoint("10.0.0.1", 40000), Endpoint("10.0.0.2", 80)
REQUEST, RESPONSE = b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"


def said(flags: int = ACK, payload: bytes = b"", **facts: int) -> Packet:
    """By the client."""
    return Packet(flags=flags, payload=payload, **facts)  # type: ignore[arg-type]


def answered(flags: int = ACK, payload: bytes = b"", **facts: int) -> Packet:
    """By the server."""
    return reply(Packet(), flags=flags, payload=payload, **facts)


HANDSHAKE = [said(SYN, seq=9), answered(SYN | ACK, seq=99, ack=10), said(seq=10, ack=100)]
EXCHANGE = [
    *HANDSHAKE,
    said(PSH | ACK, REQUEST, seq=10, ack=100, tag=Tag.HTTP1_REQUEST),
    answered(PSH | ACK, RESPONSE, seq=100, ack=28, tag=Tag.HTTP1_RESPONSE),
]


def flow_of(*packets: Packet) -> Flow:
    flows = seal(folded(packets))
    assert flows.rows == 1
    return flows.flow(0)


@pytest.mark.parametrize(
    ("packets", "by"),
    [
        pytest.param([said(SYN)], Orientation.SYN, id="SYN"),
        pytest.param(
            [answered(SYN | ACK, seq=99, ack=10), said(SYN, seq=9)],
            Orientation.SYN,
            id="SYN captured late",
        ),
        pytest.param([answered(SYN | ACK)], Orientation.SYN_ACK, id="SYN with ACK alone"),
        pytest.param([answered(), said()], Orientation.PORT, id="no handshake, service port"),
        pytest.param([said()], Orientation.PORT, id="one direction, service port"),
    ],
)
def test_the_client_is_found_however_little_was_captured(
    packets: list[Packet], by: Orientation
) -> None:
    flow = flow_of(*packets)
    assert (flow.client, flow.server, flow.oriented_by) == (CLIENT, SERVER, by)


def test_ports_that_say_nothing_leave_the_first_sender_as_client() -> None:
    flow = flow_of(Packet(sport=9092, dport=8080), Packet(sport=9092, dport=8080))
    assert (flow.client.port, flow.oriented_by) == (9092, Orientation.FIRST)


def test_a_handshake_overrules_ports() -> None:
    flow = flow_of(Packet(sport=80, dport=50000, flags=SYN))
    assert (flow.client.port, flow.server.port) == (80, 50000)


def test_reorienting_swaps_everything_told_by_side() -> None:
    flows = seal(folded([*EXCHANGE[3:], said(FIN | ACK, seq=28, ack=119)]))
    before = flows.flow(0)
    flows.reorient(np.array([True]), Orientation.PROTOCOL)
    after = flows.flow(0)
    assert (after.client, after.server) == (before.server, before.client)
    assert (after.from_client, after.from_server) == (before.from_server, before.from_client)
    assert after.oriented_by is Orientation.PROTOCOL
    assert flows.packets.tolist() == [[1, 2]]
    assert flows.first_tag.tolist() == [[Tag.HTTP1_RESPONSE, Tag.HTTP1_REQUEST]]
    assert flows.flags_seen.tolist() == [[PSH | ACK, PSH | ACK | FIN]]


def test_both_sides_of_an_exchange_are_read_from_the_start() -> None:
    flow = flow_of(*EXCHANGE)
    assert (flow.from_client.head, flow.from_server.head) == (REQUEST, RESPONSE)
    assert flow.from_client.from_start
    assert flow.from_server.from_start
    assert flow.from_client.complete


def test_the_answer_to_an_uncaptured_syn_tells_where_the_client_begins() -> None:
    assert flow_of(*EXCHANGE[1:]).from_client.from_start


def test_data_on_a_syn_is_the_beginning_of_the_stream() -> None:
    opened = said(SYN, b"GET ", seq=9)
    rest = said(PSH | ACK, b"/ HTTP/1.1\r\n", seq=14)
    assert flow_of(opened, rest).from_client.head == b"GET / HTTP/1.1\r\n"


def test_the_text_of_a_reset_is_no_part_of_the_stream() -> None:
    assert flow_of(*EXCHANGE, answered(RST, b"No route", seq=119)).from_server.head == RESPONSE


def test_counters_tell_the_sides_apart() -> None:
    flows = seal(folded([*EXCHANGE, said(ACK, b"cut", seq=28, cut=5), answered(RST)]))
    assert flows.packets.tolist() == [[4, 3]]
    assert flows.payload_bytes.tolist() == [[len(REQUEST) + 8, len(RESPONSE)]]
    assert flows.captured_bytes.tolist() == [[len(REQUEST) + 3, len(RESPONSE)]]
    assert flows.segments.tolist() == [[2, 1]]
    assert flows.cut_segments.tolist() == [[1, 0]]
    assert flows.gap_bytes.tolist() == [[5, 0]]
    assert flows.first_payload_frame.tolist() == [[4, 5]]
    assert flows.first_payload_ts_ns.tolist() == [[4000, 5000]]
    assert flows.first_tag.tolist() == [[Tag.HTTP1_REQUEST, Tag.HTTP1_RESPONSE]]
    assert (flows.syn_frame.tolist(), flows.rst_frame.tolist()) == ([1], [7])
    assert (flows.syn_ts_ns.tolist(), flows.syn_ack_ts_ns.tolist()) == ([1000], [2000])


def test_what_never_happened_is_marked_so() -> None:
    flows = seal(folded([said()]))
    assert (flows.syn_ts_ns[0], flows.syn_ack_ts_ns[0], flows.syn_frame[0]) == (-1, -1, 0)
    assert flows.first_payload_frame.tolist() == [[0, 0]]
    assert flows.first_payload_ts_ns.tolist() == [[-1, -1]]
    assert flows.first_tag.tolist() == [[Tag.EMPTY, Tag.EMPTY]]


def test_streams_are_numbered_within_their_transport() -> None:
    packets = [Packet(sport=port, transport=kind) for port, kind in enumerate((TCP, UDP, TCP, UDP))]
    assert seal(folded(packets)).stream.tolist() == [0, 0, 1, 1]


def test_transports_do_not_share_a_flow() -> None:
    assert seal(folded([Packet(transport=TCP), Packet(transport=UDP, flags=0)])).rows == 2


def test_frames_without_a_transport_take_no_part() -> None:
    flows = seal(folded([Packet(status=4), said(), Packet(status=3)]))
    assert (flows.rows, flows.first_frame.tolist()) == (1, [2])


def test_ipv6_addresses_that_share_a_half_are_apart() -> None:
    nets = [net << 64 | 1 for net in (0xFD00, 0xFD01, 0xFD00 << 48)]
    packets = [Packet(src=net, dst=nets[0]) for net in nets] + [Packet(src=1, dst=2)]
    assert seal(folded(packets)).rows == 4


def test_heads_can_be_searched() -> None:
    flows = seal(
        folded([*EXCHANGE, *[Packet(sport=5, payload=b"GE"), Packet(sport=6, payload=b"T")]])
    )
    every = np.ones((3, 2), np.bool_)
    answers = every & [False, True]
    status = [b"HTTP/1.1 200", b"nothing"]
    assert flows.heads_contain(status, every).tolist() == [True, False, False]
    assert flows.heads_contain(status, answers).tolist() == [True, False, False]
    assert flows.heads_contain([b"GET"], every).tolist() == [True, False, False]
    assert flows.heads_contain([b"GET"], answers).tolist() == [False, False, False]


def test_flows_beyond_the_ceiling_are_counted_without_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pieces, "TIERS", np.array([1, 1, 2, 3]))
    packets = [Packet(sport=port, payload=b"data") for port in range(5)]
    flows = seal(folded([*packets, Packet(sport=9)]))
    assert flows.has_heads().tolist() == [True, True, False, False, False, True]
    assert flows.captured_bytes.sum() == 20
    assert flows.flow(4).from_client.head == b""
    assert not flows.flow(4).from_client.complete


def test_a_flood_of_one_syn_takes_no_memory() -> None:
    table = FlowTable()
    for first_frame in (1, 51):
        table.fold(*chunk_of_packets([said(SYN, seq=9)] * 50, first_frame))
    assert table.fragments.rows == 1
    assert seal(table).packets.tolist() == [[100, 0]]
