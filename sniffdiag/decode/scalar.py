"""The slow path: one frame at a time, every header that is known at all, on dpkt's layouts.

It is the complete decoder, and the columnar one is a faster copy of its most used half: on every
frame that both can read they agree (tests/laws). dpkt's own dissection is not used, only its field
layouts: dpkt gives up on a truncated packet or guesses at it, and here a cut must have a status.
Headers that dpkt does not know are declared in its own form below.

Follows, besides what the columnar files name: RFC 2637 4.1 (PPTP's GRE), RFC 2516 (PPPoE), RFC 1661
(PPP), 3GPP TS 29.281 5 (GTP-U), draft-ietf-nvo3-vxlan-gpe, IEEE 802.11 9.2, radiotap.org, and for
NFLOG and PKTAP tcpdump.org/linktypes.html.
"""

from __future__ import annotations

import struct
from dataclasses import field
from typing import TYPE_CHECKING, Any

import dpkt  # noqa: TID251 - the one file that may
import numpy as np

from sniffdiag.decode.chain import (
    ETHERTYPES,
    FIRST_ETHERTYPE,
    GRE_TYPES,
    IP_IN_IP,
    IP_IN_IP_NAME,
    IP_PROTOCOLS,
    LINK_TYPES,
    LONGEST_FRAME,
    MAX_HEADERS,
    NULL_FAMILIES,
    PPP_PROTOCOLS,
    SETTLED,
    SLL_ARPHRD,
    SLL_LLC,
    TUNNEL_NAMES,
    UDP_TUNNELS,
    VXLAN_GPE_PROTOCOLS,
    Header,
)
from sniffdiag.decode.headers import V4_MAPPED, DecodeStatus
from sniffdiag.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sniffdiag.decode.walk import Columns, Rows, Walk
    from sniffdiag.sources.frames import FrameChunk

LOW_64_BITS = (1 << 64) - 1
NIBBLE = 4
"""Shift that leaves the upper half of a byte."""
IP_BY_VERSION = {4: Header.IPV4, 6: Header.IPV6}


class Settled(Exception):  # noqa: N818 - not an error: the status is the result
    """Nothing more can be read of the frame."""

    def __init__(self, status: DecodeStatus) -> None:
        super().__init__(status)
        self.status = status


class _Octet(dpkt.Packet):  # type: ignore[misc]
    __hdr__ = (("value", "B", 0),)


class _Vxlan(dpkt.Packet):  # type: ignore[misc]
    __hdr__ = (
        ("flags", "B", 0),
        ("policy", "2s", b""),
        ("next_protocol", "B", 0),
        ("vni", "3s", b""),
        ("reserved", "B", 0),
    )


class _Geneve(dpkt.Packet):  # type: ignore[misc]
    __hdr__ = (
        ("_v_options", "B", 0),
        ("flags", "B", 0),
        ("type", "H", 0),
        ("vni", "3s", b""),
        ("reserved", "B", 0),
    )
    __bit_fields__ = {"_v_options": (("v", 2), ("options", 6))}  # noqa: RUF012 - dpkt's form


class _GtpU(dpkt.Packet):  # type: ignore[misc]
    __hdr__ = (("flags", "B", 0), ("type", "B", 0), ("len", "H", 0), ("teid", "I", 0))


class _ErspanII(dpkt.Packet):  # type: ignore[misc]
    __hdr__ = (("_v", "B", 0), ("rest", "7s", b""))
    __bit_fields__ = {"_v": (("v", 4), ("vlan_high", 4))}  # noqa: RUF012 - dpkt's form


class _ErspanIII(dpkt.Packet):  # type: ignore[misc]
    __hdr__ = (("_v", "B", 0), ("rest", "9s", b""), ("_tail", "H", 0))
    __bit_fields__ = {  # noqa: RUF012 - dpkt's form
        "_v": (("v", 4), ("vlan_high", 4)),
        "_tail": (("p", 1), ("frame_type", 5), ("hardware", 6), ("d", 1), ("gra", 2), ("o", 1)),
    }


class _CiscoHdlc(dpkt.Packet):  # type: ignore[misc]
    __hdr__ = (("address", "B", 0), ("control", "B", 0), ("type", "H", 0))


class _Snap(dpkt.Packet):  # type: ignore[misc]
    __hdr__ = (("llc", "3s", b""), ("oui", "3s", b""), ("type", "H", 0))


class _FrameControl(dpkt.Packet):  # type: ignore[misc]
    __hdr__ = (("_kind", "B", 0), ("flags", "B", 0))
    __bit_fields__ = {"_kind": (("subtype", 4), ("type", 2), ("v", 2))}  # noqa: RUF012 - dpkt's form


class _RadiotapHead(dpkt.Packet):  # type: ignore[misc]
    __byte_order__ = "<"
    __hdr__ = (("version", "B", 0), ("pad", "B", 0), ("len", "H", 0))


class _NflogHead(dpkt.Packet):  # type: ignore[misc]
    __hdr__ = (("family", "B", 0), ("version", "B", 0), ("resource", "H", 0))


class _PktapHead(dpkt.Packet):  # type: ignore[misc]
    __byte_order__ = "<"
    __hdr__ = (("len", "I", 0), ("record", "H", 0), ("inner_v2", "H", 0), ("inner", "I", 0))


@dataclass(slots=True)
class Frame:
    """One frame, where we stand in it, and what is known of its innermost flow."""

    data: bytes
    end: int
    """End of what was captured and belongs to the packet."""
    wire_end: int
    """Where `end` would be had everything been captured."""
    at: int = 0
    tunnels: list[str] = field(default_factory=list)
    src: int = 0
    dst: int = 0
    src_port: int = 0
    dst_port: int = 0
    transport: int = 0
    tcp_flags: int = 0
    seq: int = 0
    ack: int = 0
    network_at: int = 0
    payload_at: int = 0
    payload_len: int = 0
    payload_wirelen: int = 0
    status: DecodeStatus = DecodeStatus.MALFORMED

    def need(self, length: int) -> None:
        """Settle the frame unless this many more bytes are there."""
        if self.at + length > self.end:
            on_wire = self.at + length <= self.wire_end
            raise Settled(DecodeStatus.HEADERS_CUT if on_wire else DecodeStatus.MALFORMED)

    def has(self, length: int) -> bool:
        """Whether this many more bytes are there."""
        return self.at + length <= self.end

    def read(self, layout: type[dpkt.Packet]) -> Any:
        """The fields of the header here; does not move."""
        length: int = layout.__hdr_len__
        self.need(length)
        header = object.__new__(layout)
        dpkt.Packet.unpack(header, self.data[self.at : self.at + length])
        return header

    def pass_over(self, layout: type[dpkt.Packet]) -> Any:
        """The fields of the header here; moves behind it."""
        header = self.read(layout)
        self.at += layout.__hdr_len__
        return header

    def bound(self, wire_end: int) -> None:
        """What follows ends here at the latest."""
        self.wire_end = min(self.wire_end, wire_end)
        self.end = min(self.end, self.wire_end)

    def flow(self, header_len: int) -> None:
        """The payload begins behind this header; the frame is read unless it is a tunnel."""
        self.payload_at = self.at + header_len
        self.payload_len = self.end - self.payload_at
        self.payload_wirelen = self.wire_end - self.payload_at
        self.status = DecodeStatus.TRUNCATED if self.end < self.wire_end else DecodeStatus.OK

    def follow_protocol(self, protocol: int) -> Header:
        """The header that an IP protocol number announces."""
        self.transport = protocol
        header = IP_PROTOCOLS.get(protocol, Header.OTHER_TRANSPORT)
        if header in IP_IN_IP:
            self.tunnels.append(IP_IN_IP_NAME)
        return header


def _ethernet(frame: Frame) -> Header:
    return _by_ethernet_type(frame.pass_over(dpkt.ethernet.Ethernet).type)


def _vlan(frame: Frame) -> Header:
    return _by_ethernet_type(frame.pass_over(dpkt.ethernet.VLANtag8021Q).type)


def _by_ethernet_type(number: int) -> Header:
    if number < FIRST_ETHERTYPE:
        return Header.LLC
    return ETHERTYPES.get(number, Header.NOT_IP)


SNAP_SAPS = b"\xaa\xaa\x03"
ETHERTYPE_OUIS = (b"\0\0\0", b"\0\0\xf8")
"""RFC 1042 and the bridge-tunnel encapsulation of IEEE 802.1H."""


def _llc(frame: Frame) -> Header:
    """Only SNAP with an EtherType can hold IP."""
    frame.need(len(SNAP_SAPS))
    if not frame.data.startswith(SNAP_SAPS, frame.at):
        return Header.NOT_IP
    snap = frame.pass_over(_Snap)
    return ETHERTYPES.get(snap.type, Header.NOT_IP) if snap.oui in ETHERTYPE_OUIS else Header.NOT_IP


def _linux_sll(frame: Frame) -> Header:
    head = frame.pass_over(dpkt.sll.SLL)
    return _cooked(head.hrd, head.ethtype)


def _linux_sll2(frame: Frame) -> Header:
    head = frame.pass_over(dpkt.sll2.SLL2)
    return _cooked(head.hrd, head.ethtype)


def _cooked(arphrd: int, protocol: int) -> Header:
    if arphrd in SLL_ARPHRD:
        return SLL_ARPHRD[arphrd]
    if protocol == SLL_LLC:
        return Header.LLC
    header = ETHERTYPES.get(protocol, Header.NOT_IP)
    return Header.COOKED_IP if header in IP_IN_IP else header


def _cooked_ip(frame: Frame) -> Header:
    tag = frame.read(dpkt.ethernet.VLANtag8021Q)
    header = IP_BY_VERSION.get(frame.data[frame.at] >> NIBBLE)
    if header is not None:
        return header
    if tag.type in ETHERTYPES:
        return Header.VLAN
    raise Settled(DecodeStatus.MALFORMED)


def _null(frame: Frame) -> Header:
    frame.need(4)
    big, little = (struct.unpack_from(order + "I", frame.data, frame.at)[0] for order in (">", "<"))
    frame.at += 4
    return NULL_FAMILIES.get(min(big, little), Header.NOT_IP)


def _raw_ip(frame: Frame) -> Header:
    header = IP_BY_VERSION.get(frame.read(_Octet).value >> NIBBLE)
    if header is None:
        raise Settled(DecodeStatus.MALFORMED)
    return header


IPV4_MIN_IHL = 5


def _ipv4(frame: Frame) -> Header:
    ip = frame.read(dpkt.ip.IP)
    if ip.v != 4 or ip.hl < IPV4_MIN_IHL:  # noqa: PLR2004 - the version
        raise Settled(DecodeStatus.MALFORMED)
    header_len = ip.hl * 4
    if ip.len >= header_len:
        frame.bound(frame.at + ip.len)
    frame.need(header_len)
    if ip.offset:
        raise Settled(DecodeStatus.FRAGMENT)
    frame.network_at = frame.at
    frame.src = V4_MAPPED | int.from_bytes(ip.src)
    frame.dst = V4_MAPPED | int.from_bytes(ip.dst)
    frame.at += header_len
    return frame.follow_protocol(ip.p)


def _ipv6(frame: Frame) -> Header:
    ip = frame.read(dpkt.ip6.IP6)
    if ip.v != 6:  # noqa: PLR2004 - the version
        raise Settled(DecodeStatus.MALFORMED)
    frame.network_at = frame.at
    frame.at += dpkt.ip6.IP6.__hdr_len__
    if ip.plen:
        frame.bound(frame.at + ip.plen)
    frame.src = int.from_bytes(ip.src)
    frame.dst = int.from_bytes(ip.dst)
    return frame.follow_protocol(ip.nxt)


def _ipv6_extension(frame: Frame) -> Header:
    extension = frame.read(dpkt.ip6.IP6OptsHeader)
    frame.at += (extension.len + 1) * 8
    return frame.follow_protocol(extension.nxt)


def _ipv6_fragment(frame: Frame) -> Header:
    fragment = frame.pass_over(dpkt.ip6.IP6FragmentHeader)
    if fragment.frag_off:
        raise Settled(DecodeStatus.FRAGMENT)
    return frame.follow_protocol(fragment.nxt)


def _authentication(frame: Frame) -> Header:
    """AH begins as the IPv6 options do, but counts in words of 4 (RFC 4302 2.2)."""
    head = frame.read(dpkt.ip6.IP6OptsHeader)
    frame.at += (head.len + 2) * 4
    return frame.follow_protocol(head.nxt)


TCP_MIN_OFFSET, TCP_FLAGS_MASK = 5, 0xFF


def _tcp(frame: Frame) -> Header:
    segment = frame.read(dpkt.tcp.TCP)
    if segment.off < TCP_MIN_OFFSET:
        raise Settled(DecodeStatus.MALFORMED)
    frame.need(segment.off * 4)
    frame.src_port, frame.dst_port = segment.sport, segment.dport
    frame.seq, frame.ack = segment.seq, segment.ack
    frame.tcp_flags = segment.flags & TCP_FLAGS_MASK
    frame.flow(segment.off * 4)
    return Header.DONE


def _udp(frame: Frame) -> Header:
    datagram = frame.read(dpkt.udp.UDP)
    header_len = dpkt.udp.UDP.__hdr_len__
    if 0 < datagram.ulen < header_len:
        raise Settled(DecodeStatus.MALFORMED)
    if datagram.ulen:
        frame.bound(frame.at + datagram.ulen)
    frame.src_port, frame.dst_port = datagram.sport, datagram.dport
    frame.flow(header_len)
    frame.at += header_len
    return UDP_TUNNELS.get(datagram.dport, Header.DONE)


def _sctp(frame: Frame) -> Header:
    head = frame.read(dpkt.sctp.SCTP)
    frame.src_port, frame.dst_port = head.sport, head.dport
    frame.flow(dpkt.sctp.SCTP.__hdr_len__)
    return Header.DONE


VXLAN_PLAIN, VXLAN_GROUP_POLICY, VXLAN_GPE_FLAGS = 0x08, 0x88, 0x0C


def _vxlan(frame: Frame) -> Header:
    if not frame.has(_Vxlan.__hdr_len__):
        return Header.DONE
    head = frame.read(_Vxlan)
    empty = head.policy == b"\0\0" and head.next_protocol == 0
    plain = head.flags == VXLAN_PLAIN and empty
    if head.reserved or not (plain or head.flags == VXLAN_GROUP_POLICY):
        return Header.DONE
    frame.at += _Vxlan.__hdr_len__
    frame.tunnels.append(TUNNEL_NAMES[Header.VXLAN])
    return Header.ETHERNET


def _vxlan_gpe(frame: Frame) -> Header:
    if not frame.has(_Vxlan.__hdr_len__):
        return Header.DONE
    head = frame.read(_Vxlan)
    header = VXLAN_GPE_PROTOCOLS.get(head.next_protocol, Header.DONE)
    if head.flags != VXLAN_GPE_FLAGS or head.policy != b"\0\0" or head.reserved or not header:
        return Header.DONE
    frame.at += _Vxlan.__hdr_len__
    frame.tunnels.append(TUNNEL_NAMES[Header.VXLAN_GPE])
    return header


GENEVE_RESERVED_FLAGS = 0x3F


def _geneve(frame: Frame) -> Header:
    if not frame.has(_Geneve.__hdr_len__):
        return Header.DONE
    head = frame.read(_Geneve)
    reserved = head.v or head.flags & GENEVE_RESERVED_FLAGS or head.reserved
    if reserved or head.type not in ETHERTYPES:
        return Header.DONE
    frame.at += _Geneve.__hdr_len__ + head.options * 4
    frame.tunnels.append(TUNNEL_NAMES[Header.GENEVE])
    return ETHERTYPES[head.type]


GTP_VERSION_AND_TYPE, GTP_G_PDU, GTP_OPTIONAL, GTP_EXTENDED, GTP_OPTIONAL_LEN = 3, 255, 7, 4, 4


def _gtp_u(frame: Frame) -> Header:
    """Version 1 user data; signalling stays the UDP flow it is."""
    if not frame.has(_GtpU.__hdr_len__):
        return Header.DONE
    head = frame.read(_GtpU)
    if head.flags >> NIBBLE != GTP_VERSION_AND_TYPE or head.type != GTP_G_PDU:
        return Header.DONE
    frame.at += _GtpU.__hdr_len__
    frame.bound(frame.at + head.len)
    frame.tunnels.append(TUNNEL_NAMES[Header.GTP_U])
    if head.flags & GTP_OPTIONAL:
        frame.at += GTP_OPTIONAL_LEN
    return Header.GTP_EXTENSION if head.flags & GTP_EXTENDED else Header.RAW_IP


def _gtp_extension(frame: Frame) -> Header:
    """The byte before an extension header is its type; 0 ends the list (TS 29.281 5.2)."""
    frame.need(0)
    if frame.data[frame.at - 1] == 0:
        return Header.RAW_IP
    words = frame.read(_Octet).value
    if words == 0:
        raise Settled(DecodeStatus.MALFORMED)
    frame.at += words * 4
    return Header.GTP_EXTENSION


GRE_CHECKSUM, GRE_ROUTING, GRE_KEY, GRE_SEQUENCE = 0x8000, 0x4000, 0x2000, 0x1000
GRE_ACKNOWLEDGEMENT, GRE_VERSION, PPTP = 0x0080, 7, 1


def _gre(frame: Frame) -> Header:
    """Version 0, or PPTP's version 1 where S means that there is a payload."""
    head = frame.pass_over(dpkt.gre.GRE)
    version = head.flags & GRE_VERSION
    if version > PPTP or head.flags & GRE_ROUTING:
        return Header.OTHER_TRANSPORT
    if version == PPTP and not head.flags & GRE_SEQUENCE:
        return Header.OTHER_TRANSPORT
    frame.tunnels.append(TUNNEL_NAMES[Header.GRE])
    fourth = GRE_ACKNOWLEDGEMENT if version == PPTP else GRE_CHECKSUM
    frame.at += 4 * sum(bool(head.flags & bit) for bit in (fourth, GRE_KEY, GRE_SEQUENCE))
    header = GRE_TYPES.get(head.p, Header.NOT_IP)
    if header is Header.ERSPAN_I_II and not head.flags & GRE_SEQUENCE:
        frame.tunnels.append(TUNNEL_NAMES[header])
        return Header.ETHERNET
    return header


ERSPAN_II_VERSION, ERSPAN_III_VERSION, ERSPAN_SUBHEADER_LEN = 1, 2, 8
ERSPAN_FRAME_TYPES = {0: Header.ETHERNET, 2: Header.RAW_IP}


def _erspan_ii(frame: Frame) -> Header:
    head = frame.pass_over(_ErspanII)
    frame.tunnels.append(TUNNEL_NAMES[Header.ERSPAN_I_II])
    if head.v != ERSPAN_II_VERSION:
        raise Settled(DecodeStatus.MALFORMED)
    return Header.ETHERNET


def _erspan_iii(frame: Frame) -> Header:
    head = frame.pass_over(_ErspanIII)
    frame.tunnels.append(TUNNEL_NAMES[Header.ERSPAN_III])
    if head.v != ERSPAN_III_VERSION:
        raise Settled(DecodeStatus.MALFORMED)
    frame.at += ERSPAN_SUBHEADER_LEN * head.o
    return ERSPAN_FRAME_TYPES.get(head.frame_type, Header.NOT_IP)


MPLS_PAYLOADS = {0: Header.ETHERNET, 1: Header.NOT_IP, 4: Header.IPV4, 6: Header.IPV6}
CONTROL_WORD_LEN = 4


def _mpls(frame: Frame) -> Header:
    label = frame.pass_over(dpkt.ethernet.MPLSlabel)
    return Header.MPLS_PAYLOAD if label.s else Header.MPLS


def _mpls_payload(frame: Frame) -> Header:
    nibble = frame.read(_Octet).value >> NIBBLE
    frame.tunnels.append(TUNNEL_NAMES[Header.MPLS_PAYLOAD])
    if nibble == 0:
        frame.at += CONTROL_WORD_LEN
    return MPLS_PAYLOADS.get(nibble, Header.ETHERNET)


PPPOE_VERSION_AND_TYPE = 0x11


def _pppoe(frame: Frame) -> Header:
    head = frame.pass_over(dpkt.pppoe.PPPoE)
    if head._v_type != PPPOE_VERSION_AND_TYPE:  # noqa: SLF001 - both halves at once
        raise Settled(DecodeStatus.MALFORMED)
    if head.code:
        return Header.NOT_IP
    frame.bound(frame.at + head.len)
    frame.tunnels.append(TUNNEL_NAMES[Header.PPPOE])
    return Header.PPP


PPP_ADDRESS_CONTROL = b"\xff\x03"


def _ppp(frame: Frame) -> Header:
    """Address and control may be left out, and an odd first byte is a compressed protocol."""
    first = frame.read(_Octet).value
    if first == PPP_ADDRESS_CONTROL[0]:
        frame.need(len(PPP_ADDRESS_CONTROL))
        if frame.data.startswith(PPP_ADDRESS_CONTROL, frame.at):
            frame.at += len(PPP_ADDRESS_CONTROL)
            return Header.PPP
    protocol_len = 1 if first & 1 else 2
    frame.need(protocol_len)
    protocol = int.from_bytes(frame.data[frame.at : frame.at + protocol_len])
    frame.at += protocol_len
    return PPP_PROTOCOLS.get(protocol, Header.NOT_IP)


def _cisco_hdlc(frame: Frame) -> Header:
    """Files of this link type hold PPP in HDLC framing as well."""
    head = frame.read(_CiscoHdlc)
    if bytes((head.address, head.control)) == PPP_ADDRESS_CONTROL:
        return Header.PPP
    frame.at += _CiscoHdlc.__hdr_len__
    return ETHERTYPES.get(head.type, Header.NOT_IP)


WIFI_DATA, WIFI_QOS, WIFI_NO_DATA = 2, 8, 4
WIFI_TO_AND_FROM_DS, WIFI_PROTECTED, WIFI_ORDER, WIFI_AGGREGATE = 0x03, 0x40, 0x80, 0x80
WIFI_LEN, WIFI_ADDRESS_LEN, WIFI_QOS_LEN, WIFI_HT_LEN = 24, 6, 2, 4


def _ieee802_11(frame: Frame) -> Header:
    """Unencrypted data frames; aggregates (A-MSDU) are not taken apart."""
    head = frame.read(_FrameControl)
    data = head.type == WIFI_DATA and not head.subtype & WIFI_NO_DATA
    if head.v or not data or head.flags & WIFI_PROTECTED:
        return Header.NOT_IP
    length = WIFI_LEN
    if head.flags & WIFI_TO_AND_FROM_DS == WIFI_TO_AND_FROM_DS:
        length += WIFI_ADDRESS_LEN
    if head.subtype & WIFI_QOS:
        frame.need(length + WIFI_QOS_LEN)
        if frame.data[frame.at + length] & WIFI_AGGREGATE:
            return Header.NOT_IP
        length += WIFI_QOS_LEN + (WIFI_HT_LEN if head.flags & WIFI_ORDER else 0)
    frame.at += length
    return Header.LLC


def _radiotap(frame: Frame) -> Header:
    head = frame.read(_RadiotapHead)
    if head.version or head.len < _RadiotapHead.__hdr_len__:
        raise Settled(DecodeStatus.MALFORMED)
    frame.at += head.len
    return Header.IEEE802_11


NFLOG_TLV_LEN, NFULA_PAYLOAD, NFLOG_ALIGNMENT, NFLOG_TYPES = 4, 9, 4, 256


def _nflog(frame: Frame) -> Header:
    frame.pass_over(_NflogHead)
    return Header.NFLOG_TLV


def _nflog_tlv(frame: Frame) -> Header:
    """In the byte order of the capturing host; types are small in the right one."""
    frame.need(NFLOG_TLV_LEN)
    length, kind = struct.unpack_from("<HH", frame.data, frame.at)
    if kind >= NFLOG_TYPES:
        length, kind = struct.unpack_from(">HH", frame.data, frame.at)
    if length < NFLOG_TLV_LEN:
        raise Settled(DecodeStatus.MALFORMED)
    if kind == NFULA_PAYLOAD:
        frame.bound(frame.at + length)
        frame.at += NFLOG_TLV_LEN
        return Header.RAW_IP
    frame.at += length + -length % NFLOG_ALIGNMENT
    return Header.NFLOG_TLV


PKTAP_FLAGS_AT, PKTAP_IS_V2 = 36, 0x80000


def _pktap(frame: Frame) -> Header:
    head = frame.read(_PktapHead)
    frame.need(PKTAP_FLAGS_AT + 4)
    (flags,) = struct.unpack_from("<I", frame.data, frame.at + PKTAP_FLAGS_AT)
    v2 = flags & PKTAP_IS_V2
    length, inner = (head.len & 0xFF, head.inner_v2) if v2 else (head.len, head.inner)
    if length < _PktapHead.__hdr_len__:
        raise Settled(DecodeStatus.MALFORMED)
    frame.at += length
    return LINK_TYPES.get(inner, Header.UNSUPPORTED_LINK)


STEPS: Mapping[Header, Callable[[Frame], Header]] = {
    Header.ETHERNET: _ethernet,
    Header.VLAN: _vlan,
    Header.LLC: _llc,
    Header.LINUX_SLL: _linux_sll,
    Header.LINUX_SLL2: _linux_sll2,
    Header.COOKED_IP: _cooked_ip,
    Header.NULL: _null,
    Header.RAW_IP: _raw_ip,
    Header.IPV4: _ipv4,
    Header.IPV6: _ipv6,
    Header.IPV6_EXTENSION: _ipv6_extension,
    Header.IPV6_FRAGMENT: _ipv6_fragment,
    Header.AUTHENTICATION: _authentication,
    Header.TCP: _tcp,
    Header.UDP: _udp,
    Header.SCTP: _sctp,
    Header.VXLAN: _vxlan,
    Header.VXLAN_GPE: _vxlan_gpe,
    Header.GENEVE: _geneve,
    Header.GTP_U: _gtp_u,
    Header.GTP_EXTENSION: _gtp_extension,
    Header.GRE: _gre,
    Header.ERSPAN_I_II: _erspan_ii,
    Header.ERSPAN_III: _erspan_iii,
    Header.MPLS: _mpls,
    Header.MPLS_PAYLOAD: _mpls_payload,
    Header.PPPOE: _pppoe,
    Header.PPP: _ppp,
    Header.CISCO_HDLC: _cisco_hdlc,
    Header.IEEE802_11: _ieee802_11,
    Header.RADIOTAP: _radiotap,
    Header.NFLOG: _nflog,
    Header.NFLOG_TLV: _nflog_tlv,
    Header.PKTAP: _pktap,
}


def decode_frame(data: bytes, wirelen: int, linktype: int) -> Frame:
    """What is known of a frame; offsets count from its first byte."""
    frame = Frame(data=data, end=len(data), wire_end=max(wirelen, len(data)))
    try:
        _walk(frame, LINK_TYPES.get(linktype, Header.UNSUPPORTED_LINK))
    except Settled as settled:
        return Frame(data=b"", end=0, wire_end=0, tunnels=frame.tunnels, status=settled.status)
    return frame


def _walk(frame: Frame, header: Header) -> None:
    for _ in range(MAX_HEADERS):
        if header in SETTLED:
            raise Settled(SETTLED[header])
        header = STEPS[header](frame)
        if header is Header.DONE:
            return
    raise Settled(DecodeStatus.MALFORMED)


def decode_rows(chunk: FrameChunk, rows: Rows, walk: Walk) -> None:
    """Decode these rows of a chunk from their first byte on, into the columns of the walk."""
    starts = chunk.offset[rows].tolist()
    frames = [
        decode_frame(chunk.data[start : start + caplen].tobytes(), wirelen, linktype)
        for start, caplen, wirelen, linktype in zip(
            starts,
            chunk.caplen[rows].tolist(),
            np.minimum(chunk.wirelen[rows], LONGEST_FRAME).tolist(),
            chunk.linktype[rows].tolist(),
            strict=True,
        )
    ]
    for start, frame in zip(starts, frames, strict=True):
        if frame.status <= DecodeStatus.TRUNCATED:
            frame.network_at += start
            frame.payload_at += start
    walk.encapsulation[rows] = [walk.tunnels.code(">".join(frame.tunnels)) for frame in frames]
    _fill(walk.columns, rows, frames)


def _fill(columns: Columns, rows: Rows, frames: list[Frame]) -> None:
    columns.src_hi[rows] = np.array([frame.src >> 64 for frame in frames], np.uint64)
    columns.src_lo[rows] = np.array([frame.src & LOW_64_BITS for frame in frames], np.uint64)
    columns.dst_hi[rows] = np.array([frame.dst >> 64 for frame in frames], np.uint64)
    columns.dst_lo[rows] = np.array([frame.dst & LOW_64_BITS for frame in frames], np.uint64)
    for name in SAME_IN_BOTH:
        getattr(columns, name)[rows] = [getattr(frame, name) for frame in frames]


SAME_IN_BOTH = (
    "status",
    "src_port",
    "dst_port",
    "transport",
    "tcp_flags",
    "seq",
    "ack",
    "network_at",
    "payload_at",
    "payload_len",
    "payload_wirelen",
)
