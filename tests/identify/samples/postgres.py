"""PostgreSQL: every opening message, both answers to SSLRequest, joined sessions."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

STARTUP = b"\x00\x00\x00\x54\x00\x03\x00\x00user\x00postgres\x00database\x00shop\x00\x00"
SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"
CANCEL = b"\x00\x00\x00\x10\x04\xd2\x16\x2e\x00\x00\x12\x34\x00\x00\x56\x78"
AUTH_OK = b"R\x00\x00\x00\x08\x00\x00\x00\x00"
SASL = b"R\x00\x00\x00\x17\x00\x00\x00\x0aSCRAM-SHA-256\x00\x00"
FATAL = b"E\x00\x00\x00\x1aSFATAL\x00VFATAL\x00C28000\x00"
QUERY = b"Q\x00\x00\x00\x0dselect 1\x00"
EXTENDED = (
    b"B\x00\x00\x00\x0c\x00\x00\x00\x00\x00\x00\x00\x00D\x00\x00\x00\x06P\x00"
    b"E\x00\x00\x00\x09\x00\x00\x00\x00\x00S\x00\x00\x00\x04"
)
COMPLETE = b"C\x00\x00\x00\x0dSELECT 1\x00"
READY = b"Z\x00\x00\x00\x05I"

SAMPLES = Samples(
    protocol="postgres",
    certain=(
        Talk(name="startup", client=STARTUP, server=AUTH_OK),
        Talk(name="startup alone", client=STARTUP),
        Talk(name="startup 3.2", client=STARTUP.replace(b"\x03\x00\x00", b"\x03\x00\x02", 1)),
        Talk(name="SSLRequest accepted", client=SSL_REQUEST + HELLO, server=b"S\x16\x03\x03"),
        Talk(name="SSLRequest refused", client=SSL_REQUEST + STARTUP, server=b"N" + AUTH_OK),
        Talk(name="GSSENCRequest", client=b"\x00\x00\x00\x08\x04\xd2\x16\x30", server=b"G"),
        Talk(name="cancel", client=CANCEL),
        Talk(name="scram", server=SASL),
        Talk(name="refused", server=FATAL),
        Talk(name="refusal of TLS, then SASL", server=b"N" + SASL),
        Talk(name="query, joined", client=QUERY, midstream=True),
        Talk(name="answer, joined", server=COMPLETE + READY, midstream=True),
        Talk(
            name="extended protocol, joined",
            client=EXTENDED,
            server=b"2\x00\x00\x00\x04n\x00\x00\x00\x04" + COMPLETE + READY,
            midstream=True,
        ),
    ),
    possible=(
        Talk(name="acceptance of TLS alone", server=b"S\x16\x03\x03"),
        Talk(name="extended protocol, joined, client alone", client=EXTENDED, midstream=True),
    ),
    almost=(
        Talk(
            name="kafka metadata",
            client=b"\x00\x00\x00\x54\x00\x03\x00\x05\x00\x00\x00\x01\x00\x05shop1",
        ),
        Talk(name="protocol 2.0", client=b"\x00\x00\x01\x28\x00\x02\x00\x00" + bytes(40)),
        Talk(name="startup without a parameter", client=b"\x00\x00\x00\x09\x00\x03\x00\x00\x00"),
        Talk(name="http refusal", server=b"HTTP/1.1 400 Bad Request\r\n"),
        Talk(name="error line", server=b"ERROR\r\n"),
    ),
)
