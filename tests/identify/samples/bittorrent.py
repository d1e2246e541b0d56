"""BitTorrent handshake and DHT."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

HANDSHAKE = b"\x13BitTorrent protocol" + bytes(48)

SAMPLES = Samples(
    protocol="bittorrent",
    certain=(
        Talk(name="handshake", client=HANDSHAKE, server=HANDSHAKE),
        Talk(name="dht query", client=b"d1:ad2:id20:" + bytes(20) + b"e1:q4:ping"),
        Talk(name="dht answer", server=b"d1:rd2:id20:" + bytes(20) + b"e1:t2:aa"),
    ),
    almost=(
        Talk(name="length 20", client=b"\x14" + HANDSHAKE[1:]),
        Talk(name="dictionary", client=b"d3:cow3:mooe" + b"x" * 200),
    ),
)
