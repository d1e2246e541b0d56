"""FTP: login against greeting, telling verbs and answers, and SMTP."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

GREETING = b"220 ready\r\n"

SAMPLES = Samples(
    protocol="ftp",
    certain=(
        Talk(name="login", client=b"USER shop\r\n", server=GREETING),
        Talk(name="greeting that names it", server=b"220 (vsFTPd 3.0.3)\r\n"),
        Talk(name="password asked", server=GREETING + b"331 Please specify the password.\r\n"),
        Talk(name="auth tls", client=b"AUTH TLS\r\n\x16\x03\x01", server=GREETING),
        Talk(
            name="passive, joined",
            client=b"PASV\r\n",
            server=b"227 Entering Passive Mode (10,0,0,1,4,1)\r\n",
            midstream=True,
        ),
        Talk(name="port, joined", client=b"PORT 10,0,0,1,4,1\r\n", midstream=True),
    ),
    possible=(
        Talk(name="user alone", client=b"USER shop\r\n"),
        Talk(name="bare greeting", server=GREETING),
    ),
    almost=(
        Talk(name="smtp", client=b"EHLO shop\r\n", server=b"220 ftp.shop ESMTP\r\n"),
        Talk(name="pop3", client=b"USER shop\r\n", server=b"+OK ready\r\n"),
        Talk(name="irc", client=b"NICK a\r\nUSER a b c :d\r\n", server=b":irc NOTICE * :hi\r\n"),
    ),
)
