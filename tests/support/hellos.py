"""TLS records and hellos by hand, for tests (RFC 8446 4-5, RFC 5246 7.4)."""

from __future__ import annotations


def _vector(width: int, data: bytes) -> bytes:
    return len(data).to_bytes(width) + data


def record(kind: int, payload: bytes, *, version: int = 0x0303) -> bytes:
    return bytes([kind]) + version.to_bytes(2) + _vector(2, payload)


def handshake(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + _vector(3, body)


def extension(kind: int, body: bytes) -> bytes:
    return kind.to_bytes(2) + _vector(2, body)


def sni(name: bytes) -> bytes:
    return extension(0, _vector(2, b"\x00" + _vector(2, name)))


def alpn(*names: bytes) -> bytes:
    return extension(16, _vector(2, b"".join(_vector(1, name) for name in names)))


def versions_offered(*versions: int) -> bytes:
    return extension(43, _vector(1, b"".join(v.to_bytes(2) for v in versions)))


def version_chosen(version: int) -> bytes:
    return extension(43, version.to_bytes(2))


def client_hello(*extensions: bytes, version: int = 0x0303) -> bytes:
    body = (
        version.to_bytes(2) + bytes(range(32)) + _vector(1, b"") + _vector(2, b"\x13\x01\xc0\x2f")
    )
    return handshake(1, body + _vector(1, b"\x00") + _vector(2, b"".join(extensions)))


def server_hello(*extensions: bytes, version: int = 0x0303) -> bytes:
    body = version.to_bytes(2) + bytes(range(32)) + _vector(1, b"") + b"\xc0\x2f" + b"\x00"
    return handshake(2, body + _vector(2, b"".join(extensions)))


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    coded = bytes([length]) if length < 0x80 else b"\x82" + length.to_bytes(2)
    return bytes([tag]) + coded + content


def certificate(*, uris: tuple[bytes, ...] = (), dns: tuple[bytes, ...] = ()) -> bytes:
    """A Certificate message whose only certificate is little more than its SAN extension."""
    names = b"".join(_der(0x86, uri) for uri in uris) + b"".join(_der(0x82, name) for name in dns)
    san = b"\x06\x03\x55\x1d\x11" + b"\x01\x01\xff" + _der(0x04, _der(0x30, names))
    der = _der(0x30, _der(0x30, bytes(90) + _der(0x30, san)))
    return handshake(11, _vector(3, _vector(3, der)))


CLIENT_HELLO = record(22, client_hello(sni(b"web.shop"), alpn(b"h2", b"http/1.1")), version=0x0301)
SERVER_HELLO_12 = record(22, server_hello(alpn(b"h2")))
SERVER_HELLO_13 = record(22, server_hello(version_chosen(0x0304)))
ALERT = record(21, b"\x02\x28")
APPLICATION_DATA = record(23, bytes(range(40)))
SSLV2_HELLO = (
    b"\x80\x1f\x01\x03\x01\x00\x06\x00\x00\x00\x10" + b"\x00\x00\x35\x01\x00\x80" + bytes(16)
)
