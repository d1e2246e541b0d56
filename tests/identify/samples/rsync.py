"""rsync: its fixed beginning."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="rsync",
    certain=(Talk(name="greeting", client=b"@RSYNCD: 31.0\n", server=b"@RSYNCD: 31.0\n"),),
    almost=(Talk(name="text", client=b"@RSYNC is here\n"),),
)
