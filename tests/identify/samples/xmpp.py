"""XMPP: its fixed beginning."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="xmpp",
    certain=(Talk(name="stream", client=b"<?xml version='1.0'?><stream:stream to='shop'>"),),
    almost=(Talk(name="soap", client=b"<?xml version='1.0'?><soap:Envelope>"),),
)
