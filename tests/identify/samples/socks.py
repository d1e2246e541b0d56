"""SOCKS 4 and 5, and CQL."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

REQUEST = b"\x05\x01\x00\x01\x0a\x00\x00\x01\x00\x50"
REPLY = b"\x05\x00\x05\x00\x00\x01\x0a\x00\x00\x01\x00\x50"
V4 = b"\x04\x01\x00\x50\x0a\x00\x00\x01root\x00"

SAMPLES = Samples(
    protocol="socks",
    certain=(
        Talk(name="socks5", client=b"\x05\x01\x00" + REQUEST, server=REPLY),
        Talk(
            name="socks5 with a login",
            client=b"\x05\x02\x00\x02\x01\x04root",
            server=b"\x05\x02\x01\x00",
        ),
        Talk(name="socks4", client=V4, server=b"\x00\x5a" + bytes(6)),
    ),
    possible=(
        Talk(name="greeting alone", client=b"\x05\x01\x00"),
        Talk(name="socks4 alone", client=V4),
        Talk(name="reply alone", server=REPLY),
    ),
    almost=(
        Talk(
            name="cql 4 with compression",
            client=b"\x04\x01\x00\x00\x07\x00\x00\x00\x10" + bytes(16),
        ),
        Talk(name="cql 5 options", client=b"\x05\x00\x00\x01\x05\x00\x00\x00\x00"),
        Talk(
            name="openflow 1.3 error, joined",
            client=b"\x04\x01\x00\x0c\x00\x00\x00\x05\x00\x01\x00\x06",
            midstream=True,
        ),
        Talk(name="small numbers of a server", server=b"\x00\x5a\x00\x01" + bytes(12)),
        Talk(name="same method twice", client=b"\x05\x02\x00\x00"),
    ),
)
