"""Link-layer steps in columns: Ethernet, VLAN tags, Linux cooked headers, BSD loopback, raw IP.

The rarer link headers (LLC, PPP, 802.11, NFLOG ...) have no step here: the scalar decoder takes
them. Follows IEEE 802.3, 802.1Q and tcpdump.org/linktypes.html.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sniffdiag.decode.chain import (
    ETHERTYPES,
    FIRST_ETHERTYPE,
    NULL_FAMILIES,
    SLL_ARPHRD,
    SLL_LLC,
    Header,
)
from sniffdiag.decode.headers import DecodeStatus
from sniffdiag.decode.walk import Bytes, Ints, Rows, Walk, be16, be32, lookup

ETHERTYPE_HEADER = lookup(ETHERTYPES, 1 << 16, Header.NOT_IP)
ETHERNET_TYPE_HEADER = ETHERTYPE_HEADER.copy()
ETHERNET_TYPE_HEADER[:FIRST_ETHERTYPE] = Header.LLC
SLL_PROTOCOL_HEADER = ETHERTYPE_HEADER.copy()
SLL_PROTOCOL_HEADER[SLL_LLC] = Header.LLC
SLL_PROTOCOL_HEADER[[0x0800, 0x86DD]] = Header.COOKED_IP

IP_VERSION_HEADER = lookup({4: Header.IPV4, 6: Header.IPV6}, 16, Header.DONE)

LARGEST_FAMILY = 0xFFFF
ETHERNET_LEN, VLAN_LEN, SLL_LEN, SLL2_LEN, NULL_LEN = 14, 4, 16, 20, 4


def ethernet(walk: Walk, rows: Rows) -> None:
    """Two addresses and a type, or an IEEE 802.3 length."""
    rows, window = walk.take(rows, ETHERNET_LEN)
    walk.at[rows] += ETHERNET_LEN
    walk.header[rows] = ETHERNET_TYPE_HEADER[be16(window, 12)]


def vlan(walk: Walk, rows: Rows) -> None:
    """The rest of an 802.1Q tag: TCI and the type of what follows."""
    rows, window = walk.take(rows, VLAN_LEN)
    walk.at[rows] += VLAN_LEN
    walk.header[rows] = ETHERNET_TYPE_HEADER[be16(window, 2)]


def linux_sll(walk: Walk, rows: Rows) -> None:
    """LINKTYPE_LINUX_SLL; libpcap puts a stripped VLAN tag back behind the protocol field."""
    rows, window = walk.take(rows, SLL_LEN)
    walk.at[rows] += SLL_LEN
    walk.header[rows] = _cooked(be16(window, 2), be16(window, 14))


def linux_sll2(walk: Walk, rows: Rows) -> None:
    """LINKTYPE_LINUX_SLL2."""
    rows, window = walk.take(rows, SLL2_LEN)
    walk.at[rows] += SLL2_LEN
    walk.header[rows] = _cooked(be16(window, 8), be16(window, 0))


def _cooked(arphrd: Ints, protocol: Ints) -> npt.NDArray[np.uint8]:
    header = SLL_PROTOCOL_HEADER[protocol]
    for device_type, special in SLL_ARPHRD.items():
        header[arphrd == device_type] = special
    return header


def cooked_ip(walk: Walk, rows: Rows) -> None:
    """IP, or what recent kernels leave of an inner VLAN tag (QinQ): TCI, type, then IP."""
    rows, window = walk.take(rows, VLAN_LEN)
    header = ip_by_version(window)
    unknown = header == Header.DONE
    tagged = unknown & (ETHERTYPE_HEADER[be16(window, 2)] != Header.NOT_IP)
    header[tagged] = Header.VLAN
    walk.header[rows] = header
    walk.settle(rows[unknown & ~tagged], DecodeStatus.MALFORMED)


def null(walk: Walk, rows: Rows) -> None:
    """LINKTYPE_NULL and LINKTYPE_LOOP: the address family, in whichever byte order it is small."""
    rows, window = walk.take(rows, NULL_LEN)
    walk.at[rows] += NULL_LEN
    family = be32(window, 0)
    family = np.where(family > LARGEST_FAMILY, family.byteswap(), family)
    header = np.full(family.shape, Header.NOT_IP, np.uint8)
    for number, following in NULL_FAMILIES.items():
        header[family == number] = following
    walk.header[rows] = header


def raw_ip(walk: Walk, rows: Rows) -> None:
    """No header: the version nibble decides."""
    rows, window = walk.take(rows, 1)
    header = ip_by_version(window)
    walk.header[rows] = header
    walk.settle(rows[header == Header.DONE], DecodeStatus.MALFORMED)


def ip_by_version(window: Bytes) -> npt.NDArray[np.uint8]:
    """IPV4, IPV6 or DONE by the nibble of the first byte."""
    header: npt.NDArray[np.uint8] = IP_VERSION_HEADER[window[:, 0] >> 4]
    return header
