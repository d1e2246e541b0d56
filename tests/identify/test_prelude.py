"""PROXY protocol headers before the first byte."""

from __future__ import annotations

import pytest

from sniffdiag.identify.prelude import strip_proxy

V2 = b"\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c" + bytes(12)
REST = b"GET / HTTP/1.1\r\n"

WHOLE = {
    "tcp4": (b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n", "proxy-v1"),
    "tcp6": (b"PROXY TCP6 ::1 ::2 1 2\r\n", "proxy-v1"),
    "unknown": (b"PROXY UNKNOWN\r\n", "proxy-v1"),
    "v2": (V2, "proxy-v2"),
    "v2 local": (b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00", "proxy-v2"),
}
NONE = {
    "nothing": b"",
    "http": REST,
    "a method called PROXY": b"PROXY /a HTTP/1.1\r\n",
    "v1 cut": b"PROXY TCP4 10.0.0.1",
    "v1 too long": b"PROXY TCP4 " + b"1" * 120 + b"\r\n",
    "v2 cut": V2[:-1],
    "v2 of another version": V2.replace(b"\x21\x11", b"\x31\x11"),
}


@pytest.mark.parametrize(("prelude", "name"), WHOLE.values(), ids=WHOLE.keys())
def test_a_whole_header_is_taken_off(prelude: bytes, name: str) -> None:
    assert strip_proxy(prelude + REST) == (name, REST)


@pytest.mark.parametrize("head", NONE.values(), ids=NONE.keys())
def test_anything_else_is_left_alone(head: bytes) -> None:
    assert strip_proxy(head) == (None, head)
