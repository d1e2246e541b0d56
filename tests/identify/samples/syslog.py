"""Syslog: both formats and a bare priority."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

BSD = b"<34>Oct 11 22:14:15 web su: 'su root' failed"

SAMPLES = Samples(
    protocol="syslog",
    transport=Transport.UDP,
    certain=(
        Talk(name="bsd", client=BSD),
        Talk(name="rfc 5424", client=b"<165>1 2026-10-11T22:14:15.003Z web su - ID47 - hi"),
        Talk(name="no time", client=b"<14>1 - web app - - - hello"),
    ),
    possible=(Talk(name="priority and text", client=b"<14>kernel: eth0 link is up"),),
    almost=(
        Talk(name="priority 192", client=b"<192>Oct 11 22:14:15 web"),
        Talk(name="xml", client=b'<?xml version="1.0"?>' + b" " * 40),
        Talk(name="html", client=b"<14px>" + b" " * 40),
    ),
)
