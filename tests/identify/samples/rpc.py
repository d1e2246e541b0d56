"""ONC RPC: its fixed beginning."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="rpc",
    certain=(
        Talk(
            name="nfs call",
            client=b"\x80\x00\x00\x28\x12\x34\x56\x78"
            + bytes(7)
            + b"\x02\x00\x01\x86\xa3"
            + bytes(20),
        ),
        Talk(
            name="portmapper datagram",
            client=b"\x12\x34\x56\x78" + bytes(7) + b"\x02\x00\x01\x86\xa0" + bytes(20),
        ),
    ),
    almost=(
        Talk(name="thrift", client=b"\x80\x01\x00\x01\x00\x00\x00\x04ping" + bytes(8)),
        Talk(name="zeros", client=bytes(40)),
    ),
)
