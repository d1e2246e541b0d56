"""NetBIOS datagrams: its fixed beginning."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="nbdgm",
    transport=Transport.UDP,
    certain=(
        Talk(
            name="browser",
            client=b"\x11\x02\x12\x34\x0a\x00\x00\x01\x00\x8a\x00\xd2\x00\x00\x20"
            b"FHFAEBEECACACACACACACACACACACAAA" + bytes(20),
        ),
    ),
    almost=(
        Talk(name="another port", client=b"\x11\x02\x12\x34\x0a\x00\x00\x01\x00\x8b" + bytes(50)),
    ),
)
