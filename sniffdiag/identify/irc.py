"""IRC: registration of the client, numerics and notices of the server.

Follows RFC 2812 2.3, 3.1.
"""

from __future__ import annotations

from sniffdiag.identify.clue import anywhere, probe_sides
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.text import Dialect, opening, resuming
from sniffdiag.identify.verdict import Detector
from sniffdiag.model import Transport

_CLIENT = Dialect(
    first=lazy(rb"(?i:NICK :?[^ ]+|PASS :?[^ ]+|CAP (?:LS|REQ|END).*)\Z"),
    telling=lazy(
        rb"(?i:USER) [^ ]+ [^ ]+ [^ ]+ :?.|(?i:CAP LS 302)|(?i:JOIN) [#&][^ ]+"
        rb"|(?i:PRIVMSG) [^ ]+ :",
    ),
    starts=b"CJNPUcjnpu",
    why="an IRC registration command",
    why_telling="IRC command",
)
_SERVER = Dialect(
    first=lazy(rb":[^ ]+ [A-Z]{3,8}(?: |\Z)|(?:PING|NOTICE|ERROR) "),
    telling=lazy(
        rb":[^ ]+ (?:00[1-5]|25[0-9]|26[56]|37[256]|33[2-3]|353|366|4\d\d|900) [^ ]+ "
        rb"|:[^ ]+ NOTICE (?:AUTH|\*|[^ ]+) :|NOTICE AUTH :|:[^ !]+![^ @]+@[^ ]+ [A-Z]+ "
        rb"|:[^ ]+ CAP \* (?:LS|ACK)",
    ),
    starts=b":ENP",
    why="an IRC server message",
    why_telling="IRC server reply",
)

DETECTOR = Detector(
    protocol="irc",
    title="IRC",
    transports=frozenset({Transport.TCP}),
    probe=probe_sides(
        anywhere(opening(_CLIENT), resuming(_CLIENT)),
        anywhere(opening(_SERVER), resuming(_SERVER)),
    ),
    evidence="USER with its four parameters, JOIN, PRIVMSG; numeric replies, NOTICE AUTH.",
    midstream=True,
)
