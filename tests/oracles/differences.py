"""Where sniffdiag and an oracle disagree about flows of a sample capture, and why that is right.

A test compares the whole list of a capture, so a line that no longer applies fails too.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Explained:
    """One cause and every line of difference that it accounts for."""

    because: str
    lines: tuple[str, ...]


FLOWS: dict[str, tuple[Explained, ...]] = {
    "arkime-gtp-iphone.pcap": (
        Explained(
            "tshark numbers the GTP-U datagrams as udp.stream 0 before those inside of them; here "
            "the carrier of a tunnel is no flow.",
            (
                "udp from frame 1: stream 0, in tshark 1",
                "udp from frame 5: stream 1, in tshark 2",
                "udp from frame 31: stream 2, in tshark 3",
                "udp from frame 58: stream 4, in tshark 5",
            ),
        ),
        Explained(
            "ICMPv6 inside of GTP-U: the carrier is the innermost UDP header. Here the frames are "
            "counted as another transport.",
            ("udp from frame 3: only tshark lists it",),
        ),
        Explained(
            "The SDP of a SIP call announced these RTP and RTCP addresses, so that tshark keeps "
            "the two directions of the media apart.",
            (
                "udp from frame 48: bytes 3838, in tshark 2016",
                "udp from frame 48: packets 27, in tshark 14",
                "udp from frame 48: stream 3, in tshark 4",
                "udp from frame 64: only tshark lists it",
                "udp from frame 69: stream 5, in tshark 7",
            ),
        ),
    ),
    "ntop-mongodb.pcap": (
        Explained(
            "A mirror port on both sides of a router: seven packets are there twice, in VLAN 300 "
            "and in VLAN 50 with a TTL one lower. Here a packet counts once, and the copies apart.",
            (
                "tcp from frame 1: bytes 547, in tshark 699",
                "tcp from frame 1: packets 4, in tshark 6",
                "tcp from frame 21: bytes 373, in tshark 603",
                "tcp from frame 21: packets 4, in tshark 7",
                "tcp from frame 7: bytes 359, in tshark 511",
                "tcp from frame 7: packets 4, in tshark 6",
            ),
        ),
    ),
}
"""By capture: what tshark says of flows, counts and stream numbers."""


PROTOCOLS: dict[str, tuple[Explained, ...]] = {
    "zeek-ldap-starttls.pcap": (
        Explained(
            "nDPI takes 30 hex, which begins every LDAP message, for an MQTT PUBLISH. The request "
            "names the object identifier of StartTLS, and tshark reads LDAP.",
            ("tcp 127.0.0.1:45936 127.0.1.1:389: ldap, in nDPI mqtt",),
        ),
    ),
}
"""By capture: what nDPI says of the bytes."""


def lines(explanations: tuple[Explained, ...]) -> list[str]:
    """All explained lines, sorted."""
    return sorted(line for explained in explanations for line in explained.lines)
