"""DTLS records."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

HELLO = b"\x16\xfe\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x40\x01" + bytes(63)

SAMPLES = Samples(
    protocol="dtls",
    transport=Transport.UDP,
    certain=(
        Talk(name="1.0", client=HELLO),
        Talk(name="1.2", client=HELLO.replace(b"\xfe\xff", b"\xfe\xfd"), server=HELLO),
        Talk(
            name="application data, joined",
            server=b"\x17\xfe\xfd\x00\x01" + bytes(6) + b"\x00\x20" + bytes(32),
            midstream=True,
        ),
    ),
    almost=(
        Talk(name="tls", client=b"\x16\x03\x01\x00\x40\x01" + bytes(60)),
        Talk(name="empty record", client=HELLO[:11] + bytes(20)),
        Talk(name="stun", client=b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12)),
    ),
)
