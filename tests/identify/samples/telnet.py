"""Telnet negotiations."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

DO_TERMINAL, WILL_ECHO = b"\xff\xfd\x18", b"\xff\xfb\x01"

SAMPLES = Samples(
    protocol="telnet",
    certain=(
        Talk(name="chained", server=DO_TERMINAL + WILL_ECHO),
        Talk(name="both sides", client=b"\xff\xfb\x18", server=DO_TERMINAL),
        Talk(name="subnegotiation", client=b"\xff\xfb\x18\xff\xfa\x18\x00xterm\xff\xf0"),
    ),
    possible=(Talk(name="one", server=DO_TERMINAL),),
    almost=(
        Talk(name="unknown option", server=b"\xff\xfd\x40\xff\xfd\x41"),
        Talk(name="bgp", client=b"\xff" * 16 + b"\x00\x1d\x01"),
        Talk(name="text", server=b"login: "),
    ),
)
