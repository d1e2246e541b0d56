"""JA4: the fingerprint of a TLS client, by what its ClientHello offers (over TCP and QUIC).

FoxIO's specification (github.com/FoxIO-LLC/ja4, technical_details/JA4.md). JA4 is under the BSD
3-clause licence; the other members of its family are not, and are not here.
"""

from __future__ import annotations

from sniffdiag.identify import quic_initial, tls_clear
from sniffdiag.identify.prelude import without_proxy
from sniffdiag.identify.verdict import Heads

CLIENTS = {"tls": "t", "quic": "q"}
"""Protocols that have one, and the letter of their transport."""
_VERSIONS = {0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2"}
_GREASE_MASK, _GREASE = 0x0F0F, 0x0A0A
"""RFC 8701: both bytes alike, and their low nibbles ten."""
_EXT_SIGNATURE_ALGORITHMS = 13
_MOST_TOLD = 99
_HASH_CHARS = 12
_NOTHING = "0" * _HASH_CHARS
_NO_ALPN = "00"


def ja4(protocol: str, heads: Heads) -> str | None:
    """The fingerprint of a flow's client; None where its whole ClientHello is not there."""
    _, heads, _ = without_proxy(heads)
    of_quic = protocol == "quic"
    hello = (
        quic_initial.client_hello(heads.client)
        if of_quic
        else tls_clear.client_hello(heads.client.head)
    )
    return fingerprint(CLIENTS[protocol], hello.body) if hello and hello.whole else None


def fingerprint(transport: str, body: bytes) -> str | None:
    """The fingerprint of a whole ClientHello, from its version on."""
    extensions, whole = tls_clear.client_extensions(body)
    if not whole:
        return None
    suites = [suite for suite in _suites(body) if not _is_grease(suite)]
    kinds = [kind for kind in extensions if not _is_grease(kind)]
    told = (
        transport,
        _version(body, extensions.get(tls_clear.EXT_SUPPORTED_VERSIONS, b"")),
        "d" if tls_clear.EXT_SNI in extensions else "i",
        f"{min(len(suites), _MOST_TOLD):02}{min(len(kinds), _MOST_TOLD):02}",
        _alpn(extensions.get(tls_clear.EXT_ALPN, b"")),
    )
    hashed = [kind for kind in kinds if kind not in {tls_clear.EXT_SNI, tls_clear.EXT_ALPN}]
    signatures = _numbers(extensions.get(_EXT_SIGNATURE_ALGORITHMS, b"")[2:])
    return f"{''.join(told)}_{_hash(_hex(sorted(suites)))}_{_extension_hash(hashed, signatures)}"


def _extension_hash(kinds: list[int], signatures: list[int]) -> str:
    """Kinds sorted, signature algorithms in the order in which they came."""
    parts = [_hex(sorted(kinds)), _hex([s for s in signatures if not _is_grease(s)])]
    return _hash("_".join(part for part in parts if part)) if kinds else _NOTHING


def _hash(text: str) -> str:
    import hashlib  # noqa: PLC0415 - loads OpenSSL

    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_CHARS] if text else _NOTHING


def _version(body: bytes, supported: bytes) -> str:
    offered = [v for v in _numbers(supported[1:]) if not _is_grease(v)]
    highest = max(offered, default=int.from_bytes(body[:2]))
    return _VERSIONS.get(highest, "00")


def _alpn(extension: bytes) -> str:
    """First and last character of the first protocol, or of its hex digits."""
    first = extension[3 : 3 + extension[2]] if len(extension) > 2 else b""  # noqa: PLR2004
    if not first:
        return _NO_ALPN
    ends = bytes([first[0], first[-1]])
    return ends.decode() if ends.isalnum() else first.hex()[0] + first.hex()[-1]


def _suites(body: bytes) -> list[int]:
    at = tls_clear.HELLO_SESSION_AT
    at += 1 + int.from_bytes(body[at : at + 1])
    length = int.from_bytes(body[at : at + 2])
    return _numbers(body[at + 2 : at + 2 + length])


def _numbers(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 2]) for at in range(0, len(data) - 1, 2)]


def _hex(numbers: list[int]) -> str:
    return ",".join(f"{number:04x}" for number in numbers)


def _is_grease(number: int) -> bool:
    return number & _GREASE_MASK == _GREASE and number >> 8 == number & 0xFF
