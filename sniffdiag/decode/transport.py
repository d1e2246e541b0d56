"""Transport steps in columns: TCP, UDP, SCTP. The row is settled here: OK or TRUNCATED.

Checksums are not looked at: with transmit offload they are wrong in every local capture.
SCTP ends at the common header; its chunks are payload. Follows RFC 9293, RFC 768, RFC 9260.
"""

from __future__ import annotations

import numpy as np

from sniffdiag.decode.chain import UDP_TUNNELS, Header
from sniffdiag.decode.headers import DecodeStatus
from sniffdiag.decode.walk import Ints, Rows, Walk, be16, be32, lookup

TCP_LEN, TCP_MIN_OFFSET, UDP_LEN, SCTP_LEN = 20, 5, 8, 12

PORT_TUNNEL = lookup(UDP_TUNNELS, 1 << 16, Header.DONE)


def tcp(walk: Walk, rows: Rows) -> None:
    """TCP; the data offset says where the payload begins."""
    rows, window = walk.take(rows, TCP_LEN)
    offset = (window[:, 12] >> 4).astype(np.int64)
    sane = offset >= TCP_MIN_OFFSET
    walk.settle(rows[~sane], DecodeStatus.MALFORMED)
    rows, window, offset = rows[sane], window[sane], offset[sane]
    whole = walk.whole(rows, offset * 4)
    rows, window, offset = rows[whole], window[whole], offset[whole]
    columns = walk.columns
    columns.src_port[rows] = be16(window, 0)
    columns.dst_port[rows] = be16(window, 2)
    columns.seq[rows] = be32(window, 4)
    columns.ack[rows] = be32(window, 8)
    columns.tcp_flags[rows] = window[:, 13]
    _finish(walk, rows, walk.at[rows] + offset * 4)


def udp(walk: Walk, rows: Rows) -> None:
    """UDP, or the tunnel that its destination port announces.

    A length of 0 is a jumbogram (RFC 2675 4) or segmentation offload; 1 to 7 cannot be.
    """
    rows, window = walk.take(rows, UDP_LEN)
    length = be16(window, 4)
    sane = (length == 0) | (length >= UDP_LEN)
    walk.settle(rows[~sane], DecodeStatus.MALFORMED)
    rows, window, length = rows[sane], window[sane], length[sane]
    start = walk.at[rows]
    walk.bound(rows, np.where(length > 0, start + length, walk.wire_end[rows]))
    dst_port = be16(window, 2)
    walk.columns.src_port[rows] = be16(window, 0)
    walk.columns.dst_port[rows] = dst_port
    _finish(walk, rows, start + UDP_LEN)
    walk.at[rows] = start + UDP_LEN
    walk.header[rows] = PORT_TUNNEL[dst_port]


def sctp(walk: Walk, rows: Rows) -> None:
    """The ports of the common header."""
    rows, window = walk.take(rows, SCTP_LEN)
    walk.columns.src_port[rows] = be16(window, 0)
    walk.columns.dst_port[rows] = be16(window, 2)
    _finish(walk, rows, walk.at[rows] + SCTP_LEN)


def _finish(walk: Walk, rows: Rows, payload_at: Ints) -> None:
    end, wire_end = walk.end[rows], walk.wire_end[rows]
    columns = walk.columns
    columns.payload_at[rows] = payload_at
    columns.payload_len[rows] = end - payload_at
    columns.payload_wirelen[rows] = wire_end - payload_at
    status = np.where(end < wire_end, DecodeStatus.TRUNCATED, DecodeStatus.OK)
    walk.settle(rows, status.astype(np.uint8))
