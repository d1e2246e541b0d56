"""tRPC: its fixed beginning."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="trpc",
    certain=(Talk(name="request", client=b"\x09\x30\x00\x00\x00\x00\x00\x40\x00\x20" + bytes(54)),),
    almost=(
        Talk(name="stream type 9", client=b"\x09\x30\x00\x09" + bytes(20)),
        Talk(name="ber", client=b"\x09\x30\x82\x01" + bytes(20)),
    ),
)
