"""`Flows`: sealed flows as columns, and `Flow`: one of them as an object.

Flows know addresses, sequence numbers and times; they keep bytes without reading them. Who is the
client is settled when a flow is sealed (law 4), from the handshake; `reorient` lets the pipeline
apply what the bytes say where no handshake was captured.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from sniffdiag.addresses import address_text
from sniffdiag.model import Endpoint, Transport
from sniffdiag.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sniffdiag.flows.tallied import Tallied

NO_TWIN = -1
Octets: TypeAlias = bytes  # by another name, because `Flows` has a column called bytes
Mask: TypeAlias = npt.NDArray[np.bool_]
T = TypeVar("T", bound=np.generic)

_V4_LOOPBACK = np.uint64(0x0000_FFFF_7F)  # ::ffff:127.0.0.0/104, shifted right by the 24 host bits
_V6_LOW_LOOPBACKS = (1, 6)  # ::1 and Istio's ::6 (istio pkg: InboundPassthroughBindIpv6)


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


class Segment(NamedTuple):
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
    """The head begins with the side's first byte: its SYN tells so."""
    complete: bool
    """Head and segments hold every byte that the side sent."""
    gap: bool
    """The head ends (or begins) where bytes were on the wire but not captured."""
    segments: tuple[Segment, ...]
    """Segments after the head, stream order, as far as the budget reaches."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One sealed flow. Times are ns since the epoch; frames are 1-based."""

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


class Kept(Protocol):
    """The bytes kept of all flows; sides are numbered as in `Flows.client_side`."""

    def counts(self) -> npt.NDArray[np.int64]:
        """Pieces kept of each flow and side, shape `(n, 2)`."""

    def beginning(self, row: int, side: int) -> bytes:
        """The first kept pieces of one side, as they were captured."""

    def tcp(self, row: int, side: int, payload_bytes: int) -> Stream:
        """One side of a TCP flow."""

    def datagrams(self, row: int, side: int, payload_bytes: int) -> Stream:
        """One side of a flow of datagrams."""

    def containing(
        self, needles: Sequence[bytes], among: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.bool_]:
        """Those `among` all flows and sides with a kept piece that contains one of `needles`.

        Both masks have shape `(n, 2)`.
        """

    def gap_bytes(self) -> npt.NDArray[np.int64]:
        """Bytes known to be missing among the pieces of TCP heads, shape `(n, 2)`."""


@dataclass(slots=True)
class Flows:
    """Sealed flows, ordered by first frame. Every column has shape `(n,)` unless said otherwise.

    Counts and frames may be held in narrower types than are declared here.
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
    """Shape `(n, 2)`: client to server, server to client. So are all before `syn_ts_ns`."""
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
    last_payload_frame: npt.NDArray[np.int64]
    """0 where the side sent no payload."""
    last_payload_ts_ns: npt.NDArray[np.int64]
    """-1 where the side sent no payload."""
    first_tag: npt.NDArray[np.uint8]
    """Tag of the side's first segment with captured payload."""
    flags_seen: npt.NDArray[np.uint8]
    """Union of the TCP flags of the side's segments."""
    syn_ts_ns: npt.NDArray[np.int64]
    """First SYN; -1 where none. Shape `(n,)`, as the rest."""
    syn_ack_ts_ns: npt.NDArray[np.int64]
    syn_frame: npt.NDArray[np.int64]
    rst_frame: npt.NDArray[np.int64]
    """First RST of either side, 0 where none."""

    copies: npt.NDArray[np.int64]
    """Shape `(n,)`: frames that show packets once more (`flows.copies`). No other column counts
    them."""
    base: npt.NDArray[np.uint32]
    """Shape `(n, 2)`: Wireshark's base_seq, of the side's SYN or less one than its first byte."""
    base_known: npt.NDArray[np.bool_]
    """Shape `(n, 2)`."""
    twin_of: npt.NDArray[np.int64]
    """Row of the same connection as it was seen before address translation, or behind it
    (`flows.twins`); `NO_TWIN` for what was seen first."""
    redirected: npt.NDArray[np.bool_]
    """Joined from the two halves that a REDIRECT to a local proxy leaves (`flows.redirect`)."""
    client_side: npt.NDArray[np.int64]
    """Which side of `kept` is the client's."""
    kept: Kept
    tallied: Tallied | None = None
    """Requests, statuses and latencies, where they were asked for."""

    @property
    def rows(self) -> int:
        """Number of flows."""
        return int(self.transport.shape[0])

    @property
    def gap_bytes(self) -> npt.NDArray[np.int64]:
        """Bytes known to be missing from the capture in each side's head, shape `(n, 2)`."""
        return self._client_first(self.kept.gap_bytes())

    def flow(self, row: int) -> Flow:
        """Row `row` as an object, its heads reassembled now."""
        transport = Transport(int(self.transport[row]))
        stream = self.kept.tcp if transport is Transport.TCP else self.kept.datagrams
        client = int(self.client_side[row])
        sent, answered = self.payload_bytes[row].tolist()
        return Flow(
            index=row,
            transport=transport,
            client=_endpoint(self.client_hi[row], self.client_lo[row], self.client_port[row]),
            server=_endpoint(self.server_hi[row], self.server_lo[row], self.server_port[row]),
            oriented_by=Orientation(int(self.oriented_by[row])),
            first_frame=int(self.first_frame[row]),
            last_frame=int(self.last_frame[row]),
            first_ts_ns=int(self.first_ts_ns[row]),
            last_ts_ns=int(self.last_ts_ns[row]),
            tcp_stream=int(self.stream[row]),
            encapsulation=self.encapsulations[int(self.encapsulation[row])],
            from_client=stream(row, client, sent),
            from_server=stream(row, client ^ 1, answered),
        )

    def endpoints(self, row: int) -> tuple[Endpoint, Endpoint]:
        """Client and server of one flow."""
        return (
            _endpoint(self.client_hi[row], self.client_lo[row], self.client_port[row]),
            _endpoint(self.server_hi[row], self.server_lo[row], self.server_port[row]),
        )

    def beginning(self, row: int, *, of_server: bool = False) -> Octets:
        """What a side sent first, as it was captured: cheap, and not put in sequence order."""
        return self.kept.beginning(row, int(self.client_side[row]) ^ of_server)

    def has_heads(self) -> npt.NDArray[np.bool_]:
        """Shape `(n,)`: rows whose bytes were kept, as far as there were any.

        The ceiling of law 9 can leave later flows without.
        """
        kept = self._client_first(self.kept.counts()) > 0
        has: Mask = np.all(kept | (self.captured_bytes == 0), axis=1)
        return has

    def heads_contain(self, needles: Sequence[Octets], among: Mask) -> Mask:
        """Shape `(n,)`: rows with a kept piece that contains one of `needles`.

        Only the sides `among`, shape `(n, 2)`, the client's first, are searched.
        """
        contain: Mask = np.any(self.kept.containing(needles, self._client_first(among)), axis=1)
        return contain

    def reorient(self, rows: npt.NDArray[np.bool_] | npt.NDArray[np.intp], by: Orientation) -> None:
        """Swap client and server of `rows` (mask or numbers) and mark all of them as known `by`.

        Rows oriented by SYN or SYN_ACK must not be given.
        """
        for client, server in (
            (self.client_hi, self.server_hi),
            (self.client_lo, self.server_lo),
            (self.client_port, self.server_port),
        ):
            client[rows], server[rows] = server[rows], client[rows]
        for column in (
            self.packets,
            self.bytes,
            self.payload_bytes,
            self.captured_bytes,
            self.segments,
            self.cut_segments,
            self.first_payload_frame,
            self.first_payload_ts_ns,
            self.last_payload_frame,
            self.last_payload_ts_ns,
            self.first_tag,
            self.flags_seen,
            self.base,
            self.base_known,
        ):
            column[rows] = column[rows, ::-1]
        self.client_side[rows] ^= 1
        self.oriented_by[rows] = int(by)

    def _client_first(self, column: npt.NDArray[T]) -> npt.NDArray[T]:
        """A column by side of `kept`, the client's side first; or the other way round."""
        turned = self.client_side[:, np.newaxis] != 0
        return np.where(turned, column[:, ::-1], column)


def _endpoint(hi: np.uint64, lo: np.uint64, port: np.uint16) -> Endpoint:
    """Columns as one endpoint."""
    return Endpoint(address_text(int(hi), int(lo)), int(port))


def is_loopback(hi: npt.NDArray[np.uint64], lo: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Boolean `(n,)`: 127.0.0.0/8, ::1 or ::6."""
    v4 = (lo >> np.uint64(24)) == _V4_LOOPBACK
    v6 = np.isin(lo, _V6_LOW_LOOPBACKS)
    result: npt.NDArray[np.bool_] = (hi == 0) & (v4 | v6)
    return result
