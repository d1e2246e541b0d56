"""Packets as a table of facts, and the header columns that decode would make of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from sniffdiag.decode.headers import V4_MAPPED, DecodeStatus, HeaderTable
from sniffdiag.flows.chunk import TagsOf
from sniffdiag.flows.table import FlowTable
from sniffdiag.nominate.messages import Messages
from sniffdiag.nominate.tags import Tag

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from sniffdiag.flows.flow import Flows

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
TCP, UDP = 6, 17
HEADERS_LEN = 54
PADDING = 64
"""Readable bytes behind the last frame, by the contract of `FrameChunk`."""

Chunk: TypeAlias = "tuple[HeaderTable, npt.NDArray[np.uint8], TagsOf]"


@dataclass(frozen=True, slots=True)
class Packet:
    """One frame, IPv4 unless `src` or `dst` is beyond 32 bits."""

    src: int = 0x0A000001
    sport: int = 40000
    dst: int = 0x0A000002
    dport: int = 80
    flags: int = ACK
    seq: int = 0
    ack: int = 0
    payload: bytes = b""
    cut: int = 0
    """Payload bytes on the wire that were not captured."""
    transport: int = TCP
    ts_ns: int | None = None
    tag: int | None = None
    """What nominate says of a payload; where there is none it is always EMPTY."""
    code: int = 0
    """Of the message that it begins (`nominate.messages`), 0 where it begins none."""
    tunnel: str = ""
    interface: int = 0
    status: int | None = None


def reply(packet: Packet, **facts: object) -> Packet:
    """A packet of the other side."""
    ends = {
        "src": packet.dst,
        "sport": packet.dport,
        "dst": packet.src,
        "dport": packet.sport,
        "transport": packet.transport,
    }
    return Packet(**{**ends, **facts})  # type: ignore[arg-type]


def chunk_of_packets(packets: Sequence[Packet], first_frame: int = 1) -> Chunk:
    """What `FlowTable.fold` takes, for consecutive frames."""
    rows = len(packets)
    tunnels = ("", *sorted({packet.tunnel for packet in packets} - {""}))
    data = bytearray()
    at = []
    for packet in packets:
        data += bytes(HEADERS_LEN)
        at.append(len(data))
        data += packet.payload
    frames = np.arange(first_frame, first_frame + rows)
    kept = np.array([len(packet.payload) for packet in packets], np.int32)
    wire = kept + np.array([packet.cut for packet in packets], np.int32)
    table = HeaderTable(
        first_frame=first_frame,
        ts_ns=np.array(
            [
                int(frame) * 1000 if packet.ts_ns is None else packet.ts_ns
                for frame, packet in zip(frames, packets, strict=True)
            ],
            np.int64,
        ),
        wirelen=wire.astype(np.int64) + HEADERS_LEN,
        status=np.array([_status(packet) for packet in packets], np.uint8),
        src_hi=_high([packet.src for packet in packets]),
        src_lo=_low([packet.src for packet in packets]),
        dst_hi=_high([packet.dst for packet in packets]),
        dst_lo=_low([packet.dst for packet in packets]),
        src_port=np.array([packet.sport for packet in packets], np.uint16),
        dst_port=np.array([packet.dport for packet in packets], np.uint16),
        transport=np.array([packet.transport for packet in packets], np.uint8),
        tcp_flags=np.array([packet.flags for packet in packets], np.uint8),
        seq=np.array([packet.seq % 2**32 for packet in packets], np.uint32),
        ack=np.array([packet.ack % 2**32 for packet in packets], np.uint32),
        network_at=np.array(at, np.int64) - HEADERS_LEN,
        payload_at=np.array(at, np.int64),
        payload_len=kept,
        payload_wirelen=wire,
        interface=np.array([packet.interface for packet in packets], np.int32),
        encapsulation=np.array([tunnels.index(packet.tunnel) for packet in packets], np.uint8),
        encapsulations=tunnels,
    )
    tags = np.array([_tag(packet) for packet in packets], np.uint8)
    return table, np.frombuffer(bytes(data) + bytes(PADDING), np.uint8), tags.__getitem__


def messages_of_packets(packets: Sequence[Packet]) -> Messages:
    """The messages among them that nominate would find in frames that are decoded."""
    rows = [n for n, packet in enumerate(packets) if packet.code and not _is_skipped(packet)]
    codes = [packets[row].code for row in rows]
    return Messages(np.array(rows, np.int64), np.array(codes, np.uint16))


def _is_skipped(packet: Packet) -> bool:
    return _status(packet) not in (DecodeStatus.OK, DecodeStatus.TRUNCATED)


def tallied(packets: Sequence[Packet], first_frame: int = 1) -> FlowTable:
    """As `folded`, the messages tallied."""
    table = FlowTable(tallies=True)
    table.fold(*chunk_of_packets(packets, first_frame), messages=messages_of_packets(packets))
    return table


def folded(packets: Sequence[Packet], first_frame: int = 1) -> FlowTable:
    """A table of one chunk."""
    table = FlowTable()
    table.fold(*chunk_of_packets(packets, first_frame))
    return table


def everything_of(flows: Flows) -> dict[str, object]:
    """All columns and all reassembled flows, in a form that `==` compares."""
    names = [name for name in flows.__slots__ if name not in {"kept", "tallied"}]
    columns = {name: getattr(flows, name) for name in names}
    plain = {
        name: column.tolist() if isinstance(column, np.ndarray) else column
        for name, column in columns.items()
    }
    return plain | {
        "gap_bytes": flows.gap_bytes.tolist(),
        "has_heads": flows.has_heads().tolist(),
        "flows": [flows.flow(row) for row in range(flows.rows)],
    }


def _status(packet: Packet) -> int:
    if packet.status is not None:
        return packet.status
    return DecodeStatus.TRUNCATED if packet.cut else DecodeStatus.OK


def _tag(packet: Packet) -> int:
    if not packet.payload:
        return Tag.EMPTY
    return Tag.OTHER if packet.tag is None else packet.tag


def _high(addresses: Sequence[int]) -> npt.NDArray[np.uint64]:
    return np.array([address >> 64 for address in addresses], np.uint64)


def _low(addresses: Sequence[int]) -> npt.NDArray[np.uint64]:
    narrow = [V4_MAPPED | address if address < 2**32 else address for address in addresses]
    return np.array([address % 2**64 for address in narrow], np.uint64)
