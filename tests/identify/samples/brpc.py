"""brpc: its fixed beginning."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="brpc",
    certain=(Talk(name="request", client=b"PRPC\x00\x00\x00\x20\x00\x00\x00\x10" + bytes(32)),),
    almost=(Talk(name="text", client=b"PRPC is a protocol"),),
)
