"""AMQP 0-9-1 and 1.0: headers, first frames, joined frames."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

HEADER = b"AMQP\x00\x00\x09\x01"
HEADER_1_0 = b"AMQP\x03\x01\x00\x00"
START = b"\x01\x00\x00\x00\x00\x00\x1c\x00\x0a\x00\x0a\x00\x09" + bytes(22) + b"\xce"
DELIVER = b"\x01\x00\x01\x00\x00\x00\x08\x00\x3c\x00\x3ctags\xce"
HEARTBEAT = b"\x08\x00\x00\x00\x00\x00\x00\xce"
FLOW_1_0 = b"\x00\x00\x00\x10\x02\x00\x00\x00\x00\x53\x13\xc0\x03\x01\x43\x43"

SAMPLES = Samples(
    protocol="amqp",
    certain=(
        Talk(name="0-9-1", client=HEADER, server=START),
        Talk(name="header alone", client=HEADER),
        Talk(name="start alone", server=START),
        Talk(name="1.0 sasl", client=HEADER_1_0, server=HEADER_1_0),
        Talk(name="deliver, joined", server=DELIVER, midstream=True),
        Talk(name="heartbeats, joined", client=HEARTBEAT, server=HEARTBEAT, midstream=True),
        Talk(name="1.0 flows, joined", client=FLOW_1_0 * 2, midstream=True),
    ),
    possible=(Talk(name="one 1.0 flow, joined", client=FLOW_1_0, midstream=True),),
    almost=(
        Talk(name="frame without its end", server=DELIVER[:-1] + b"\xcd", midstream=True),
        Talk(name="version 9.9.99", client=b"AMQP\x00\x09\x09\x63"),
        Talk(name="text", client=b"AMQ" + b"T" * 20),
    ),
)
