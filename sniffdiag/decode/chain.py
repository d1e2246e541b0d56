"""Which header follows which: the tables that the columnar and the scalar decoder share.

A frame is a chain of headers. Each header names the next one by a number (link type, EtherType, IP
protocol, UDP port ...), and these tables say what the number means. Adding a link type is one entry
here, plus a step in `scalar.STEPS` if its header is a new one. No bytes are read in this file.

Follows tcpdump.org/linktypes.html and the IANA registries ieee-802-numbers, protocol-numbers and
service-names-port-numbers.
"""

from __future__ import annotations

from enum import IntEnum

from sniffdiag.decode.headers import DecodeStatus


class Header(IntEnum):
    """The header that comes next in a frame, or that nothing is left to read."""

    DONE = 0
    """The row has its status."""
    NOT_IP = 1
    """A payload of no interest here (ARP, LLDP, STP, netlink ...)."""
    OTHER_TRANSPORT = 2
    """Over IP, but neither TCP, UDP nor SCTP."""
    UNSUPPORTED_LINK = 3
    ETHERNET = 4
    VLAN = 5
    LLC = 6
    LINUX_SLL = 7
    LINUX_SLL2 = 8
    COOKED_IP = 9
    """IP after a cooked header, possibly with the rest of a VLAN tag before it."""
    NULL = 10
    RAW_IP = 11
    IPV4 = 12
    IPV6 = 13
    IPV6_EXTENSION = 14
    IPV6_FRAGMENT = 15
    AUTHENTICATION = 16
    TCP = 17
    UDP = 18
    SCTP = 19
    VXLAN = 20
    VXLAN_GPE = 21
    GENEVE = 22
    GTP_U = 23
    GTP_EXTENSION = 24
    GRE = 25
    ERSPAN_I_II = 26
    ERSPAN_III = 27
    MPLS = 28
    MPLS_PAYLOAD = 29
    PPPOE = 30
    PPP = 31
    CISCO_HDLC = 32
    IEEE802_11 = 33
    RADIOTAP = 34
    NFLOG = 35
    NFLOG_TLV = 36
    PKTAP = 37


MAX_HEADERS = 32
"""Longer chains are MALFORMED. Six tunnels of five headers each fit; a hostile loop does not."""

LONGEST_FRAME = 1 << 30
"""A hostile record may claim any length on the wire; the columns hold 31 bits."""

SETTLED: dict[Header, DecodeStatus] = {
    Header.NOT_IP: DecodeStatus.NOT_IP,
    Header.OTHER_TRANSPORT: DecodeStatus.OTHER_TRANSPORT,
    Header.UNSUPPORTED_LINK: DecodeStatus.UNSUPPORTED_LINK,
}
"""Where nothing is left to read, and the row's status then."""

LINK_TYPES: dict[int, Header] = {
    0: Header.NULL,
    1: Header.ETHERNET,
    9: Header.PPP,
    12: Header.RAW_IP,
    14: Header.RAW_IP,
    50: Header.PPP,
    51: Header.PPPOE,
    101: Header.RAW_IP,
    104: Header.CISCO_HDLC,
    105: Header.IEEE802_11,
    108: Header.NULL,
    113: Header.LINUX_SLL,
    127: Header.RADIOTAP,
    149: Header.PKTAP,
    228: Header.IPV4,
    229: Header.IPV6,
    239: Header.NFLOG,
    258: Header.PKTAP,
    276: Header.LINUX_SLL2,
}
"""By LINKTYPE_ value. 12 and 14 are DLT_RAW as some systems wrote it; 149 is DLT_USER2, which
macOS used for PKTAP before 258 was assigned."""

FIRST_ETHERTYPE = 0x0600
"""Smaller values of the Ethernet type field are an IEEE 802.3 length, and LLC follows."""

ETHERTYPES: dict[int, Header] = {
    0x0800: Header.IPV4,
    0x86DD: Header.IPV6,
    0x8100: Header.VLAN,
    0x88A8: Header.VLAN,
    0x9100: Header.VLAN,
    0x9200: Header.VLAN,
    0x6558: Header.ETHERNET,
    0x8847: Header.MPLS,
    0x8848: Header.MPLS,
    0x8864: Header.PPPOE,
}

GRE_TYPES: dict[int, Header] = {
    **ETHERTYPES,
    0x88BE: Header.ERSPAN_I_II,
    0x22EB: Header.ERSPAN_III,
    0x880B: Header.PPP,
}
"""GRE's protocol field is an EtherType with private additions (PPP: RFC 2637 4.1)."""

IP_PROTOCOLS: dict[int, Header] = {
    0: Header.IPV6_EXTENSION,
    4: Header.IPV4,
    6: Header.TCP,
    17: Header.UDP,
    41: Header.IPV6,
    43: Header.IPV6_EXTENSION,
    44: Header.IPV6_FRAGMENT,
    47: Header.GRE,
    51: Header.AUTHENTICATION,
    60: Header.IPV6_EXTENSION,
    132: Header.SCTP,
    135: Header.IPV6_EXTENSION,
    137: Header.MPLS,
}

UDP_TUNNELS: dict[int, Header] = {
    2152: Header.GTP_U,
    4789: Header.VXLAN,
    4790: Header.VXLAN_GPE,
    6081: Header.GENEVE,
    8472: Header.VXLAN,
}
"""By destination port. 8472 is what Linux used before 4789 was assigned (flannel, Cilium). Every
one of these headers is validated; what does not fit stays a plain UDP flow."""

PPP_PROTOCOLS: dict[int, Header] = {
    0x0021: Header.IPV4,
    0x0057: Header.IPV6,
    0x0281: Header.MPLS,
}

NULL_FAMILIES: dict[int, Header] = {
    2: Header.IPV4,
    10: Header.IPV6,
    24: Header.IPV6,
    28: Header.IPV6,
    30: Header.IPV6,
}
"""AF_INET6 differs: 10 Linux, 24 NetBSD and OpenBSD, 28 FreeBSD, 30 Darwin."""

VXLAN_GPE_PROTOCOLS: dict[int, Header] = {1: Header.IPV4, 2: Header.IPV6, 3: Header.ETHERNET}

SLL_ARPHRD: dict[int, Header] = {
    801: Header.IEEE802_11,
    803: Header.RADIOTAP,
    824: Header.NOT_IP,
}
"""ARPHRD_ values for which the cooked header's protocol field is no EtherType."""

SLL_LLC = 0x0004
"""LINUX_SLL_P_802_2: the payload starts with LLC."""

IP_IN_IP = frozenset({Header.IPV4, Header.IPV6})
"""After an IP header these are a tunnel of their own."""
IP_IN_IP_NAME = "ipip"

TUNNEL_NAMES: dict[Header, str] = {
    Header.VXLAN: "vxlan",
    Header.VXLAN_GPE: "vxlan-gpe",
    Header.GENEVE: "geneve",
    Header.GTP_U: "gtp",
    Header.GRE: "gre",
    Header.ERSPAN_I_II: "erspan",
    Header.ERSPAN_III: "erspan",
    Header.MPLS_PAYLOAD: "mpls",
    Header.PPPOE: "pppoe",
}
"""What a header adds to the row's encapsulation. VLAN tags and link headers add nothing."""
