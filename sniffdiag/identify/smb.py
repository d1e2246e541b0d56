"""SMB 1, 2 and 3 over TCP, direct or behind a NetBIOS session.

Follows MS-SMB, MS-SMB2, RFC 1002.
"""

from __future__ import annotations

from sniffdiag.identify.clue import any_of, anywhere, hint, one_of, probe_sides, proof
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Literal, Text, be16, be24
from sniffdiag.model import Transport

MESSAGE_LENGTHS = range(32, 1 << 24)
HEADERS = {
    b"\xfeSMB": "SMB2/3 header",
    b"\xffSMB": "SMB1 header",
    b"\xfdSMB": "SMB3 encrypted header",
    b"\xfcSMB": "SMB3 compressed header",
}
ENCODED_NAME = bytes(range(ord("A"), ord("P") + 1))
"""RFC 1001 14.1: each half byte of a NetBIOS name as a letter A to P."""
_messages = one_of(
    *(
        ((Literal(0, b"\x00"), be24(1, MESSAGE_LENGTHS), Literal(4, magic)), proof(name))
        for magic, name in HEADERS.items()
    ),
)


_session_request = one_of(
    (
        (
            Literal(0, b"\x81\x00"),
            be16(2, range(68, 256)),
            Literal(4, b"\x20"),
            Text(5, 32, ENCODED_NAME),
        ),
        proof("NetBIOS session request"),
    ),
)
_session_response = one_of(
    ((Literal(0, b"\x82\x00\x00\x00"),), hint("NetBIOS session response")),
)
_client = any_of(_messages, _session_request)
_server = any_of(_messages, _session_response)

DETECTOR = Detector(
    protocol="smb",
    title="SMB / CIFS",
    transports=frozenset({Transport.TCP}),
    probe=probe_sides(anywhere(_client, _messages), anywhere(_server, _messages)),
    evidence="NetBIOS length and the SMB magic; NetBIOS session request.",
    midstream=True,
)
