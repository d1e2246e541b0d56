"""POP3: greetings, logins, and what else says +OK."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

GREETING = b"+OK POP3 ready <1896.6971@mail.shop>\r\n"

SAMPLES = Samples(
    protocol="pop3",
    certain=(
        Talk(name="login", client=b"USER shop\r\n", server=b"+OK ready\r\n"),
        Talk(name="greeting that names it", server=GREETING),
        Talk(name="capa", client=b"CAPA\r\n"),
        Talk(name="stls", client=b"STLS\r\n\x16\x03\x01", server=GREETING),
    ),
    possible=(
        Talk(name="user alone", client=b"USER shop\r\n"),
        Talk(name="bare +OK", server=b"+OK\r\n"),
    ),
    almost=(
        Talk(name="redis", client=b"PING\r\n", server=b"+PONG\r\n"),
        Talk(name="ftp", client=b"USER shop\r\n", server=b"220 ready\r\n"),
        Talk(name="nats", client=b"CONNECT {}\r\n", server=b"INFO {}\r\n"),
    ),
)
