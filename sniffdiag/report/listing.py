"""`CaptureReport` and `FlowList`: what was captured, ready for a format; no declarations needed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sniffdiag.identify.verdict import Facts
from sniffdiag.records import dataclass


@dataclass(frozen=True, slots=True)
class SourceReport:
    """One file, pipe or interface, and how far it could be read."""

    name: str
    format: str
    first_frame: int
    frames: int
    cut_short: bool
    corrupt_records: int
    skipped_bytes: int
    dropped: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CaptureReport:
    """What was captured and read. Times in ns since the epoch, -1 if there is no frame."""

    sources: tuple[SourceReport, ...] = ()
    frames: int = 0
    bytes: int = 0
    """Bytes on the wire."""
    flows: int = 0
    first_ts_ns: int = -1
    last_ts_ns: int = -1
    statuses: tuple[tuple[str, int], ...] = ()
    """How many frames could be read how far; only those that occur, the sum is `frames`."""
    truncated_frames: int = 0
    copies: int = 0
    """Frames that show a packet once more, at another place; flows count it once."""
    twins: int = 0
    """Flows that show a connection once more, on the other side of address translation."""
    sealed_early: int = 0
    """Flows that made room for others before the capture ended: counted among `flows` by server and
    protocol, and no longer looked at."""
    interrupted: bool = False
    """The user stopped the run; the report covers what was read until then."""

    @property
    def dropped(self) -> int:
        """Packets lost while capturing, of all sources that say so."""
        return sum(s.dropped for s in self.sources)


class FlowRow(NamedTuple):
    """One flow as every listing shows it."""

    client: str
    client_port: int
    server: str
    server_port: int
    transport: str
    protocol: str
    why: str
    confidence: float
    oriented_by: str
    packets: int
    bytes: int
    packets_from_client: int
    packets_from_server: int
    payload_from_client: int
    payload_from_server: int
    first_frame: int
    last_frame: int
    first_ts_ns: int
    duration_ns: int
    tcp_stream: int | None
    udp_stream: int | None
    encapsulation: str
    sni: str | None
    alpn: tuple[str, ...]
    answered: str | None
    copies: int
    twin_of: int | None
    """The stream number of the same connection on the other side of address translation."""
    spoke_first: str | None = None
    """"client" or "server"; None where the capture does not tell."""
    spoke_after_ns: int | None = None
    """From the handshake (the SYN-ACK, else the SYN) to the first byte that anybody said."""
    answered_after_ns: int | None = None
    """From there to the first byte of the other side."""
    switched_to: str | None = None
    """Protocol id of what followed on the same connection: "tls" after STARTTLS and its like."""
    facts: Facts | None = None
    """All that the kept bytes tell, where the format shows it."""
    ja4: str | None = None
    """Fingerprint of the TLS client, where it was asked for."""


@dataclass(frozen=True, slots=True)
class FlowList:
    """All flows of a capture; `rows` can be iterated once and may be long."""

    capture: CaptureReport
    rows: Iterable[FlowRow]
    ja4: bool = False
    """Fingerprints were asked for."""
