"""FIX."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="fix",
    certain=(
        Talk(
            name="logon",
            client=b"8=FIX.4.2\x019=65\x0135=A\x0149=a\x01",
            server=b"8=FIX.4.2\x019=65\x0135=A\x01",
        ),
        Talk(name="fixt", client=b"8=FIXT.1.1\x019=65\x0135=A\x01"),
    ),
    almost=(
        Talk(name="another begin string", client=b"8=FAX.4.2\x019=65\x01"),
        Talk(name="sum", client=b"8=4+4\r\n"),
    ),
)
