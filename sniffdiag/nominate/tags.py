"""What the first bytes of a segment look like: small integers that flows count without reading.

A tag is a nomination, never a verdict. Law 6 holds: tags come from payload bytes alone.
"""

from __future__ import annotations

from enum import IntEnum


class Tag(IntEnum):
    """One for every segment; exclusive. Order is stable: flows keep one counter a tag."""

    EMPTY = 0
    """No captured payload."""
    OTHER = 1
    """Payload that no test below knows."""
    HTTP1_REQUEST = 2
    """A whole request line: token SP target SP "HTTP/1." digit CR? LF (RFC 9112 3)."""
    HTTP1_REQUEST_OPEN = 3
    """Token SP and a target that runs past the bytes examined."""
    HTTP1_RESPONSE = 4
    """"HTTP/1." digit SP three digits (RFC 9112 4)."""
    HTTP2_PREFACE = 5
    """The first 16 bytes or more of the connection preface (RFC 9113 3.4)."""
    HTTP2_FRAMES = 6
    """Valid frame headers chained by their lengths until the segment ends (RFC 9113 4.1)."""
    TLS_HANDSHAKE = 7
    """Record type 22 with a plausible version, length and handshake type, but no hello."""
    TLS_RECORD = 8
    """Record type 20, 21 or 23 with a plausible version and length."""
    TLS_CLIENT_HELLO = 9
    """The same with handshake type 1 (RFC 8446 5.1, 4)."""
    TLS_SERVER_HELLO = 10
    """The same with handshake type 2."""
    DNS_QUERY = 11
    """A question to a resolver, as a datagram (RFC 1035 4.1)."""
    DNS_ANSWER = 12
    """A resolver's answer, with the question."""
