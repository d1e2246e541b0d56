"""LLMNR: DNS messages for single-label names without recursion.

The message itself is read in `dns_message`; what an iterative resolver might also ask stays DNS.
Follows RFC 4795 2.1.
"""

from __future__ import annotations

from sniffdiag.identify.dns_message import Family, detector

DETECTOR = detector(
    Family.LLMNR,
    "LLMNR",
    "A single-label or reverse name, asked or answered without recursion and without authority.",
)
