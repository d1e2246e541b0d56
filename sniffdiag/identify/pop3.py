"""POP3. `+OK` is also Redis and NATS, and `USER` is also FTP: each counts only with the other.

Follows RFC 1939, RFC 2449 (CAPA), RFC 2595 (STLS).
"""

from __future__ import annotations

from sniffdiag.identify.clue import anywhere, probe_sides
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.text import Dialect, opening, resuming
from sniffdiag.identify.verdict import Detector
from sniffdiag.model import Transport

_CLIENT = Dialect(
    first=lazy(rb"(?i:USER .+|CAPA|STLS|QUIT|NOOP|STAT|AUTH(?: .*)?|PASS .*|LIST(?: \d+)?)\Z"),
    telling=lazy(
        rb"(?i:APOP [!-~]+ [0-9a-f]{32}|UIDL(?: \d+)?|TOP \d+ \d+|CAPA|STLS|RETR \d+|DELE \d+)\Z"
    ),
    starts=b"ACDLNPQRSTUacdlnpqrstu",
    why="a login command",
    why_telling="POP3 command",
)
_SERVER = Dialect(
    first=lazy(rb"\+OK(?: .*)?\Z|-ERR .*\Z"),
    telling=lazy(
        rb"\+OK .*(?i:\bPOP|mailbox|maildrop|octets|messages? \()|\+OK .*<[^<>@ ]+@[^<>@ ]+>"
        rb"|\+OK (?i:Dovecot ready)",
    ),
    starts=b"+-",
    why="a +OK",
    why_telling="POP3 greeting",
)

DETECTOR = Detector(
    protocol="pop3",
    title="POP3",
    transports=frozenset({Transport.TCP}),
    probe=probe_sides(
        anywhere(opening(_CLIENT), resuming(_CLIENT)),
        anywhere(opening(_SERVER), resuming(_SERVER)),
    ),
    evidence="+OK greeting that names POP or carries a timestamp; CAPA, STLS, UIDL, APOP, or USER "
    "answered by +OK.",
    midstream=True,
    server_first=True,
)
