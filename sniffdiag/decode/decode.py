"""`decode`: every frame of a chunk becomes one row of headers, whatever it is made of.

Three ways lead to the same columns: the straight path takes plain Ethernet, IPv4, TCP and UDP; the
rest walks its chain of headers step by step, still in columns; what meets a header without a
columnar step starts over in the scalar decoder. Nothing here reads bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from sniffdiag.decode import link, network, transport, tunnels
from sniffdiag.decode.chain import LINK_TYPES, LONGEST_FRAME, MAX_HEADERS, SETTLED, Header
from sniffdiag.decode.headers import DecodeStatus, HeaderTable
from sniffdiag.decode.plain import HEADERS_SPANNED, decode_plain
from sniffdiag.decode.walk import Bytes, Columns, Ints, Rows, TunnelNames, Walk, lookup

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sniffdiag.sources.frames import FrameChunk

Step = Callable[[Walk, Rows], None]

ETHERNET_LINK = 1
ETHERNET_BEFORE_TYPE_LEN, VLAN_BEFORE_TYPE_LEN = 12, 2
LINK_HEADER = lookup(LINK_TYPES, 1 << 10, Header.UNSUPPORTED_LINK)


def decode(chunk: FrameChunk) -> HeaderTable:
    """The headers of all frames of a chunk, row by row."""
    end = chunk.offset + chunk.caplen
    wire_end = chunk.offset + np.maximum(chunk.caplen, np.minimum(chunk.wirelen, LONGEST_FRAME))
    ethernet = chunk.linktype == ETHERNET_LINK
    if ethernet.any():
        columns, plain = decode_plain(chunk.data, chunk.offset, end, wire_end, chunk.heads)
        plain &= ethernet
        rest = np.flatnonzero(~plain)
        columns.clear(rest)
    else:
        columns, rest = Columns.zeros(chunk.rows), np.arange(chunk.rows)
    if not rest.size:
        return _table(chunk, columns, np.zeros(chunk.rows, np.uint8), TunnelNames())
    walk = _start(chunk, end, wire_end, columns)
    _walk_to_the_end(walk, rest)
    _decode_odd(walk, chunk)
    columns.clear(rest[columns.status[rest] > DecodeStatus.TRUNCATED])
    return _table(chunk, columns, walk.encapsulation, walk.tunnels)


def _table(
    chunk: FrameChunk, columns: Columns, encapsulation: Bytes, tunnels: TunnelNames
) -> HeaderTable:
    return HeaderTable(
        first_frame=chunk.first_frame,
        ts_ns=chunk.ts_ns,
        wirelen=chunk.wirelen,
        interface=chunk.interface,
        encapsulation=encapsulation,
        encapsulations=tunnels.names,
        **{name: getattr(columns, name) for name in Columns.__slots__},
    )


def _start(chunk: FrameChunk, end: Ints, wire_end: Ints, columns: Columns) -> Walk:
    linktype = np.where(chunk.linktype < 0, LINK_HEADER.size - 1, chunk.linktype)
    return Walk(
        data=chunk.data,
        at=chunk.offset.copy(),
        end=end,
        wire_end=wire_end,
        header=LINK_HEADER[np.minimum(linktype, LINK_HEADER.size - 1)],
        encapsulation=np.zeros(chunk.rows, np.uint8),
        columns=columns,
        tunnels=TunnelNames(),
        odd=np.zeros(chunk.rows, np.bool_),
        headers_left=MAX_HEADERS,
    )


def _walk_to_the_end(walk: Walk, rows: Rows) -> None:
    while rows.size and walk.headers_left:
        _read_one_header(walk, rows)
        walk.headers_left -= 1
        rows = rows[walk.header[rows] != Header.DONE]
    walk.settle(rows, DecodeStatus.MALFORMED)


def _read_one_header(walk: Walk, rows: Rows) -> None:
    headers = walk.header[rows]
    for value in np.flatnonzero(np.bincount(headers)):
        header = Header(int(value))
        same = rows[headers == value]
        step = STEPS.get(header)
        if step is not None:
            step(walk, same)
        elif header in SETTLED:
            walk.settle(same, SETTLED[header])
        else:
            walk.hand_over(same)


def _decode_odd(walk: Walk, chunk: FrameChunk) -> None:
    odd = np.flatnonzero(walk.odd)
    if odd.size == 0:
        return
    # dpkt takes 0.1 s to import, and most captures have no odd frame.
    from sniffdiag.decode.scalar import decode_rows  # noqa: PLC0415

    decode_rows(chunk, odd, walk)


def _plain_first(step: Step, before_type_len: int) -> Step:
    """A step that first tries the straight path, inside tunnels and behind VLAN tags too.

    That path does not look at the addresses, so it serves wherever an EtherType and then IPv4
    follow; `before_type_len` is what this step's header has before its type.
    """
    back = ETHERNET_BEFORE_TYPE_LEN - before_type_len

    def try_plain(walk: Walk, rows: Rows) -> None:
        if walk.headers_left >= HEADERS_SPANNED:
            at = walk.at[rows] - back
            inner, plain = decode_plain(walk.data, at, walk.end[rows], walk.wire_end[rows])
            walk.columns.put(rows[plain], inner, plain)
            walk.header[rows[plain]] = Header.DONE
            rows = rows[~plain]
        step(walk, rows)

    return try_plain


STEPS: Mapping[Header, Step] = {
    Header.ETHERNET: _plain_first(link.ethernet, ETHERNET_BEFORE_TYPE_LEN),
    Header.VLAN: _plain_first(link.vlan, VLAN_BEFORE_TYPE_LEN),
    Header.LINUX_SLL: link.linux_sll,
    Header.LINUX_SLL2: link.linux_sll2,
    Header.COOKED_IP: link.cooked_ip,
    Header.NULL: link.null,
    Header.RAW_IP: link.raw_ip,
    Header.IPV4: network.ipv4,
    Header.IPV6: network.ipv6,
    Header.IPV6_EXTENSION: network.ipv6_extension,
    Header.IPV6_FRAGMENT: network.ipv6_fragment,
    Header.AUTHENTICATION: network.authentication,
    Header.TCP: transport.tcp,
    Header.UDP: transport.udp,
    Header.SCTP: transport.sctp,
    Header.VXLAN: tunnels.vxlan,
    Header.GENEVE: tunnels.geneve,
    Header.GRE: tunnels.gre,
    Header.ERSPAN_I_II: tunnels.erspan_ii,
    Header.MPLS: tunnels.mpls,
    Header.MPLS_PAYLOAD: tunnels.mpls_payload,
}
