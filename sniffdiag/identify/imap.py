"""IMAP4: tagged commands, untagged greetings and responses. Follows RFC 9051 and RFC 3501."""

from __future__ import annotations

from sniffdiag.identify.clue import anywhere, probe_sides
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.text import Dialect, opening, resuming
from sniffdiag.identify.verdict import Detector
from sniffdiag.model import Transport

_TAG = rb"[A-Za-z0-9.$&-]{1,16} "
_CLIENT = Dialect(
    first=lazy(_TAG + rb"(?i:NOOP|LOGOUT|ID|LIST|SELECT|STATUS|CHECK|CLOSE)(?: .*)?\Z"),
    telling=lazy(
        _TAG + rb"(?i:(?:CAPABILITY|STARTTLS|NAMESPACE|IDLE|EXPUNGE|UNSELECT)\Z|LOGIN .+ .+"
        rb"|AUTHENTICATE [A-Z0-9-]+(?: |\Z)|(?:SELECT|EXAMINE) \"?[^ ]+\"?\Z|ID (?:NIL|\()"
        rb"|(?:LIST|LSUB) \"|UID (?:FETCH|SEARCH|STORE|COPY|MOVE) |FETCH [\d:*,]+ |ENABLE [A-Z])",
    ),
    starts=b"$&-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    why="a tagged command",
    why_telling="IMAP command",
)
_SERVER = Dialect(
    first=lazy(rb"\* (?:OK|PREAUTH|BYE)(?: |\Z)"),
    telling=lazy(
        rb"\* (?:OK|PREAUTH|BYE) .*(?i:IMAP|\[CAPABILITY|\[ALERT|Dovecot|\[UIDVALIDITY|\[UNSEEN)"
        rb"|\* CAPABILITY .*IMAP4|\* \d+ (?:EXISTS|RECENT|EXPUNGE|FETCH \()|\* (?:LIST|LSUB) \("
        rb"|\* FLAGS \(|\* STATUS |\* SEARCH(?: \d|\Z)|"
        + _TAG
        + rb"(?:OK|NO|BAD) (?:\[|.*(?i:completed|LOGIN|CAPABILITY))",
    ),
    starts=b"$&*-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    why="an untagged OK",
    why_telling="IMAP response",
    any_line=lazy(rb"\* [A-Z0-9]|" + _TAG + rb"(?:OK|NO|BAD) "),
)

DETECTOR = Detector(
    protocol="imap",
    title="IMAP",
    transports=frozenset({Transport.TCP}),
    probe=probe_sides(
        anywhere(opening(_CLIENT), resuming(_CLIENT)),
        anywhere(opening(_SERVER), resuming(_SERVER)),
    ),
    evidence="Untagged greeting with IMAP words; tagged commands; untagged mailbox data.",
    midstream=True,
    server_first=True,
)
