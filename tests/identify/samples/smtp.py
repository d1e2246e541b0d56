"""SMTP: greetings, EHLO, STARTTLS, joined dialogues, and FTP."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

GREETING = b"220 mx.shop ESMTP Postfix\r\n"
EHLO = b"EHLO shop\r\n"

SAMPLES = Samples(
    protocol="smtp",
    certain=(
        Talk(name="dialogue", client=EHLO, server=GREETING + b"250-mx.shop\r\n250 SIZE 1\r\n"),
        Talk(name="greeting that names it", server=GREETING),
        Talk(name="ehlo", client=EHLO, server=b"220 ready\r\n"),
        Talk(name="lmtp", client=b"LHLO shop\r\n"),
        Talk(name="starttls", client=EHLO + b"STARTTLS\r\n\x16\x03\x01\x02\x00", server=GREETING),
        Talk(name="mail from, joined", client=b"MAIL FROM:<a@shop>\r\n", midstream=True),
        Talk(name="enhanced status, joined", server=b"250 2.1.0 Ok\r\n", midstream=True),
    ),
    possible=(Talk(name="bare greeting", server=b"220 ready\r\n"),),
    almost=(
        Talk(name="ftp", client=b"USER a\r\n", server=b"220 ready\r\n331 Password?\r\n"),
        Talk(name="http", client=b"HELO"[:2] + b"AD / HTTP/1.1\r\n", server=b"HTTP/1.1 220 x\r\n"),
        Talk(name="number", server=b"2200 x\r\n"),
    ),
)
