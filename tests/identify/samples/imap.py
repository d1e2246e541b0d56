"""IMAP: greetings, tagged commands, untagged data, and Redis."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

GREETING = b"* OK [CAPABILITY IMAP4rev1 STARTTLS] Dovecot ready.\r\n"

SAMPLES = Samples(
    protocol="imap",
    certain=(
        Talk(name="login", client=b"a1 LOGIN shop secret\r\n", server=GREETING),
        Talk(name="greeting that names it", server=GREETING),
        Talk(name="capability", client=b"a1 CAPABILITY\r\n", server=b"* OK ready\r\n"),
        Talk(name="starttls", client=b"a1 STARTTLS\r\n\x16\x03\x01", server=GREETING),
        Talk(
            name="fetch, joined",
            client=b"a9 UID FETCH 1:* (FLAGS)\r\n",
            server=b"* 7 EXISTS\r\n",
            midstream=True,
        ),
    ),
    possible=(Talk(name="bare greeting", server=b"* OK ready\r\n"),),
    almost=(
        Talk(name="redis array", server=b"*2\r\n$3\r\nfoo\r\n$3\r\nbar\r\n"),
        Talk(name="http", client=b"GET / HTTP/1.1\r\n\r\n", server=b"HTTP/1.1 200 OK\r\n"),
        Talk(name="prose", client=b"a list of things\r\n", server=b"* item\r\n"),
    ),
)
