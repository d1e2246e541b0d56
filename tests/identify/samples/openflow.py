"""OpenFlow: both sides say hello."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

HELLO = b"\x01\x00\x00\x08\x00\x00\x00\x01"

SAMPLES = Samples(
    protocol="openflow",
    certain=(
        Talk(name="hellos", client=HELLO, server=HELLO),
        Talk(
            name="with versions",
            client=HELLO,
            server=b"\x04\x00\x00\x10\x00\x00\x00\x01\x00\x01\x00\x08\x00\x00\x00\x10",
        ),
    ),
    almost=(
        Talk(name="one hello", client=HELLO),
        Talk(name="version 9", client=b"\x09" + HELLO[1:], server=b"\x09" + HELLO[1:]),
    ),
)
