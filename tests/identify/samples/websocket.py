"""WebSocket: upgraded, refused, unanswered, joined."""

from __future__ import annotations

from tests.support.samples import Samples, Talk

OFFER = (
    b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nconnection: Upgrade\r\n"
    b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
MASKED = b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"
UNMASKED = b"\x81\x05Hello"

SAMPLES = Samples(
    protocol="websocket",
    certain=(
        Talk(name="upgraded", client=OFFER + MASKED, server=SWITCH + UNMASKED),
        Talk(name="switch alone", server=SWITCH),
        Talk(name="joined", client=MASKED * 3, server=UNMASKED * 3, midstream=True),
    ),
    possible=(
        Talk(name="offer alone", client=OFFER),
        Talk(name="joined, two frames", client=MASKED * 2, server=UNMASKED * 2, midstream=True),
    ),
    almost=(
        Talk(name="refused", client=OFFER, server=b"HTTP/1.1 403 Forbidden\r\n\r\n"),
        Talk(name="h2c", client=OFFER.replace(b"websocket", b"h2c")),
        Talk(name="masked by the server", client=UNMASKED * 3, server=UNMASKED * 3, midstream=True),
        Talk(name="http/1", client=b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ),
)
