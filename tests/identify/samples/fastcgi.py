"""FastCGI."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

BEGIN = b"\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00"
STDOUT = b"\x01\x06\x00\x01\x00\x18\x00\x00Content-type: text/html\n"

SAMPLES = Samples(
    protocol="fastcgi",
    certain=(
        Talk(name="begin request", client=BEGIN, server=STDOUT),
        Talk(name="begin alone", client=BEGIN),
        Talk(name="stdout alone", server=STDOUT),
    ),
    possible=(
        Talk(name="stdout of other text", server=b"\x01\x06\x00\x01\x00\x18\x00\x00" + bytes(24)),
    ),
    almost=(
        Talk(name="role 9", client=BEGIN[:9] + b"\x09" + bytes(6)),
        Talk(name="mysql ping", client=b"\x01\x00\x00\x00\x0e"),
    ),
)
