"""VNC: its fixed beginning."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="vnc",
    certain=(
        Talk(name="version", client=b"RFB 003.008\n", server=b"RFB 003.008\n"),
        Talk(name="server alone", server=b"RFB 003.003\n"),
    ),
    almost=(Talk(name="text", client=b"RFB 00A.008\n"),),
)
