"""`Flows`: sealed flows as columns, and `Flow`: one of them as an object.

Flows know addresses, sequence numbers and times; they keep bytes without reading them. Who is the
client is settled when a flow is sealed (law 4), from the handshake; `reorient` lets the pipeline
apply what the bytes say where no handshake was captured.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from sniffdiag.model import Endpoint, Transport


class Orientation(IntEnum):
    """How it is known which side is the client, best first."""

    SYN = 0
    """The SYN was captured."""
    SYN_ACK = 1
    """Only the SYN-ACK was captured."""
    PROTOCOL = 2
    """The bytes say so: a request, a ClientHello."""
    PORT = 3
    """A guess: the side with the port that looks like a service's is the server."""
    FIRST = 4
    """A guess: the side that was seen first is the client."""


@dataclass(frozen=True, slots=True)
class Segment:
    """The beginning of one payload-carrying segment or datagram, as it was captured."""

    at: int
    """Offset of its first byte from the side's first known stream byte; datagram index for UDP."""
    data: bytes
    whole: bool
    frame: int


@dataclass(frozen=True, slots=True)
class Stream:
    """One direction of one flow: the reassembled head and what came after."""

    head: bytes
    """Contiguous bytes (TCP: in sequence order, retransmissions and overlaps resolved, first copy
    wins; UDP: the first datagram)."""
    head_frames: tuple[tuple[int, int], ...]
    """(offset in head, frame) of each piece of the head, so that evidence can name its frame."""
    from_start: bool
    complete: bool
    gap: bool
    segments: tuple[Segment, ...]
    """Segments after the head, stream order, as far as the budget reaches."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One sealed flow. Times are ns since the epoch, -1 where there was none; frames 1-based, 0 none."""

    index: int
    """Row in `Flows`."""
    transport: Transport
    client: Endpoint
    server: Endpoint
    oriented_by: Orientation
    first_frame: int
    last_frame: int
    first_ts_ns: int
    last_ts_ns: int
    tcp_stream: int
    """Wireshark's tcp.stream / udp.stream number (order of first frame within the transport)."""
    encapsulation: str
    from_client: Stream
    from_server: Stream


@dataclass(slots=True)
class Flows:
    """Sealed flows, ordered by first frame. Every column has shape `(n,)` unless said otherwise.

    `c` is the client's side, `s` the server's.
    """

    transport: npt.NDArray[np.uint8]
    client_hi: npt.NDArray[np.uint64]
    client_lo: npt.NDArray[np.uint64]
    server_hi: npt.NDArray[np.uint64]
    server_lo: npt.NDArray[np.uint64]
    client_port: npt.NDArray[np.uint16]
    server_port: npt.NDArray[np.uint16]
    oriented_by: npt.NDArray[np.uint8]
    encapsulation: npt.NDArray[np.uint8]
    encapsulations: tuple[str, ...]
    interface: npt.NDArray[np.int32]
    """Interface of the first frame."""
    stream: npt.NDArray[np.int64]
    """tcp.stream for TCP, udp.stream for UDP rows."""
    first_frame: npt.NDArray[np.int64]
    last_frame: npt.NDArray[np.int64]
    first_ts_ns: npt.NDArray[np.int64]
    last_ts_ns: npt.NDArray[np.int64]
    packets: npt.NDArray[np.int64]
    """Shape `(n, 2)`: client to server, server to client. So are all columns below but the last four."""
    bytes: npt.NDArray[np.int64]
    """Frame bytes on the wire."""
    payload_bytes: npt.NDArray[np.int64]
    """Payload bytes by the headers, retransmissions included."""
    captured_bytes: npt.NDArray[np.int64]
    """Payload bytes that were captured."""
    segments: npt.NDArray[np.int64]
    """Frames with payload."""
    cut_segments: npt.NDArray[np.int64]
    """Segments whose payload the snapshot length cut."""
    first_payload_frame: npt.NDArray[np.int64]
    """0 where the side sent no payload."""
    first_payload_ts_ns: npt.NDArray[np.int64]
    """-1 where the side sent no payload."""
    first_tag: npt.NDArray[np.uint8]
    """Tag of the side's first segment with captured payload."""
    tag_counts: npt.NDArray[np.int64]
    """Shape `(n, 2, TAGS)`: segments by tag."""
    tag_frame: npt.NDArray[np.int64]
    """Shape `(n, 2, TAGS)`: first frame with that tag, 0 where none."""
    flags_seen: npt.NDArray[np.uint8]
    """Union of the TCP flags of the side's segments."""
    gap_bytes: npt.NDArray[np.int64]
    """Bytes known to be missing from the capture in the side's head."""
    syn_ts_ns: npt.NDArray[np.int64]
    """First SYN; -1 where none. Shape `(n,)`, as the rest."""
    syn_ack_ts_ns: npt.NDArray[np.int64]
    syn_frame: npt.NDArray[np.int64]
    rst_frame: npt.NDArray[np.int64]
    """First RST of either side, 0 where none."""

    @property
    def rows(self) -> int:
        """Number of flows."""
        return int(self.transport.shape[0])

    def flow(self, row: int) -> Flow:
        """Row `row` as an object, its heads reassembled now."""
        raise NotImplementedError

    def has_heads(self) -> npt.NDArray[np.bool_]:
        """Shape `(n,)`: rows whose bytes were kept (the ceiling of law 9 can leave later ones without)."""
        raise NotImplementedError

    def reorient(self, rows: npt.NDArray[np.bool_], by: Orientation) -> None:
        """Swap client and server of `rows` (boolean mask) and mark all of them as known `by`.

        Rows oriented by SYN or SYN_ACK must not be given.
        """
        raise NotImplementedError
