"""ZooKeeper: connect, pings, four-letter words."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

CONNECT = b"\x00\x00\x00\x2d" + bytes(14) + b"\x75\x30" + bytes(8) + b"\x00\x00\x00\x10" + bytes(17)
CONNECTED = (
    b"\x00\x00\x00\x25" + bytes(6) + b"\x75\x30" + b"\x01" * 8 + b"\x00\x00\x00\x10" + bytes(17)
)
PING = b"\x00\x00\x00\x08\xff\xff\xff\xfe\x00\x00\x00\x0b"
PONG = b"\x00\x00\x00\x10\xff\xff\xff\xfe" + b"\x00" * 7 + b"\x05" + bytes(4)

SAMPLES = Samples(
    protocol="zookeeper",
    certain=(
        Talk(name="connect", client=CONNECT, server=CONNECTED),
        Talk(name="connect alone", client=CONNECT),
        Talk(name="connected alone", server=CONNECTED),
        Talk(name="without readonly", client=b"\x00\x00\x00\x2c" + CONNECT[4:-1]),
        Talk(name="ping, joined", client=PING, server=PONG, midstream=True),
        Talk(name="stat", client=b"stat", server=b"Zookeeper version: 3.8.0, built on"),
    ),
    possible=(Talk(name="imok", server=b"imok"),),
    almost=(
        Talk(
            name="kafka produce 0",
            client=b"\x00\x00\x00\x2d" + bytes(9) + b"\x01\x00\x04shop" + bytes(26),
        ),
        Talk(name="another size", client=b"\x00\x00\x00\x2e" + CONNECT[4:]),
    ),
)
