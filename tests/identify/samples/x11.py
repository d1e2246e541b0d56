"""X11: its fixed beginning."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="x11",
    certain=(Talk(name="setup", client=b"l\x00\x0b\x00\x00\x00" + bytes(6)),),
    almost=(Talk(name="text", client=b"lists of things"),),
)
