"""HTTP/2 frames and HPACK literals by hand, for tests (RFC 9113 4.1, RFC 7541 6.2)."""

from __future__ import annotations

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind: int, payload: bytes = b"", *, flags: int = 0, stream: int = 0) -> bytes:
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


SETTINGS = frame(4, b"\x00\x03\x00\x00\x00\x80\x00\x04\x00\x01\x00\x00")
EMPTY_SETTINGS = frame(4)
SETTINGS_ACK = frame(4, flags=1)
WINDOW_UPDATE = frame(8, b"\x00\x0f\x00\x01")
PING = frame(6, b"\x02\x04\x10\x10\x09\x0e\x07\x07")
PING_ACK = frame(6, b"\x02\x04\x10\x10\x09\x0e\x07\x07", flags=1)
GOAWAY = frame(7, b"\x00\x00\x00\x00\x00\x00\x00\x01")


def headers(block: bytes, *, stream: int = 1, flags: int = 4) -> bytes:
    return frame(1, block, flags=flags, stream=stream)


def data(payload: bytes, *, stream: int = 1, flags: int = 0) -> bytes:
    return frame(0, payload, flags=flags, stream=stream)


def message(payload: bytes) -> bytes:
    """A gRPC length-prefixed message."""
    return b"\x00" + len(payload).to_bytes(4) + payload


HUFFMAN_GRPC = bytes.fromhex("5f8b1d75d0620d263d4c4d6564")
HUFFMAN_GRPC_PROTO = bytes.fromhex("5f901d75d0620d263d4c4d6564ff75d8749f")
HUFFMAN_GRPC_WEB_PROTO = bytes.fromhex("5f931d75d0620d263d4c4d65645bc163ff75d8749f")
PLAIN_GRPC = b"\x5f\x10application/grpc"
PLAIN_GRPC_WEB = b"\x5f\x14application/grpc-web"
POST_HTTP = b"\x83\x86"
PLAIN_PATH = b"\x44\x0b/shop.Cart/A"[:2] + b"/shop.Cart/"
STATUS_200 = b"\x88"
GRPC_STATUS_0 = bytes.fromhex("40889acac8b21234da8f") + b"\x01\x30"
