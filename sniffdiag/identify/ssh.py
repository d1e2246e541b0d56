"""SSH: the identification string of either side, and key exchange just after it.

Encrypted packets have nothing to recognise them by. Follows RFC 4253 4.2 and 7.1.
"""

from __future__ import annotations

from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    any_of,
    anywhere,
    beginning,
    probe_sides,
    proof,
)
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.text import LINE_LIMIT_BYTES, begins_as_line
from sniffdiag.identify.verdict import NO_FACTS, Detector, Facts
from sniffdiag.identify.wire import Layout, Literal, be32, byte, fit
from sniffdiag.model import Transport

_IDENTIFICATION = lazy(rb"SSH-[12]\.\d{1,2}-")
_CUT_IDENTIFICATION = lazy(rb"(S(S(H(-([12](\.(\d{1,2})?)?)?)?)?)?)?\Z")
_BANNER = lazy(rb"SSH-([12]\.\d{1,2}-[\x20-\x7e]{0,250})\r?\n")
LINES_BEFORE = 8
"""A server may send other lines first; real ones send few."""

SSH_MSG_KEXINIT = b"\x14"
COOKIE_LEN = 16
KEXINIT: Layout = (
    be32(0, range(64, 35_001)),
    byte(4, range(4, 256)),
    Literal(5, SSH_MSG_KEXINIT),
    be32(6 + COOKIE_LEN, range(10, 4096)),
)
KEX_NAMES_AT = 6 + COOKIE_LEN + 4
_KEX_NAME = lazy(
    rb"(?:curve25519|curve448|ecdh-sha2|diffie-hellman|sntrup|mlkem|kex-|ext-info|rsa\d|gss-)",
)
_KEX_NAME_READ_BYTES = 16


@beginning((Literal(0, b"SSH-"),))
def _identification(data: bytes) -> Clue:
    if not _IDENTIFICATION.match(data):
        return OPEN if _CUT_IDENTIFICATION.match(data) else AGAINST
    banner = _BANNER.match(data)
    facts = Facts(version=banner[1].decode("ascii")) if banner else NO_FACTS
    return proof("SSH identification string", facts)


@beginning(KEXINIT)
def _key_exchange(data: bytes) -> Clue:
    fits = fit(data, KEXINIT)
    names = data[KEX_NAMES_AT : KEX_NAMES_AT + _KEX_NAME_READ_BYTES]
    if fits and _KEX_NAME.match(names):
        return proof("SSH key exchange proposal")
    return AGAINST if fits is False or len(names) == _KEX_NAME_READ_BYTES else OPEN


def _after_lines(data: bytes) -> Clue:
    """RFC 4253 4.2: the server may send other lines of text before its identification."""
    text = data[:LINE_LIMIT_BYTES]
    lines = text.split(b"\n")
    for line in lines[:LINES_BEFORE]:
        if _IDENTIFICATION.match(line):
            return proof("SSH identification string after other lines")
    settled = len(lines) > LINES_BEFORE or len(data) > LINE_LIMIT_BYTES
    return AGAINST if settled or not begins_as_line(text) else OPEN


_later = any_of(_identification, _key_exchange)
_server_start = any_of(_identification, _after_lines)


DETECTOR = Detector(
    protocol="ssh",
    title="SSH",
    transports=frozenset({Transport.TCP}),
    probe=probe_sides(anywhere(_identification, _later), anywhere(_server_start, _later)),
    evidence="Identification string of either side; clear-text key exchange proposal.",
    server_first=True,
)
