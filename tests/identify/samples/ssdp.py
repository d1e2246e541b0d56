"""SSDP."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk

SEARCH = b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n\r\n"

SAMPLES = Samples(
    protocol="ssdp",
    transport=Transport.UDP,
    certain=(
        Talk(
            name="search",
            client=SEARCH,
            server=b"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=9\r\nST: upnp:rootdevice\r\n\r\n",
        ),
        Talk(name="notify", client=b"NOTIFY * HTTP/1.1\r\nNTS: ssdp:alive\r\n"),
    ),
    almost=(
        Talk(name="sip notify", client=b"NOTIFY sip:a SIP/2.0\r\n"),
        Talk(
            name="http answer", server=b"HTTP/1.1 404 Not Found\r\nServer: a\r\n\r\n" + bytes(1100)
        ),
    ),
)
