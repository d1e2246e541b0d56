"""DNP3: frames with and without their checksum."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

FRAME = bytes.fromhex("05640a44030004007caee6f78210004fbd")

SAMPLES = Samples(
    protocol="dnp3",
    certain=(
        Talk(name="frame alone", client=FRAME),
        Talk(name="frame, joined", server=FRAME, midstream=True),
        Talk(
            name="both, checksums not filled in",
            client=b"\x05\x64\x08\xc4" + bytes(8),
            server=b"\x05\x64\x0a\x44" + bytes(8),
        ),
    ),
    almost=(
        Talk(name="wrong checksum", client=FRAME[:8] + b"\x7c\xaf" + FRAME[10:]),
        Talk(name="socks5", client=b"\x05\x01\x00"),
    ),
)
