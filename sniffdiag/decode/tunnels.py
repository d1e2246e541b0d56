"""Tunnel steps in columns: VXLAN, Geneve, GRE with ERSPAN, MPLS.

What nodes of a cluster really carry, so whole captures may be made of it. The rarer tunnels
(GTP-U, PPPoE, VXLAN-GPE) have no step here: the scalar decoder takes them. A UDP tunnel must prove
itself by its reserved bits, since ports prove nothing (8472 is not even assigned); else the row
stays the UDP flow that it already is. The VNI is not used: Cilium puts the source identity there.

Follows RFC 7348, RFC 8926, RFC 2784 and 2890, draft-foschiano-erspan, RFC 3032 and RFC 4385.
"""

from __future__ import annotations

import numpy as np

from sniffdiag.decode.chain import GRE_TYPES, Header
from sniffdiag.decode.headers import DecodeStatus
from sniffdiag.decode.link import ETHERTYPE_HEADER
from sniffdiag.decode.walk import Bytes, Mask, Rows, Walk, be16, lookup

GRE_TYPE_HEADER = lookup(GRE_TYPES, 1 << 16, Header.NOT_IP)
MPLS_PAYLOAD_HEADER = lookup({4: Header.IPV4, 6: Header.IPV6}, 16, Header.ETHERNET)

VXLAN_LEN = 8
VXLAN_VNI_VALID, VXLAN_GROUP_POLICY = 0x08, 0x80
GENEVE_LEN, GENEVE_OPTIONS_MASK, GENEVE_RESERVED_FLAGS = 8, 0x3F, 0x3F
GRE_LEN, GRE_WORD = 4, 4
GRE_CHECKSUM, GRE_ROUTING, GRE_KEY, GRE_SEQUENCE, GRE_VERSION = 0x8000, 0x4000, 0x2000, 0x1000, 7
ERSPAN_II_LEN, ERSPAN_II_VERSION = 8, 1
MPLS_LEN, MPLS_BOTTOM, CONTROL_WORD_LEN = 4, 0x01, 4
ASSOCIATED_CHANNEL = 1


def vxlan(walk: Walk, rows: Rows) -> None:
    """VXLAN, with or without Group Policy (whose flag frees bytes 1 to 3)."""
    rows, window = _peek(walk, rows, VXLAN_LEN)
    flags = window[:, 0]
    policy = flags == VXLAN_VNI_VALID | VXLAN_GROUP_POLICY
    plain = (flags == VXLAN_VNI_VALID) & ~window[:, 1:4].any(axis=1)
    valid = (plain | policy) & (window[:, 7] == 0)
    rows = _keep_flow(walk, rows, valid)
    walk.name(rows, Header.VXLAN)
    walk.at[rows] += VXLAN_LEN
    walk.header[rows] = Header.ETHERNET


def geneve(walk: Walk, rows: Rows) -> None:
    """Geneve version 0 (the two bits above the options' length), its options skipped."""
    rows, window = _peek(walk, rows, GENEVE_LEN)
    header = ETHERTYPE_HEADER[be16(window, 2)]
    valid = (window[:, 0] <= GENEVE_OPTIONS_MASK) & (window[:, 7] == 0)
    valid &= (window[:, 1] & GENEVE_RESERVED_FLAGS == 0) & (header != Header.NOT_IP)
    rows = _keep_flow(walk, rows, valid)
    walk.name(rows, Header.GENEVE)
    options_len = (window[valid, 0] & GENEVE_OPTIONS_MASK).astype(np.int64) * 4
    walk.at[rows] += GENEVE_LEN + options_len
    walk.header[rows] = header[valid]


def gre(walk: Walk, rows: Rows) -> None:
    """GRE version 0. PPTP's version 1 and source routing are left to the scalar decoder."""
    rows, window = walk.take(rows, GRE_LEN)
    flags = be16(window, 0)
    plain = flags & (GRE_VERSION | GRE_ROUTING) == 0
    walk.hand_over(rows[~plain])
    rows, window, flags = rows[plain], window[plain], flags[plain]
    walk.name(rows, Header.GRE)
    words = sum((flags & bit != 0).astype(np.int64) for bit in OPTIONAL_WORDS)
    header = GRE_TYPE_HEADER[be16(window, 2)]
    walk.at[rows] += GRE_LEN + GRE_WORD * words
    walk.header[rows] = header
    mirrored = header == Header.ERSPAN_I_II
    type_i = mirrored & (flags & GRE_SEQUENCE == 0)
    walk.header[rows[type_i]] = Header.ETHERNET
    walk.name(rows[type_i], Header.ERSPAN_I_II)


OPTIONAL_WORDS = (GRE_CHECKSUM, GRE_KEY, GRE_SEQUENCE)


def erspan_ii(walk: Walk, rows: Rows) -> None:
    """ERSPAN type II; type I has no header and never gets here."""
    rows, window = walk.take(rows, ERSPAN_II_LEN)
    walk.name(rows, Header.ERSPAN_I_II)
    walk.at[rows] += ERSPAN_II_LEN
    walk.header[rows] = Header.ETHERNET
    walk.settle(rows[window[:, 0] >> 4 != ERSPAN_II_VERSION], DecodeStatus.MALFORMED)


def mpls(walk: Walk, rows: Rows) -> None:
    """One label; the stack ends at the S bit."""
    rows, window = walk.take(rows, MPLS_LEN)
    walk.at[rows] += MPLS_LEN
    bottom = window[:, 2] & MPLS_BOTTOM != 0
    walk.header[rows] = np.where(bottom, Header.MPLS_PAYLOAD, Header.MPLS)


def mpls_payload(walk: Walk, rows: Rows) -> None:
    """What MPLS carries is told by the first nibble alone; 0 is a pseudowire control word."""
    rows, window = walk.take(rows, 1)
    walk.name(rows, Header.MPLS_PAYLOAD)
    nibble = window[:, 0] >> 4
    header = MPLS_PAYLOAD_HEADER[nibble]
    header[nibble == ASSOCIATED_CHANNEL] = Header.NOT_IP
    walk.header[rows] = header
    walk.at[rows[nibble == 0]] += CONTROL_WORD_LEN


def _peek(walk: Walk, rows: Rows, need: int) -> tuple[Rows, Bytes]:
    there = walk.at[rows] + need <= walk.end[rows]
    rows = _keep_flow(walk, rows, there)
    return rows, walk.window(rows, need)


def _keep_flow(walk: Walk, rows: Rows, tunnelled: Mask) -> Rows:
    """Rows that are no tunnel stay the UDP flow they are; the others go on."""
    walk.header[rows[~tunnelled]] = Header.DONE
    return rows[tunnelled]
