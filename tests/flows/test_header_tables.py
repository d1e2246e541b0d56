"""gRPC statuses that header blocks only refer to are those that were sent, or not told."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hpack import Encoder
from hypothesis import given, settings
from hypothesis import strategies as st

from sniffdiag.flows.seal import seal
from sniffdiag.flows.stream_codes import GRPC_STATUS, NO_GRPC_STATUS
from sniffdiag.flows.table import FlowTable
from sniffdiag.pipeline.reading import messages_of_chunk
from tests.support import h2
from tests.support.packets import Packet, chunk_of_packets, reply

CALL = bytes(Encoder().encode([(":method", "POST"), (":path", "/shop.Cart/Add")]))
ASKED = Packet(src=0x0A000002, dst=0x0A000001, payload=h2.headers(CALL), seq=1)
EXTRA: tuple[list[tuple[str, str]], ...] = (
    [],
    [(":status", "200"), ("content-type", "application/grpc")],
    [("x-a", "b")],
)


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, int, bool]:
    """A message, its gRPC status, and whether its packet is lost."""
    return (
        draw(st.sampled_from((0, 1, 2))).to_bytes(),
        draw(st.sampled_from((0, 0, 5, 14))),
        draw(st.sampled_from((False, False, False, False, True))),
    )


def told(packets: list[Packet]) -> Counter[int]:
    headers, data, tags = chunk_of_packets(packets)
    table = FlowTable(tallies=True)
    table.fold(headers, data, tags, messages=messages_of_chunk(data, headers))
    found = seal(table).tallied
    assert found is not None
    assert found.streams is not None
    codes = np.repeat(found.streams.code, found.streams.times).tolist()
    return Counter(code - GRPC_STATUS for code in codes if GRPC_STATUS <= code <= NO_GRPC_STATUS)


@given(calls=st.lists(answers(), max_size=30), huffman=st.booleans(), lossy=st.booleans())
@settings(max_examples=100)
def test_no_status_is_told_that_was_not_sent(
    calls: list[tuple[bytes, int, bool]], *, huffman: bool, lossy: bool
) -> None:
    """Without losses all are told; behind one, references are unknown, never misread."""
    encoder, seq, packets, sent = Encoder(), 1, [ASKED], Counter[int]()
    for kind, status, is_lost in calls:
        fields = [*EXTRA[kind[0]], ("grpc-status", str(status))]
        block = bytes(encoder.encode(fields, huffman=huffman))
        payload = h2.headers(block, flags=5)
        if not (lossy and is_lost):
            packets.append(reply(ASKED, payload=payload, seq=seq))
            sent[status] += 1
        seq += len(payload)
    found = told(packets)
    untold = found.pop(NO_GRPC_STATUS - GRPC_STATUS, 0)
    assert found.total() + untold == sent.total()
    assert found <= sent
    if not lossy:
        assert untold <= sum(kind[0] == 2 for kind, _, _ in calls)
