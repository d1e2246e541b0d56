"""Neo4j Bolt: its fixed beginning."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="bolt",
    certain=(
        Talk(
            name="handshake",
            client=b"\x60\x60\xb0\x17" + b"\x00\x03\x03\x05" * 4,
            server=b"\x00\x00\x03\x05",
        ),
    ),
    almost=(Talk(name="magic with noise", client=b"\x60\x60\xb0\x17" + b"\xff" * 16),),
)
