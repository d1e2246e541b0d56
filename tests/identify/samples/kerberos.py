"""Kerberos: its fixed beginning."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="kerberos",
    transport=Transport.UDP,
    certain=(
        Talk(
            name="request",
            client=b"\x6a\x81\xb0\x30\x81\xad\xa1\x03\x02\x01\x05\xa2\x03\x02\x01\x0a" + bytes(160),
            server=b"\x7e\x44\x30\x42\xa0\x03\x02\x01\x05\xa1\x03\x02\x01\x1e" + bytes(56),
        ),
        Talk(
            name="over tcp",
            client=b"\x00\x00\x00\xb3\x6a\x81\xb0\x30\x81\xad\xa1\x03\x02\x01\x05\xa2\x03\x02\x01\x0a"
            + bytes(160),
        ),
    ),
    almost=(
        Talk(name="ldap", client=b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00"),
        Talk(name="version 4", client=b"\x6a\x44\x30\x42\xa1\x03\x02\x01\x04" + bytes(60)),
    ),
)
