"""MySQL: greeting, login, TLS inside, X protocol, joined sessions."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

VERSION = b"5.5.5-10.6.12-MariaDB"
GREETING_BODY = (
    b"\x0a" + VERSION + b"\x00" + b"\x05\x00\x00\x00" + b"abcdefgh" + b"\x00" + bytes(40)
)
GREETING = len(GREETING_BODY).to_bytes(3, "little") + b"\x00" + GREETING_BODY
LOGIN_BODY = b"\x85\xa6\xff\x01\x00\x00\x00\x01\x21" + bytes(23) + b"root\x00"
LOGIN = len(LOGIN_BODY).to_bytes(3, "little") + b"\x01" + LOGIN_BODY
SSL_REQUEST = b"\x20\x00\x00\x01\x85\xae\xff\x01\x00\x00\x00\x01\x21" + bytes(23)
ERROR = (
    b"\x4a\x00\x00\x00\xff\x6a\x04Host '10.0.0.1' is not allowed to connect to this MySQL server"
)
QUERY = b"\x21\x00\x00\x00\x03select @@version_comment limit 1"
PING = b"\x01\x00\x00\x00\x0e"
OK = b"\x07\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00"
RESULT = b"\x01\x00\x00\x01\x01" + b"\x27\x00\x00\x02\x03def" + bytes(35)
X_NOTICE = b"\x05\x00\x00\x00\x0b\x08\x05\x1a\x00"
X_LOGIN = b"\x0b\x00\x00\x00\x04\x0a\x07MYSQL41"

SAMPLES = Samples(
    protocol="mysql",
    certain=(
        Talk(name="greeting and login", client=LOGIN, server=GREETING),
        Talk(name="greeting alone", server=GREETING),
        Talk(name="login alone", client=LOGIN),
        Talk(name="error instead of a greeting", server=ERROR),
        Talk(name="tls inside", client=SSL_REQUEST + b"\x16\x03\x01\x02\x00\x01", server=GREETING),
        Talk(name="http client, mysql server", server=GREETING),
        Talk(name="query, joined", client=QUERY, server=OK, midstream=True),
        Talk(name="result set, joined", server=RESULT, midstream=True),
        Talk(name="pings, joined", client=PING * 3, server=OK * 3, midstream=True),
        Talk(name="x protocol notice", server=X_NOTICE),
        Talk(name="x protocol login", client=b"\x01\x00\x00\x00\x01" + X_LOGIN),
    ),
    possible=(
        Talk(name="greeting cut inside its salt", server=GREETING[:30]),
        Talk(name="x protocol capabilities request", client=b"\x01\x00\x00\x00\x01"),
    ),
    almost=(
        Talk(name="http/2 settings", client=b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + bytes(18)),
        Talk(name="zeros", server=bytes(60)),
        Talk(name="greeting of protocol 12", server=GREETING[:4] + b"\x0c" + GREETING[5:]),
        Talk(name="login with a dirty filler", client=LOGIN[:20] + b"\x01" + LOGIN[21:]),
        Talk(
            name="mongodb",
            client=b"\x3a\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\xdd\x07\x00\x00" + bytes(5),
        ),
    ),
)
