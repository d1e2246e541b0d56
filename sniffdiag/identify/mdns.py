"""Multicast DNS (Bonjour, Avahi): DNS messages that no resolver would send.

The message itself is read in `dns_message`. Follows RFC 6762 18.
"""

from __future__ import annotations

from sniffdiag.identify.dns_message import Family, detector

DETECTOR = detector(
    Family.MDNS,
    "Multicast DNS",
    "A name in .local without recursion; message id 0 with several questions, cache-flush bits or "
    "unasked answers.",
)
