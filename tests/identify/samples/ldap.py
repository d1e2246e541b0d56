"""LDAP: binds, searches, StartTLS, long-form lengths, and SNMP."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

BIND = b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00"
BIND_LONG = (
    b"\x30\x84\x00\x00\x00\x10\x02\x01\x01\x60\x84\x00\x00\x00\x07\x02\x01\x03\x04\x00\x80\x00"
)
BOUND = b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"
SEARCH = (
    b"\x30\x25\x02\x01\x02\x63\x20\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00"
    b"\x87\x0bobjectclass\x30\x00"
)
START_TLS = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"

SAMPLES = Samples(
    protocol="ldap",
    certain=(
        Talk(name="bind", client=BIND, server=BOUND),
        Talk(name="bind with long lengths", client=BIND_LONG),
        Talk(name="bind response alone", server=BOUND),
        Talk(name="search", client=SEARCH),
        Talk(name="starttls", client=START_TLS + b"\x16\x03\x01\x02\x00"),
        Talk(name="search, joined", client=SEARCH, midstream=True),
    ),
    possible=(Talk(name="unbind", client=b"\x30\x05\x02\x01\x03\x42\x00"),),
    almost=(
        Talk(name="snmp", client=b"\x30\x29\x02\x01\x01\x04\x06public\xa0\x1c" + bytes(28)),
        Talk(name="kerberos", client=b"\x6a\x81\xb0\x30\x81\xad\xa1\x03\x02\x01\x05"),
        Talk(name="bind of version 9", client=BIND.replace(b"\x01\x03\x04", b"\x01\x09\x04")),
    ),
)
