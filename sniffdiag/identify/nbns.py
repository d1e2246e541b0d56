"""NetBIOS name service: DNS-shaped messages with half-ASCII names.

The message itself is read in `dns_message`. Follows RFC 1002 4.2.
"""

from __future__ import annotations

from sniffdiag.identify.dns_message import Family, detector

DETECTOR = detector(
    Family.NBNS,
    "NetBIOS name service",
    "Names of 32 letters A to P, type NB or NBSTAT.",
)
