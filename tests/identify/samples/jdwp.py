"""JDWP: its fixed beginning."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="jdwp",
    certain=(Talk(name="handshake", client=b"JDWP-Handshake", server=b"JDWP-Handshake"),),
    almost=(Talk(name="text", client=b"JDWP-Handshoke"),),
)
