"""SMTP, ESMTP and LMTP. A bare `220` greeting is also FTP's, so it counts only with SMTP words.

Follows RFC 5321, RFC 3207 (STARTTLS), RFC 2033 (LMTP).
"""

from __future__ import annotations

from sniffdiag.identify.clue import anywhere, probe_sides
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.text import Dialect, opening, resuming
from sniffdiag.identify.verdict import Detector
from sniffdiag.model import Transport

_CLIENT = Dialect(
    # AUTH is POP3's, too (RFC 5034).
    first=lazy(
        rb"(?i:RSET|VRFY .+|EXPN .+)\Z"
        rb"|(?i:AUTH (?:LOGIN|PLAIN|CRAM-MD5|NTLM|XOAUTH2))(?: |\Z)"
    ),
    telling=lazy(
        rb"(?i:EHLO|HELO|LHLO)(?: [!-~]|\Z)|(?i:MAIL FROM: ?<)|(?i:RCPT TO: ?<)"
        rb"|(?i:STARTTLS)\Z|(?i:BDAT) \d+(?: LAST)?\Z",
    ),
    shared=lazy(rb"(?i:QUIT|NOOP|HELP)\Z"),
    starts=b"ABEHLMNQRSVabehlmnqrsv",
    why="a bare mail command",
    why_telling="SMTP command",
)
_SERVER = Dialect(
    # 220 greets on FTP too; 421 and 554 refuse.
    first=lazy(rb"(?:220|421|554)(?:[ -](?!.*(?i:\bFTP|FileZilla))|\Z)"),
    telling=lazy(
        rb"(?:220|421|554)[ -].*(?i:[EL]?SMTP|postfix|exim|sendmail|mail(?:er)? service)"
        rb"|250-(?i:SIZE|PIPELINING|STARTTLS|8BITMIME|ENHANCEDSTATUSCODES|AUTH|DSN|CHUNKING"
        rb"|HELP|VRFY|ETRN|SMTPUTF8)"
        rb"|214[ -].*(?i:\b(?:HELO|EHLO|MAIL|RCPT)\b)"
        rb"|250[ -]2\.[015]\.\d |354 (?i:.*end (?:data )?with|start mail|go ahead|enter)"
        rb"|(?:221|220|235|334|450|451|452|454|500|501|502|503|504|521|530|535|550|551|552|553|554)"
        rb"[ -][245]\.\d{1,3}\.\d{1,3} ",
    ),
    starts=b"0123456789",
    why="a 220 greeting",
    why_telling="SMTP answer",
    any_line=lazy(rb"\d{3}(?:[ -]|\Z)"),
)

DETECTOR = Detector(
    protocol="smtp",
    title="SMTP",
    transports=frozenset({Transport.TCP}),
    probe=probe_sides(
        anywhere(opening(_CLIENT), resuming(_CLIENT)),
        anywhere(opening(_SERVER), resuming(_SERVER)),
    ),
    evidence="EHLO/HELO, MAIL FROM, RCPT TO; answers with SMTP words or enhanced status codes.",
    midstream=True,
    server_first=True,
)
