"""Dropbox LAN sync discovery."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

SAMPLES = Samples(
    protocol="db-lsp-disc",
    transport=Transport.UDP,
    certain=(
        Talk(
            name="announcement",
            client=b'{"host_int": 123456, "version": [2, 0], "displayname": ""}',
        ),
    ),
    almost=(
        Talk(name="other json", client=b'{"host": 123456}'),
        Talk(name="no json", client=b"host_int: 1"),
    ),
)
