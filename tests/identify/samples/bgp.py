"""BGP: its fixed beginning."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="bgp",
    certain=(
        Talk(
            name="open",
            client=b"\xff" * 16 + b"\x00\x1d\x01\x04" + bytes(9),
            server=b"\xff" * 16 + b"\x00\x13\x04",
        ),
    ),
    almost=(
        Talk(name="type 9", client=b"\xff" * 16 + b"\x00\x1d\x09"),
        Talk(name="telnet", client=b"\xff\xfd\x18"),
    ),
)
