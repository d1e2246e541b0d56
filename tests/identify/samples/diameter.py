"""Diameter: its fixed beginning."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="diameter",
    certain=(Talk(name="capabilities", client=b"\x01\x00\x00\x64\x80\x00\x01\x01" + bytes(92)),),
    almost=(Talk(name="unknown command", client=b"\x01\x00\x00\x64\x80\x00\x00\x01" + bytes(92)),),
)
