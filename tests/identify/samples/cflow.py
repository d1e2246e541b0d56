"""NetFlow and IPFIX."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

UPTIME, SECONDS = b"\x00\x01\x02\x03", b"\x66\x00\x00\x00"

SAMPLES = Samples(
    protocol="cflow",
    transport=Transport.UDP,
    certain=(
        Talk(name="version 5", client=b"\x00\x05\x00\x02" + UPTIME + SECONDS + bytes(108)),
        Talk(
            name="version 9",
            client=b"\x00\x09\x00\x02"
            + UPTIME
            + SECONDS
            + bytes(8)
            + b"\x00\x00\x00\x10"
            + bytes(12),
        ),
        Talk(
            name="ipfix",
            client=b"\x00\x0a\x00\x40" + SECONDS + bytes(8) + b"\x00\x02\x00\x30" + bytes(44),
        ),
    ),
    almost=(
        Talk(
            name="version 5 of 1971",
            client=b"\x00\x05\x00\x02" + UPTIME + b"\x02\x00\x00\x00" + bytes(108),
        ),
        Talk(
            name="ipfix with set 9",
            client=b"\x00\x0a\x00\x40" + SECONDS + bytes(8) + b"\x00\x09" + bytes(44),
        ),
    ),
)
