"""MQTT: three versions of CONNECT, answers, joined packets."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

CONNECT_4 = b"\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04shop"
CONNECT_5 = b"\x10\x11\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x04shop"
CONNECT_3 = b"\x10\x12\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x04shop"
CONNACK = b"\x20\x02\x00\x00"
SUBACK = b"\x90\x03\x00\x01\x00"
PUBLISH = b"\x30\x0a\x00\x05a/b/chey"
PUBACK = b"\x40\x02\x00\x01"

SAMPLES = Samples(
    protocol="mqtt",
    certain=(
        Talk(name="3.1.1", client=CONNECT_4, server=CONNACK),
        Talk(name="3.1", client=CONNECT_3),
        Talk(name="5.0", client=CONNECT_5, server=b"\x20\x03\x00\x00\x00"),
        Talk(name="long length", client=b"\x10\x90\x01" + CONNECT_4[2:]),
        Talk(name="publishing, joined", client=PUBLISH * 3, server=PUBACK * 3, midstream=True),
        Talk(name="connack and more", server=CONNACK + SUBACK + PUBLISH + PUBLISH),
    ),
    possible=(
        Talk(name="connack alone", server=CONNACK),
        Talk(name="publishing, client alone, joined", client=PUBLISH * 3, midstream=True),
    ),
    almost=(
        Talk(name="protocol name MQTS", client=CONNECT_4.replace(b"MQTT", b"MQTS")),
        Talk(name="level 9", client=CONNECT_4.replace(b"T\x04\x02", b"T\x09\x02")),
        Talk(name="wildcard topic", client=b"\x30\x0a\x00\x05a/#/chey", midstream=True),
        Talk(name="text", client=b"0123456789" * 4, midstream=True),
    ),
)
