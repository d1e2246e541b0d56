"""FTP control connections. The data connections carry bare files and are not recognised.

`220` greets on SMTP too and `USER` logs in to POP3 too: each counts only with the other, or with
words that only FTP has. Follows RFC 959, RFC 2228, RFC 2428, RFC 4217.
"""

from __future__ import annotations

from sniffdiag.identify.clue import anywhere, probe_sides
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.text import Dialect, opening, resuming
from sniffdiag.identify.verdict import Detector
from sniffdiag.model import Transport

_CLIENT = Dialect(
    first=lazy(
        rb"(?i:USER) .+|(?i:PASS)(?: .*)?\Z|(?i:FEAT|SYST|PWD|XPWD)\Z"
        rb"|(?i:AUTH (?:TLS|SSL|TLS-C|GSSAPI))\Z|(?i:ACCT|OPTS|CLNT|HOST) .+",
    ),
    telling=lazy(
        rb"(?i:PASV|EPSV|EPSV ALL|SYST|FEAT|PBSZ 0|PROT [PC]|MLSD(?: .*)?|CDUP|XPWD)\Z"
        rb"|(?i:PORT) \d{1,3}(?:,\d{1,3}){5}\Z|(?i:EPRT) \|[12]\|.+\|\d+\|\Z"
        rb"|(?i:TYPE) [AIEL](?: N)?\Z"
        rb"|(?i:CWD|RETR|STOR|MDTM|MKD|RMD|RNFR|RNTO|APPE|SITE) [^\r\n]*[/A-Za-z._][^\r\n]*\Z"
        rb"|(?i:AUTH (?:TLS|SSL|TLS-C))\Z|(?i:OPTS UTF8 ON)\Z",
    ),
    shared=lazy(rb"(?i:HELP|QUIT|NOOP)\Z"),
    starts=b"ACEFHMNOPQRSTUXacefhmnopqrstux",
    why="a login command",
    why_telling="FTP command",
)
_SERVER = Dialect(
    first=lazy(rb"(?:120|220|421|530)(?:[ -](?!.*(?i:SMTP|sendmail|postfix))|\Z)"),
    telling=lazy(
        rb"220[ -](?!.*(?i:SMTP)).*(?i:FTP|FileZilla)"
        rb"|227 .*\d{1,3}(?:,\d{1,3}){5}|229 .*\(\|\|\|\d+\|\)"
        rb"|214[ -] *USER\b.*\bPASS\b|331[ -]|257 \"|234[ -](?i:.*(?:TLS|SSL))"
        rb"|215 (?:UNIX|Windows|MACOS)"
        rb"|230[ -].*(?i:log|user|access|welcome)|150[ -].*(?i:connection|ASCII|BINARY|data)"
        rb"|226[ -].*(?i:transfer|closing|success|directory)|530 .*(?i:login|logged|user)",
    ),
    starts=b"0123456789",
    why="a 220 greeting",
    why_telling="FTP answer",
    any_line=lazy(rb"\d{3}(?:[ -]|\Z)"),
)

DETECTOR = Detector(
    protocol="ftp",
    title="FTP (control)",
    transports=frozenset({Transport.TCP}),
    probe=probe_sides(
        anywhere(opening(_CLIENT), resuming(_CLIENT)),
        anywhere(opening(_SERVER), resuming(_SERVER)),
    ),
    evidence="USER or AUTH TLS answered by 220; PASV, PORT, TYPE and the like; 331, 227, 229, 257.",
    midstream=True,
    server_first=True,
)
