"""LLMNR."""

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


SAMPLES = Samples(
    protocol="llmnr",
    transport=Transport.UDP,
    certain=(
        Talk(name="query", client=query(b"wpad", flags=0)),
        Talk(name="answer", server=query(b"wpad", flags=0x8000)),
        Talk(name="reverse", client=query(b"1.2.168.192.in-addr.arpa", kind=12, flags=0)),
        Talk(name="aaaa", client=query(b"host1", kind=28, flags=0)),
    ),
    almost=(
        Talk(name="loopback", client=query(b"1.0.0.127.in-addr.arpa", kind=12, flags=0)),
        Talk(name="stub resolver", client=query(b"wpad", flags=0x0100)),
        Talk(name="iterative resolver", client=query(b"ns1.example", flags=0)),
        Talk(name="authoritative answer", server=query(b"wpad", flags=0x8400)),
    ),
)
