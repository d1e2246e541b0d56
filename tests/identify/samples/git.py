"""git daemon."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

REQUEST = b"0031git-upload-pack /shop.git\x00host=git.shop\x00"
REFS = b"00a5" + b"0123456789" * 4 + b" HEAD\x00multi_ack thin-pack"

SAMPLES = Samples(
    protocol="git",
    certain=(
        Talk(name="clone", client=REQUEST, server=REFS),
        Talk(name="request alone", client=REQUEST),
        Talk(name="refs alone", server=REFS),
    ),
    almost=(
        Talk(name="another service", client=REQUEST.replace(b"upload", b"explode")),
        Talk(name="hex", server=b"00a5" + b"0123456789" * 6),
    ),
)
