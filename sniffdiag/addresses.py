"""128-bit addresses to canonical text: the form that columns, manifests and reports agree on."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address

_V4_MAPPED_PREFIX = 0xFFFF
_HALF = 64
_V4_BITS = 32


@lru_cache(maxsize=65_536)
def address_text(hi: int, lo: int) -> str:
    """Dotted quad for an IPv4-mapped address (RFC 4291 2.5.5.2), else RFC 5952 text."""
    if hi == 0 and lo >> _V4_BITS == _V4_MAPPED_PREFIX:
        return f"{lo >> 24 & 255}.{lo >> 16 & 255}.{lo >> 8 & 255}.{lo & 255}"
    return str(IPv6Address(hi << _HALF | lo))
