"""TDS: prelogin, login, requests."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

OPTIONS = b"\x00\x00\x15\x00\x06\x01\x00\x1b\x00\x01\x02\x00\x1c\x00\x01\xff"
PRELOGIN = b"\x12\x01\x00\x2f\x00\x00\x01\x00" + OPTIONS + bytes(23)
BATCH = b"\x01\x01\x00\x2a\x00\x00\x01\x00\x16\x00\x00\x00\x12\x00\x00\x00\x02\x00" + bytes(24)
DONE = b"\x04\x01\x00\x11\x00\x35\x01\x00\xfd" + bytes(8)

SAMPLES = Samples(
    protocol="tds",
    certain=(
        Talk(name="prelogin", client=PRELOGIN, server=b"\x04" + PRELOGIN[1:]),
        Talk(name="prelogin alone", client=PRELOGIN),
        Talk(name="batch, joined", client=BATCH, midstream=True),
        Talk(
            name="batch of tds 7.0, joined",
            client=b"\x01\x01\x00\x2c\x00\x00\x01\x00" + "commit".encode("utf-16-le"),
            midstream=True,
        ),
        Talk(
            name="procedure of tds 7.0, joined",
            client=b"\x03\x09\x00\x40\x00\x00\x01\x00\x06\x00" + "p_shop".encode("utf-16-le"),
            midstream=True,
        ),
        Talk(
            name="packets of both, joined",
            client=b"\x06\x01\x00\x08\x00\x00\x01\x00" * 3,
            server=DONE * 3,
            midstream=True,
        ),
    ),
    possible=(Talk(name="answers, joined", server=DONE * 3, midstream=True),),
    almost=(
        Talk(name="other first option", client=b"\x12\x01\x00\x2f\x00\x00\x01\x00\x07" + bytes(38)),
        Talk(
            name="bytes where letters should be, joined",
            client=b"\x01\x01\x00\x2c\x00\x00\x01\x00" + bytes(range(0x80, 0xA0)),
            midstream=True,
        ),
        Talk(name="tls", client=b"\x16\x03\x01\x02\x00"),
    ),
)
