"""`HeaderTable`: one row of decoded headers for every frame (law 1: rows never vanish)."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from sniffdiag.records import dataclass

V4_MAPPED = 0x0000_FFFF_0000_0000
"""Low half of ::ffff:0:0/96: an IPv4 address is held in its mapped form (RFC 4291 2.5.5.2)."""


class DecodeStatus(IntEnum):
    """How far a frame could be read. Only OK and TRUNCATED rows take part in flows."""

    OK = 0
    TRUNCATED = 1
    """The snapshot ends inside the payload: headers are whole, payload is cut."""
    HEADERS_CUT = 2
    """The snapshot ends inside the headers."""
    FRAGMENT = 3
    """A later IP fragment: no transport header in it."""
    NOT_IP = 4
    """ARP, LLDP, STP ...: read and of no interest here."""
    OTHER_TRANSPORT = 5
    """IP, but neither TCP, UDP nor SCTP (ICMP, IGMP, ESP ...)."""
    UNSUPPORTED_LINK = 6
    """A link type that is not decoded (reported with its number)."""
    MALFORMED = 7
    """Lengths or versions that contradict each other."""


TCP_FIN, TCP_SYN, TCP_RST, TCP_PSH, TCP_ACK = 0x01, 0x02, 0x04, 0x08, 0x10


@dataclass(frozen=True, slots=True)
class HeaderTable:
    """Columns of shape `(n,)`, row i describing row i of the chunk it was decoded from.

    Rows with another status than OK or TRUNCATED have zero in every column but `status` (and
    `encapsulation`). Addresses are 128-bit numbers in two columns, most significant half first.
    """

    first_frame: int
    ts_ns: npt.NDArray[np.int64]
    wirelen: npt.NDArray[np.int64]
    """Length of the whole frame on the wire, link header included."""
    status: npt.NDArray[np.uint8]
    """A `DecodeStatus`."""
    src_hi: npt.NDArray[np.uint64]
    src_lo: npt.NDArray[np.uint64]
    dst_hi: npt.NDArray[np.uint64]
    dst_lo: npt.NDArray[np.uint64]
    src_port: npt.NDArray[np.uint16]
    dst_port: npt.NDArray[np.uint16]
    transport: npt.NDArray[np.uint8]
    """IP protocol number."""
    tcp_flags: npt.NDArray[np.uint8]
    seq: npt.NDArray[np.uint32]
    ack: npt.NDArray[np.uint32]
    network_at: npt.NDArray[np.int64]
    """Offset of the innermost IP header in the chunk's data."""
    payload_at: npt.NDArray[np.int64]
    """Offset of the first payload byte in the chunk's data."""
    payload_len: npt.NDArray[np.int32]
    """Payload bytes that were captured (link padding excluded)."""
    payload_wirelen: npt.NDArray[np.int32]
    """Payload bytes on the wire, by the headers."""
    interface: npt.NDArray[np.int32]
    encapsulation: npt.NDArray[np.uint8]
    """Index into `encapsulations`; 0 is no tunnel."""
    encapsulations: tuple[str, ...]
    """Names, outermost first joined by ">": "", "vxlan", "gre>erspan", "ipip" ..."""
