"""Multicast DNS (Bonjour, Avahi): DNS messages that no resolver would send.

The message itself is read in `dns_message`. Follows RFC 6762 18.
"""

from __future__ import annotations

from sniffdiag.identify.dns_message import Family, detector

DETECTOR = detector(
    Family.MDNS,
    "Multicast DNS",
    "Neither recursion flag, and message id 0 or a name in .local.",
)
