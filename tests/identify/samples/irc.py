"""IRC."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

REGISTRATION = b"NICK shop\r\nUSER shop 0 * :Shop\r\n"
WELCOME = b":irc.shop 001 shop :Welcome\r\n"

SAMPLES = Samples(
    protocol="irc",
    certain=(
        Talk(name="registration", client=REGISTRATION, server=WELCOME),
        Talk(name="registration alone", client=REGISTRATION),
        Talk(name="welcome alone", server=WELCOME),
        Talk(name="channel, joined", client=b"PRIVMSG #shop :hello\r\n", midstream=True),
    ),
    possible=(Talk(name="nick alone", client=b"NICK shop\r\n"),),
    almost=(
        Talk(name="ftp", client=b"USER shop\r\n", server=b"220 ready\r\n"),
        Talk(name="redis numbers", server=b":1\r\n:2\r\n"),
        Talk(name="smtp", client=b"EHLO a\r\n", server=b"220 a\r\n"),
    ),
)
