"""NATS: greeting, CONNECT, verbs, and look-alikes."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

INFO = b'INFO {"server_id":"NB","version":"2.10.4","proto":1}\r\n'
CONNECT = b'CONNECT {"verbose":false}\r\nPING\r\n'

SAMPLES = Samples(
    protocol="nats",
    certain=(
        Talk(name="greeting and connect", client=CONNECT, server=INFO),
        Talk(name="greeting alone", server=INFO),
        Talk(name="connect alone", client=CONNECT),
        Talk(name="publish, joined", client=b"PUB shop.orders 5\r\nhello\r\n", midstream=True),
        Talk(name="message, joined", server=b"MSG shop.orders 9 5\r\nhello\r\n", midstream=True),
        Talk(name="ping and pong", client=b"PING\r\n", server=b"PONG\r\n"),
    ),
    possible=(Talk(name="ping alone", client=b"PING\r\n"),),
    almost=(
        Talk(name="http connect", client=b"CONNECT a:443 HTTP/1.1\r\n\r\n"),
        Talk(name="redis info", client=b"INFO server\r\n"),
        Talk(name="redis", client=b"SUBSCRIBE a\r\n", server=b"+OK\r\n"),
    ),
)
