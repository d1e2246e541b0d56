"""What TLS says in clear: hellos, their extensions, and the names in certificates.

SNI, offered and chosen ALPN, versions, and the certificates of TLS 1.2 and below (RFC 8446 4-5,
RFC 5246 7.4, RFC 6066 3, RFC 7301, RFC 5280 4.2.1.6). Nothing is decrypted and no chain is
verified. Total: any bytes give what is there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from sniffdiag.identify.chains import CUT, NOT_A_FRAME
from sniffdiag.identify.sides import text
from sniffdiag.identify.verdict import (
    NO_FACTS,
    Facts,
    Heads,
    Side,
)
from sniffdiag.records import dataclass

RECORD_HEADER_LEN = 5
CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA = 20, 21, 22, 23
RECORD_TYPES = frozenset({CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION_DATA})
MAJOR, MINORS = 3, range(5)
MAX_RECORD_LEN = 16384 + 2048
"""RFC 5246 6.2.3; TLS 1.3 adds at most 256."""
ALERT_LEN = 2
CLIENT_HELLO, SERVER_HELLO, CERTIFICATE = 1, 2, 11
HELLO_SESSION_AT = 34
EXTENSION_HEADER = struct.Struct(">HH")
EXT_SNI, EXT_ALPN, EXT_SUPPORTED_VERSIONS, EXT_ECH = 0, 16, 43, 0xFE0D
HANDSHAKE_HEADER_LEN = 4
VERSIONS = {0x0300: "SSL 3.0", 0x0301: "1.0", 0x0302: "1.1", 0x0303: "1.2", 0x0304: "1.3"}
OID_SUBJECT_ALT_NAME = b"\x06\x03\x55\x1d\x11"
SAN_DNS, SAN_URI = 0x82, 0x86
HELLOS_REMEMBERED = 4096


class _Reader:
    """Length-prefixed fields of a handshake message; reading past the end gives what is there."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def take(self, count: int) -> bytes:
        taken = self._data[self._at : self._at + count]
        self._at += count
        return taken

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width))

    def vector(self, width: int) -> _Reader:
        """The field behind a length of `width` bytes."""
        return _Reader(self.take(self.number(width)))

    def rest(self) -> bytes:
        return self.take(len(self._data))


def measure(data: bytes, at: int) -> int:
    """A record's whole length if its header is valid."""
    if len(data) - at < RECORD_HEADER_LEN:
        return CUT
    if data[at] not in RECORD_TYPES or data[at + 1] != MAJOR or data[at + 2] not in MINORS:
        return NOT_A_FRAME
    length = int.from_bytes(data[at + 3 : at + 5])
    return RECORD_HEADER_LEN + length if 0 < length <= MAX_RECORD_LEN else NOT_A_FRAME


def handshake_messages(head: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, body) of the handshake messages in clear; the last body may be cut."""
    clear = _Reader(clear_handshake(head))
    while clear:
        kind, length = clear.number(1), clear.number(3)
        yield kind, clear.take(length)


def clear_handshake(head: bytes) -> bytes:
    """Payloads of the leading handshake records, joined (a message may span records)."""
    joined, at = bytearray(), 0
    while head[at : at + 1] == bytes([HANDSHAKE]):
        length = measure(head, at)
        if length <= 0:
            break
        joined += head[at + RECORD_HEADER_LEN : at + length]
        at += length
    return bytes(joined)


@dataclass(frozen=True, slots=True)
class Hello:
    """A ClientHello, from its version on."""

    body: bytes
    whole: bool


def client_hello(head: bytes) -> Hello | None:
    """The ClientHello that `head` begins with, however many records it takes."""
    clear = clear_handshake(head)
    if clear[:1] != bytes([CLIENT_HELLO]) or len(clear) < HANDSHAKE_HEADER_LEN:
        return None
    end = HANDSHAKE_HEADER_LEN + int.from_bytes(clear[1:HANDSHAKE_HEADER_LEN])
    return Hello(clear[HANDSHAKE_HEADER_LEN:end], whole=len(clear) >= end)


def hello_facts(head: bytes) -> Facts:
    """SNI, ALPN and the highest version of the ClientHello that `head` begins with, if it does."""
    for kind, body in handshake_messages(head):
        if kind == CLIENT_HELLO:
            return client_hello_facts(body)
    return NO_FACTS


def client_hello_facts(body: bytes) -> Facts:
    """SNI, ALPN and the highest version of a ClientHello (RFC 8446 4.1.2)."""
    extensions, whole = client_extensions(body)
    # The version that counts may be in an extension that is not there (RFC 8446 4.2.1).
    legacy = VERSIONS.get(int.from_bytes(body[:2])) if whole else None
    return _told(
        extensions.get(EXT_SNI, b""),
        extensions.get(EXT_ALPN, b""),
        extensions.get(EXT_SUPPORTED_VERSIONS, b""),
        legacy,
    )


@lru_cache(maxsize=HELLOS_REMEMBERED)
def _told(sni: bytes, alpn: bytes, versions: bytes, legacy: str | None) -> Facts:
    """Facts of hellos with these extensions; a few clients say most of what there is to read."""
    return Facts(
        sni=_sni(sni),
        alpn_offered=_alpn(alpn),
        tls_version=_highest(_Reader(versions).vector(1).rest()) or legacy,
    )


def client_extensions(body: bytes) -> tuple[dict[int, bytes], bool]:
    """Whole extensions by type, the first of a type, and whether that is all of them.

    By offsets, since listings read every hello.
    """
    at = HELLO_SESSION_AT
    for width in (1, 2, 1):  # session id, cipher suites, compression methods
        at += width + int.from_bytes(body[at : at + width])
    return _extensions_at(body, at)


def _extensions_at(body: bytes, at: int) -> tuple[dict[int, bytes], bool]:
    found: dict[int, bytes] = {}
    if len(body) <= at + 1:
        return found, len(body) == at  # the oldest hellos have no extensions
    end = at + 2 + int.from_bytes(body[at : at + 2])
    at += 2
    while at < end and at + EXTENSION_HEADER.size <= len(body):
        kind, length = EXTENSION_HEADER.unpack_from(body, at)
        at += EXTENSION_HEADER.size
        if at + length > len(body):
            return found, False
        found.setdefault(kind, body[at : min(at + length, end)])
        at += length
    return found, at >= end


def server_hello_facts(body: bytes) -> Facts:
    """Chosen version and, up to TLS 1.2, chosen ALPN of a ServerHello (RFC 8446 4.1.3)."""
    suite_and_compression = 3
    session_len = int.from_bytes(body[HELLO_SESSION_AT : HELLO_SESSION_AT + 1])
    at = HELLO_SESSION_AT + 1 + session_len + suite_and_compression
    extensions, whole = _extensions_at(body, at)
    chosen = int.from_bytes(extensions.get(EXT_SUPPORTED_VERSIONS, b"")[:2])
    if not chosen and whole:
        chosen = int.from_bytes(body[:2])
    return Facts(
        alpn_chosen=next(iter(_alpn(extensions.get(EXT_ALPN, b""))), None),
        tls_version=VERSIONS.get(chosen),
    )


def _sni(extension: bytes) -> str | None:
    names = _Reader(extension).vector(2)
    host_name = 0
    if names.number(1) != host_name:
        return None
    return text(names.vector(2).rest()) or None


def _alpn(extension: bytes) -> tuple[str, ...]:
    names, found = _Reader(extension).vector(2), []
    while names:
        found.append(text(names.vector(1).rest()))
    return tuple(name for name in found if name)


def _highest(versions: bytes) -> str | None:
    """GREASE values (RFC 8701) are no versions."""
    offered = {int.from_bytes(versions[at : at + 2]) for at in range(0, len(versions), 2)}
    return VERSIONS[max(offered & VERSIONS.keys())] if offered & VERSIONS.keys() else None


def peer_names(body: bytes) -> tuple[str, ...]:
    """URI and DNS names of the first certificate of a Certificate message (RFC 5246 7.4.2)."""
    certificate = first_certificate(body) or b""
    at = certificate.find(OID_SUBJECT_ALT_NAME)
    if at < 0:
        return ()
    critical = b"\x01\x01\xff"
    after = certificate[at + len(OID_SUBJECT_ALT_NAME) :].removeprefix(critical)
    names = _Reader(_der_value(_Reader(_der_value(_Reader(after)))))
    found = []
    while names:
        tag = names.take(1)
        value = _der_content(names)
        if tag in {bytes([SAN_DNS]), bytes([SAN_URI])} and value:
            found.append(text(value))
    return tuple(found)


def first_certificate(body: bytes) -> bytes | None:
    """The sender's own certificate of a Certificate message, DER, if all of it is there."""
    length_at = 3
    length = int.from_bytes(body[length_at : 2 * length_at])
    certificate = body[2 * length_at : 2 * length_at + length]
    return certificate if certificate and len(certificate) == length else None


def _der_value(element: _Reader) -> bytes:
    element.take(1)
    return _der_content(element)


def _der_content(element: _Reader) -> bytes:
    """Content behind a DER length, short or long form (X.690 8.1.3)."""
    length = element.number(1)
    if length & 0x80:
        length = element.number(length & 0x7F)
    return element.take(length)


def facts(heads: Heads, said: Facts = NO_FACTS) -> Facts:
    """What hellos and certificates say, and what was `said` before."""
    server, client = _facts_of_side(heads.server), _facts_of_side(heads.client)
    said = said.merged(client).merged(server)
    return replace(
        said,
        tls_version=server.tls_version or said.tls_version,
        tls_peer_names=server.tls_peer_names + client.tls_peer_names,
    )


def _facts_of_side(side: Side) -> Facts:
    found = Facts()
    for kind, body in handshake_messages(side.head):
        if kind == CLIENT_HELLO:
            found = found.merged(client_hello_facts(body))
        elif kind == SERVER_HELLO:
            found = found.merged(server_hello_facts(body))
        elif kind == CERTIFICATE:
            found = found.merged(Facts(tls_peer_names=peer_names(body)))
    return found
