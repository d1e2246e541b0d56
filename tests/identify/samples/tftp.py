"""TFTP."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

READ = b"\x00\x01boot/kernel\x00octet\x00"

SAMPLES = Samples(
    protocol="tftp",
    transport=Transport.UDP,
    certain=(
        Talk(name="read", client=READ),
        Talk(name="write with options", client=b"\x00\x02a.cfg\x00netascii\x00blksize\x001428\x00"),
        Talk(name="transfer", client=b"\x00\x04\x00\x01", server=b"\x00\x03\x00\x01" + bytes(512)),
    ),
    almost=(
        Talk(name="another mode", client=b"\x00\x01kernel\x00binary\x00" + bytes(300)),
        Talk(name="dns", client=b"\x00\x01\x01\x00\x00\x01" + bytes(20)),
    ),
)
