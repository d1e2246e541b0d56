"""SNMP 1, 2c and 3."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

GET = b"\x30\x29\x02\x01\x01\x04\x06public\xa0\x1c" + bytes(28)
V3 = b"\x30\x3e\x02\x01\x03\x30\x11\x02\x04\x01\x02\x03\x04" + bytes(50)

SAMPLES = Samples(
    protocol="snmp",
    transport=Transport.UDP,
    certain=(
        Talk(name="2c", client=GET, server=GET.replace(b"\xa0", b"\xa2")),
        Talk(name="1", client=GET.replace(b"\x01\x01", b"\x01\x00", 1)),
        Talk(name="3", client=V3),
    ),
    almost=(
        Talk(name="ldap bind", client=b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00"),
        Talk(name="version 7", client=GET.replace(b"\x01\x01", b"\x01\x07", 1)),
    ),
)
