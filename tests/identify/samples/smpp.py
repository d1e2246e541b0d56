"""SMPP: a bind and its answer."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

BIND = (
    b"\x00\x00\x00\x21\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x01"
    b"user\x00secret\x00\x00\x34\x00\x00\x00"
)

SAMPLES = Samples(
    protocol="smpp",
    certain=(
        Talk(
            name="bind",
            client=BIND,
            server=b"\x00\x00\x00\x15\x80\x00\x00\x09" + BIND[8:16] + b"smsc\x00",
        ),
    ),
    almost=(
        Talk(name="bind alone", client=BIND),
        Talk(
            name="answered with another length", client=BIND, server=b"\x00\x10\x00\x00" + BIND[4:]
        ),
    ),
)
