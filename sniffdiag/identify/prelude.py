"""The PROXY protocol header that load balancers put before the first client byte.

A prelude, not a protocol: it is taken off before the detectors run, so that what follows is
recognised as itself. Follows proxy-protocol.txt of HAProxy, versions 1 and 2; the addresses and
TLVs inside are not read.
"""

from __future__ import annotations

from dataclasses import replace

from sniffdiag.identify.verdict import Heads

V1_SIGNATURE = b"PROXY "
V1_FAMILIES = (b"TCP4", b"TCP6", b"UNKNOWN")
V1_MAX_LEN = 107
"""proxy-protocol.txt 2.1: the longest possible line, CR LF included."""
V2_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
V2_HEADER_LEN = 16
V2_COMMANDS = (0x20, 0x21)
"""Version 2 in the high nibble; LOCAL or PROXY in the low one."""


def strip_proxy(head: bytes) -> tuple[str | None, bytes]:
    """The prelude's name and the bytes after it; `(None, head)` unless all of one is there."""
    if head.startswith(V1_SIGNATURE):
        return _strip_v1(head)
    if head.startswith(V2_SIGNATURE):
        return _strip_v2(head)
    return None, head


def _strip_v1(head: bytes) -> tuple[str | None, bytes]:
    end = head.find(b"\r\n", 0, V1_MAX_LEN)
    if end < 0 or not head[len(V1_SIGNATURE) : end].startswith(V1_FAMILIES):
        return None, head
    return "proxy-v1", head[end + 2 :]


def _strip_v2(head: bytes) -> tuple[str | None, bytes]:
    if len(head) < V2_HEADER_LEN or head[12] not in V2_COMMANDS:
        return None, head
    end = V2_HEADER_LEN + int.from_bytes(head[14:16])
    if len(head) < end:
        return None, head
    return "proxy-v2", head[end:]


def without_proxy(heads: Heads) -> tuple[str | None, Heads, int]:
    """The prelude's name, the heads without it, and its length."""
    if not heads.client.from_start:
        return None, heads, 0
    prelude, rest = strip_proxy(heads.client.head)
    if prelude is None:
        return None, heads, 0
    length = len(heads.client.head) - len(rest)
    samples = tuple(replace(s, at=s.at - length) for s in heads.client.samples)
    return prelude, replace(heads, client=replace(heads.client, head=rest, samples=samples)), length
