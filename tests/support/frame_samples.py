"""One frame for every header that is decoded, each carrying `PAYLOAD` in its innermost flow."""

from __future__ import annotations

from dataclasses import dataclass

from tests.support import wire as h

PAYLOAD = b"GET / HTTP/1.1\r\n\r\n"
TIMESTAMPS = bytes.fromhex("0101080a0000000100000002")

SEGMENT = h.tcp(PAYLOAD)
PACKET = h.ipv4(h.TCP, SEGMENT)
PACKET6 = h.ipv6(h.TCP, SEGMENT)
FRAME = h.ethernet(h.IPV4, PACKET)


@dataclass(frozen=True, slots=True)
class FrameSample:
    """A frame and what must be read from it."""

    name: str
    frame: bytes
    linktype: int = 1
    tunnels: str = ""
    transport: int = h.TCP


def over_ipv4(protocol: int, payload: bytes) -> bytes:
    return h.ethernet(h.IPV4, h.ipv4(protocol, payload))


def extension(following: int, rest: bytes) -> bytes:
    """An IPv6 extension header of eight bytes; as a fragment header it is the first fragment's."""
    return bytes((following, 0)) + bytes(6) + rest


LINKS = (
    FrameSample("ethernet", FRAME),
    FrameSample("ethernet-ipv6", h.ethernet(h.IPV6, PACKET6)),
    FrameSample("ethernet-padded", FRAME + bytes(9)),
    FrameSample("ethernet-snap", h.ethernet(8 + len(PACKET), h.snap(h.IPV4, PACKET))),
    FrameSample("vlan", h.ethernet(0x8100, h.vlan(h.IPV4, PACKET))),
    FrameSample("qinq", h.ethernet(0x88A8, h.vlan(0x8100, h.vlan(h.IPV6, PACKET6)))),
    FrameSample("vlan-9100-9200", h.ethernet(0x9100, h.vlan(0x9200, h.vlan(h.IPV4, PACKET)))),
    FrameSample("sll", h.sll(h.IPV4, PACKET), 113),
    FrameSample("sll-vlan", h.sll(0x8100, h.vlan(h.IPV4, PACKET)), 113),
    FrameSample("sll-inner-vlan", h.sll(h.IPV4, h.vlan(h.IPV4, PACKET)), 113),
    FrameSample("sll-llc", h.sll(4, h.snap(h.IPV4, PACKET)), 113),
    FrameSample("sll-gre-device", h.sll(h.IPV4, PACKET, arphrd=778), 113),
    FrameSample("sll-radiotap", h.sll(0, h.radiotap(h.wifi(h.snap(h.IPV4, PACKET))), 803), 113),
    FrameSample("sll2", h.sll2(h.IPV6, PACKET6), 276),
    FrameSample("sll2-inner-vlan", h.sll2(h.IPV4, h.vlan(h.IPV6, PACKET6)), 276),
    FrameSample("raw-ipv4", PACKET, 101),
    FrameSample("raw-ipv6", PACKET6, 101),
    FrameSample("raw-12", PACKET, 12),
    FrameSample("raw-14", PACKET6, 14),
    FrameSample("ipv4-link", PACKET, 228),
    FrameSample("ipv6-link", PACKET6, 229),
    FrameSample("null-little-endian", b"\2\0\0\0" + PACKET, 0),
    FrameSample("null-big-endian", b"\0\0\0\2" + PACKET, 0),
    FrameSample("null-darwin-ipv6", b"\x1e\0\0\0" + PACKET6, 0),
    FrameSample("null-freebsd-ipv6-swapped", b"\0\0\0\x1c" + PACKET6, 0),
    FrameSample("loop", b"\0\0\0\x18" + PACKET6, 108),
    FrameSample("ppp", b"\0\x21" + PACKET, 9),
    FrameSample("ppp-hdlc", b"\xff\x03\0\x57" + PACKET6, 50),
    FrameSample("ppp-compressed-protocol", b"\x21" + PACKET, 9),
    FrameSample("cisco-hdlc", b"\x0f\0\x08\0" + PACKET, 104),
    FrameSample("cisco-hdlc-ppp", b"\xff\x03\0\x21" + PACKET, 104),
    FrameSample("pppoe-link", h.pppoe(0x21, PACKET), 51, "pppoe"),
    FrameSample("wifi", h.wifi(h.snap(h.IPV4, PACKET)), 105),
    FrameSample("radiotap-qos", h.radiotap(h.wifi(h.snap(h.IPV6, PACKET6), qos=True)), 127),
    FrameSample("nflog-little-endian", h.nflog(PACKET), 239),
    FrameSample("nflog-big-endian", h.nflog(PACKET6, ">"), 239),
    FrameSample("pktap-ethernet", h.pktap(1, FRAME), 258),
    FrameSample("pktap-149-raw", h.pktap(12, PACKET), 149),
)

EXTENDED = h.ipv6(0, extension(60, extension(43, extension(44, extension(h.TCP, SEGMENT)))))
AUTHENTICATED = b"\6\4" + bytes(22) + SEGMENT

NETWORKS = (
    FrameSample("ipv4-options", h.ethernet(h.IPV4, h.ipv4(6, SEGMENT, options=b"\1\1\1\0"))),
    FrameSample("ipv4-first-fragment", h.ethernet(h.IPV4, h.ipv4(6, SEGMENT, fragment=0x2000))),
    FrameSample("ipv4-total-length-0", h.ethernet(h.IPV4, h.ipv4(6, SEGMENT, total_len=0))),
    FrameSample("ipv4-ah", over_ipv4(51, AUTHENTICATED)),
    FrameSample("ipv6-four-extensions", h.ethernet(h.IPV6, EXTENDED)),
    FrameSample("ipv6-ah", h.ethernet(h.IPV6, h.ipv6(51, AUTHENTICATED))),
    FrameSample("ipv6-jumbo", h.ethernet(h.IPV6, h.ipv6(h.TCP, SEGMENT, payload_len=0))),
    FrameSample("tcp-options", over_ipv4(h.TCP, h.tcp(PAYLOAD, options=TIMESTAMPS))),
    FrameSample("udp", over_ipv4(h.UDP, h.udp(PAYLOAD)), transport=h.UDP),
    FrameSample("udp-length-0", over_ipv4(h.UDP, h.udp(PAYLOAD, length=0)), transport=h.UDP),
    FrameSample("udp-ipv6", h.ethernet(h.IPV6, h.ipv6(17, h.udp(PAYLOAD))), transport=h.UDP),
    FrameSample("sctp", over_ipv4(h.SCTP, h.sctp(PAYLOAD)), transport=h.SCTP),
)

TAGGED = h.ethernet(0x8100, h.vlan(h.IPV4, PACKET))
IN_VXLAN = over_ipv4(h.UDP, h.vxlan(FRAME))
SUBHEADER = h.erspan_iii(FRAME, subheader=True)
EXTENDED_GTP = h.gtp_u(PACKET6, extension=b"\x85\1\0\x09\0")
OPTIONS_GENEVE = h.geneve(h.IPV6, PACKET6, bytes(12))
IN_IP_IN_IP = h.ipv4(4, h.ipv4(h.UDP, h.geneve(0x6558, FRAME)))

UDP_TUNNELS = tuple(
    FrameSample(name, over_ipv4(h.UDP, datagram), tunnels=tunnels)
    for name, tunnels, datagram in (
        ("vxlan", "vxlan", h.vxlan(FRAME)),
        ("vxlan-8472", "vxlan", h.vxlan(FRAME, dst_port=8472)),
        ("vxlan-group-policy", "vxlan", h.vxlan(FRAME, flags=0x88)),
        ("vxlan-vlan-inside", "vxlan", h.vxlan(TAGGED)),
        ("vxlan-gpe-ipv4", "vxlan-gpe", h.vxlan_gpe(1, PACKET)),
        ("vxlan-gpe-ethernet", "vxlan-gpe", h.vxlan_gpe(3, FRAME)),
        ("geneve", "geneve", h.geneve(0x6558, FRAME)),
        ("geneve-options", "geneve", OPTIONS_GENEVE),
        ("gtp", "gtp", h.gtp_u(PACKET)),
        ("gtp-extension", "gtp", EXTENDED_GTP),
    )
)
GRE_TUNNELS = tuple(
    FrameSample(name, over_ipv4(h.GRE, packet), tunnels=tunnels)
    for name, tunnels, packet in (
        ("gre", "gre", h.gre(h.IPV4, PACKET)),
        ("gre-checksum-key-sequence", "gre", h.gre(0x6558, FRAME, flags=0xB000)),
        ("gre-mpls", "gre>mpls", h.gre(0x8847, h.mpls(PACKET))),
        ("pptp", "gre", h.pptp(b"\xff\x03\0\x21" + PACKET)),
        ("pptp-acknowledged", "gre", h.pptp(b"\x21" + PACKET, acknowledged=True)),
        ("erspan-i", "gre>erspan", h.gre(0x88BE, FRAME)),
        ("erspan-ii", "gre>erspan", h.erspan_ii(FRAME)),
        ("erspan-iii", "gre>erspan", h.erspan_iii(FRAME)),
        ("erspan-iii-subheader", "gre>erspan", SUBHEADER),
        ("vxlan-in-erspan-in-gre", "gre>erspan>vxlan", h.erspan_ii(IN_VXLAN)),
    )
)
OTHER_TUNNELS = (
    FrameSample("ipip", over_ipv4(4, PACKET), tunnels="ipip"),
    FrameSample("6in4", over_ipv4(41, PACKET6), tunnels="ipip"),
    FrameSample("4in6", h.ethernet(h.IPV6, h.ipv6(4, PACKET)), tunnels="ipip"),
    FrameSample("6in6", h.ethernet(h.IPV6, h.ipv6(60, extension(41, PACKET6))), tunnels="ipip"),
    FrameSample("mpls", h.ethernet(0x8847, h.mpls(PACKET, labels=3)), tunnels="mpls"),
    FrameSample("mpls-ipv6", h.ethernet(0x8848, h.mpls(PACKET6)), tunnels="mpls"),
    FrameSample("mpls-pseudowire", h.ethernet(0x8847, h.mpls(bytes(4) + FRAME)), tunnels="mpls"),
    FrameSample("mpls-in-ip", over_ipv4(137, h.mpls(PACKET)), tunnels="mpls"),
    FrameSample("pppoe", h.ethernet(0x8864, h.pppoe(0x21, PACKET)), tunnels="pppoe"),
    FrameSample("pppoe-ipv6", h.ethernet(0x8864, h.pppoe(0x57, PACKET6)), tunnels="pppoe"),
    FrameSample("geneve-in-ipip-over-sll", h.sll(h.IPV4, IN_IP_IN_IP), 113, "ipip>geneve"),
)

FRAME_SAMPLES = LINKS + NETWORKS + UDP_TUNNELS + GRE_TUNNELS + OTHER_TUNNELS
