"""Bitcoin."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

VERSION = b"\xf9\xbe\xb4\xd9version" + bytes(5) + b"\x55\x00\x00\x00" + bytes(89)

SAMPLES = Samples(
    protocol="bitcoin",
    certain=(
        Talk(name="version", client=VERSION, server=VERSION),
        Talk(name="test network", client=b"\x0b\x11\x09\x07" + VERSION[4:]),
    ),
    almost=(
        Talk(name="another network", client=b"\xaa" + VERSION[1:]),
        Talk(name="another command", client=VERSION[:4] + b"nonsense" + bytes(20)),
    ),
)
