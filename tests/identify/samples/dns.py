"""DNS over UDP and TCP."""

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


QUERY = query(b"web.shop.svc.cluster.local", flags=0x0100)
ANSWER = query(b"web.shop.svc.cluster.local", flags=0x8180)
LOOPBACK = query(b"1.0.0.127.in-addr.arpa", kind=12, flags=0)

SAMPLES = Samples(
    protocol="dns",
    transport=Transport.UDP,
    certain=(
        Talk(name="query", client=QUERY, server=ANSWER),
        Talk(name="query alone", client=QUERY),
        Talk(name="answer alone", server=ANSWER),
        Talk(
            name="over tcp",
            client=len(QUERY).to_bytes(2) + QUERY,
            server=len(ANSWER).to_bytes(2) + ANSWER,
        ),
        Talk(name="svcb", client=query(b"shop.example", kind=65)),
        Talk(name="loopback, asked without recursion", client=LOOPBACK),
        Talk(name="answer, joined", server=ANSWER, midstream=True),
        Talk(name="first fragments", client=QUERY[:16], server=ANSWER[:16]),
        Talk(
            name="types unknown, answered",
            client=query(b"a.shop", kind=20000, cls=20000),
            server=query(b"a.shop", kind=20000, cls=20000, flags=0x8184),
        ),
    ),
    possible=(
        Talk(name="type 20000", client=query(b"a.shop", kind=20000)),
        Talk(name="cut inside the name", client=QUERY[:24]),
        Talk(name="first fragment of an answer", server=ANSWER[:16]),
        Talk(name="cut behind the name", client=QUERY[:-3]),
        Talk(name="class 57", server=query(b"a.shop", flags=0x8180, cls=57)),
        Talk(name="label of 100 bytes", client=QUERY[:12] + b"\x64" + QUERY[13:]),
        Talk(name="30,000 authorities", client=QUERY[:8] + b"\x75\x30" + QUERY[10:]),
        Talk(name="impossible counts", client=QUERY[:6] + b"\x80\x00" + QUERY[8:]),
    ),
    almost=(
        Talk(name="mdns", client=query(b"_http._tcp.local", kind=12, id_=0, flags=0)),
        Talk(name="llmnr", client=query(b"wpad", flags=0)),
        Talk(name="type and class 20000", client=query(b"a.shop", kind=20000, cls=20000)),
        Talk(name="single label of type 20000", client=query(b"shop", kind=20000)),
        Talk(
            name="type and class 20000, answered under another id",
            client=query(b"a.shop", kind=20000, cls=20000),
            server=query(b"a.shop", kind=20000, cls=20000, flags=0x8184, id_=0x1235),
        ),
        Talk(name="zeros", client=bytes(40), server=bytes(40)),
        Talk(name="nbns", client=query(b"C" + b"A" * 31, kind=32, flags=0x0110)),
    ),
)
