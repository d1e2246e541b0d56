"""How connections began and ended, told from their packets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from sniffdiag.flows.seal import seal
from sniffdiag.model import Endpoint, Leg, Transport
from sniffdiag.observe.conduct import Conduct
from sniffdiag.observe.handshakes import conduct
from sniffdiag.observe.port_observation import Exemplar
from tests.support.packets import ACK, FIN, RST, SYN, UDP, Packet, folded, reply

MS = 10**6
NOBODY = Endpoint("10.0.0.1", 1)
OPEN = Packet(flags=SYN, seq=9, ts_ns=0)
ACCEPT = reply(OPEN, flags=SYN | ACK, seq=99, ack=10, ts_ns=1 * MS)
DONE = Packet(flags=ACK, seq=10, ack=100, ts_ns=2 * MS)
REFUSE = reply(OPEN, flags=RST | ACK, ack=10, ts_ns=1 * MS)
ASK = Packet(flags=ACK, seq=10, ack=100, payload=b"GET / HTTP/1.1\r\n\r\n", ts_ns=3 * MS)
LEAVE = Packet(flags=FIN | ACK, seq=10, ack=100)
GREET = reply(OPEN, flags=ACK, seq=100, ack=10, payload=b"220 hello\r\n")
LATER = Packet(sport=50_000, flags=ACK, seq=1)
"""Another connection, by which the capture goes on."""


def at(packet: Packet, ms: int) -> Packet:
    return replace(packet, ts_ns=ms * MS)


def conducted(packets: Sequence[Packet], *, http: bool = False) -> Conduct:
    flows = seal(folded(packets))
    rows = np.arange(flows.rows)

    def quote(_row: int, frame: int, ts_ns: int, what: str) -> Exemplar:
        return Exemplar(frame, ts_ns, NOBODY, NOBODY, Leg.WIRE, what)

    return conduct(flows, rows, rows, np.full(flows.rows, http), quote)


def test_a_rst_to_a_syn_is_a_refusal() -> None:
    found = conducted([OPEN, REFUSE]).refused
    assert found.flows == 1
    assert found.exemplars[0].what == "SYN, answered by RST"


def test_a_rst_after_the_handshake_is_none() -> None:
    reset = reply(OPEN, flags=RST, seq=100, ts_ns=9 * MS)
    assert conducted([OPEN, ACCEPT, DONE, reset]).refused.flows == 0


@pytest.mark.parametrize(
    ("packets", "flows"),
    [
        ([OPEN, at(OPEN, 1000), at(OPEN, 3000)], 1),
        ([OPEN], 0),
        ([OPEN, at(OPEN, 1)], 0),
        ([OPEN, DONE, at(DONE, 2000)], 0),
        ([OPEN, at(OPEN, 1000), at(ACCEPT, 1001)], 0),
    ],
    ids=[
        "sent again and again",
        "the capture ends",
        "a copy of one frame",
        "only one direction was captured",
        "answered in the end",
    ],
)
def test_a_syn_that_was_sent_again_and_met_no_answer(packets: list[Packet], flows: int) -> None:
    found = conducted(packets)
    assert (found.unanswered.flows, found.refused.flows) == (flows, 0)


@pytest.mark.parametrize(
    ("packets", "flows"),
    [
        ([OPEN, ACCEPT, DONE, at(LEAVE, 3000)], 1),
        ([OPEN, ACCEPT, DONE, at(LATER, 5000)], 1),
        ([OPEN, ACCEPT, DONE, at(LEAVE, 10), at(LATER, 5000)], 0),
        ([OPEN, ACCEPT, DONE, at(LATER, 1000)], 0),
        ([OPEN, ACCEPT, DONE, ASK, at(LATER, 5000)], 0),
        ([OPEN, ACCEPT, DONE, at(GREET, 3000), at(LATER, 5000)], 0),
        ([OPEN, at(LATER, 5000)], 0),
    ],
    ids=[
        "until the client gave up",
        "until the capture ended",
        "a health check",
        "the capture ends too early",
        "the client spoke",
        "the server spoke",
        "never accepted",
    ],
)
def test_silence_after_the_handshake(packets: list[Packet], flows: int) -> None:
    found = conducted(packets).silent
    assert found.flows == flows
    if flows:
        assert "nobody spoke for" in found.exemplars[0].what


@pytest.mark.parametrize("ending", [RST | ACK, FIN | ACK])
def test_an_http_client_that_got_no_byte(ending: int) -> None:
    closed = reply(ASK, flags=ending, seq=100, ack=28, ts_ns=4 * MS)
    packets = [OPEN, ACCEPT, DONE, ASK, closed]
    assert conducted(packets, http=True).unserved.flows == 1
    assert conducted(packets, http=False).unserved.flows == 0
    assert conducted([*packets[:-1], at(GREET, 4), closed], http=True).unserved.flows == 0


def test_the_wait_for_a_server_that_speaks_first() -> None:
    packets = []
    for own, ms in ((40_000, 5000), (40_001, 5200), (40_002, 5100)):
        packets += [replace(OPEN, sport=own), replace(ACCEPT, dport=own), replace(DONE, sport=own)]
        packets.append(replace(at(GREET, ms + 1), dport=own))
    waited = conducted(packets).first_byte_wait
    assert waited is not None
    assert (waited.flows, waited.least_ns, waited.median_ns, waited.most_ns) == (
        3,
        5000 * MS,
        5100 * MS,
        5200 * MS,
    )


def test_an_answer_is_no_first_word() -> None:
    assert conducted([OPEN, ACCEPT, DONE, ASK, at(GREET, 9)]).first_byte_wait is None


def test_datagrams_have_no_handshake() -> None:
    packet = Packet(transport=UDP, payload=b"x", flags=0)
    assert conducted([packet, at(packet, 5000)]) == Conduct()
    assert Transport.UDP == UDP


def test_no_connection_at_all() -> None:
    assert conducted([]) == Conduct()
