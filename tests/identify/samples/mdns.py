"""Multicast DNS."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk


def query(
    name: bytes, *, kind: int = 1, id_: int = 0x1234, flags: int = 0x0100, cls: int = 1
) -> bytes:
    labels = b"".join(bytes([len(label)]) + label for label in name.split(b".")) + b"\x00"
    counts = b"\x00\x01\x00\x00\x00\x00\x00\x00"
    return (
        id_.to_bytes(2) + flags.to_bytes(2) + counts + labels + kind.to_bytes(2) + cls.to_bytes(2)
    )


ANNOUNCEMENT = (
    b"\x00\x00\x84\x00\x00\x00\x00\x01\x00\x00\x00\x00\x03web\x05local\x00\x00\x01\x80\x01\x00\x00\x00\x78\x00\x04"
    + bytes(4)
)

SAMPLES = Samples(
    protocol="mdns",
    transport=Transport.UDP,
    certain=(
        Talk(name="query", client=query(b"_http._tcp.local", kind=12, id_=0, flags=0)),
        Talk(name="announcement", server=ANNOUNCEMENT),
        Talk(
            name="unicast answer wanted",
            client=query(b"1.in-addr.arpa", kind=12, id_=0, flags=0, cls=0x8001),
        ),
        Talk(
            name="one-shot question for a link-local address",
            client=query(b"5.e.c.1.8.e.f.ip6.arpa", kind=12, flags=0),
        ),
        Talk(name="the same in IPv4", client=query(b"1.2.254.169.in-addr.arpa", kind=12, flags=0)),
    ),
    almost=(
        Talk(name="another address", client=query(b"1.2.168.192.in-addr.arpa", kind=12, flags=0)),
        Talk(name="dns in a cluster", client=query(b"web.svc.cluster.local")),
        Talk(name="llmnr", client=query(b"wpad", flags=0)),
    ),
)
