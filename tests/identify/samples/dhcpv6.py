"""DHCPv6."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

SOLICIT = (
    b"\x01\x10\x08\x74\x00\x01\x00\x0e"
    + bytes(14)
    + b"\x00\x06\x00\x04"
    + bytes(4)
    + b"\x00\x08\x00\x02\x00\x00"
)

VENDOR_FIRST = (
    b"\x01\x10\x08\x74\x00\x10\x00\x04\x00\x00\x75\x71"
    b"\x00\x01\x00\x0a\x00\x03\x00\x01\x00\x0b\x82\x2d\x68\xca\x00\x08\x00\x02\xff\xff"
)

SAMPLES = Samples(
    protocol="dhcpv6",
    transport=Transport.UDP,
    certain=(
        Talk(name="solicit", client=SOLICIT),
        Talk(name="vendor class first", client=VENDOR_FIRST),
    ),
    possible=(Talk(name="two options", client=VENDOR_FIRST[:26]),),
    almost=(
        Talk(name="option 9999", client=b"\x01\x10\x08\x74\x27\x0f\x00\x0e" + bytes(40)),
        Talk(
            name="vendor class and a DUID of kind 9",
            client=VENDOR_FIRST.replace(b"\x0a\x00\x03", b"\x0a\x00\x09"),
        ),
    ),
)
