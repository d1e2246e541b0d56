"""CORBA: its fixed beginning."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="giop",
    certain=(Talk(name="request", client=b"GIOP\x01\x02\x00\x00" + bytes(20)),),
    almost=(Talk(name="version 9", client=b"GIOP\x09\x02\x00\x00"),),
)
