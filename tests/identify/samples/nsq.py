"""NSQ: its fixed beginning."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="nsq",
    certain=(
        Talk(
            name="identify",
            client=b"  V2IDENTIFY\n\x00\x00\x00\x02{}",
            server=b"\x00\x00\x00\x06\x00\x00\x00\x00OK",
        ),
    ),
    almost=(
        Talk(name="spaces", client=b"  V2 is the version"),
        Talk(name="error frame", server=b"\x00\x00\x00\x0a\x00\x00\x00\x01E_BAD"),
    ),
)
