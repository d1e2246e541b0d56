"""Redis: RESP2 and RESP3, inline commands with and without an answer."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

SET = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$2\r\nhi\r\n"
HELLO_3 = b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n"
MAP = b"%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:3\r\n"
MESSAGE = b"*3\r\n$7\r\nmessage\r\n$2\r\nch\r\n$5\r\nhello\r\n"

SAMPLES = Samples(
    protocol="redis",
    certain=(
        Talk(name="array command", client=SET, server=b"+OK\r\n"),
        Talk(name="array command alone", client=SET),
        Talk(name="resp3", client=HELLO_3, server=MAP),
        Talk(name="inline ping", client=b"PING\r\n", server=b"+PONG\r\n"),
        Talk(name="inline get", client=b"GET key\r\n", server=b"$-1\r\n"),
        Talk(name="pushed messages, joined", server=MESSAGE * 2, midstream=True),
        Talk(name="array command, joined", client=SET, midstream=True),
    ),
    possible=(
        Talk(name="inline ping alone", client=b"PING\r\n"),
        Talk(name="bare ok", server=b"+OK\r\n"),
        Talk(name="error alone", server=b"-ERR unknown command\r\n"),
    ),
    almost=(
        Talk(name="imap greeting", server=b"* OK ready\r\n"),
        Talk(name="http/1", client=b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Talk(name="http/0.9", client=b"GET /index.html\r\n"),
        Talk(name="pop3 greeting", server=b"+OK POP3 server ready <1.2@mail>\r\n"),
        Talk(name="memcached", client=b"set key 0 0 5\r\nhello\r\n", server=b"STORED\r\n"),
        Talk(name="nats", client=b"PING\r\n", server=b"PONG\r\n"),
        Talk(name="another's ping, joined", client=b"PING 1491069115246\n", midstream=True),
        Talk(name="array of numbers", client=b"*2\r\n:1\r\n:2\r\n"),
    ),
)
