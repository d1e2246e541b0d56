"""Modbus: its fixed beginning."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="modbus",
    certain=(
        Talk(
            name="read",
            client=b"\x00\x01\x00\x00\x00\x06\x01\x03\x00\x00\x00\x0a",
            server=b"\x00\x01\x00\x00\x00\x05\x01\x03\x02\x00\x00",
        ),
    ),
    almost=(
        Talk(name="kafka", client=b"\x00\x00\x00\x54\x00\x03\x00\x05" + bytes(20)),
        Talk(name="zeros", client=bytes(20), server=bytes(20)),
    ),
)
