"""Java RMI: its fixed beginning."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="java-rmi",
    certain=(
        Talk(name="stream protocol", client=b"JRMI\x00\x02\x4b", server=b"\x4e\x00\x0910.0.0.1"),
    ),
    almost=(Talk(name="version 9", client=b"JRMI\x00\x09\x4b"),),
)
