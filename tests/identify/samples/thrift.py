"""Thrift: strict binary and compact, framed or not, and THeader."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

CALL = b"\x80\x01\x00\x01\x00\x00\x00\x07getCart\x00\x00\x00\x01\x00"
REPLY = b"\x80\x01\x00\x02" + CALL[4:]
COMPACT = b"\x82\x21\x01\x07getCart\x00"
HEADER = b"\x00\x00\x00\x1c\x0f\xff\x00\x00\x00\x00\x00\x01\x00\x01\x02\x00\x00\x00" + COMPACT

SAMPLES = Samples(
    protocol="thrift",
    certain=(
        Talk(name="binary", client=CALL, server=REPLY),
        Talk(name="framed binary", client=b"\x00\x00\x00" + bytes([len(CALL)]) + CALL),
        Talk(name="compact", client=COMPACT),
        Talk(name="framed compact", client=b"\x00\x00\x00" + bytes([len(COMPACT)]) + COMPACT),
        Talk(name="theader", client=HEADER),
        Talk(name="reply, joined", server=REPLY, midstream=True),
    ),
    almost=(
        Talk(name="memcached set", client=b"\x80\x01\x00\x01\x08\x00\x00\x00" + bytes(16)),
        Talk(name="reply from the client", client=REPLY),
        Talk(name="name of control bytes", client=CALL.replace(b"getCart", b"get\x01\x02\x03\x04")),
        Talk(name="sslv2-format hello", client=b"\x80\x2e\x01\x03\x01\x00\x15" + bytes(39)),
    ),
)
