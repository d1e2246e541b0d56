"""`HttpCounts` and `Timeline`: requests of a declared port, and what became of them."""

from __future__ import annotations

from enum import StrEnum

from sniffdiag.model import Shown
from sniffdiag.records import dataclass

UNKNOWN_METHOD, OTHER_METHOD = "unknown", "other"


class Counted(StrEnum):
    """How requests were counted."""

    COLUMNS = "columns"
    """In segments: of HTTP/1 every one that begins with a request or status line (of requests that
    follow another in one segment, pipelining, the first counts); of HTTP/2 every frame of the
    segments in which frames were found."""
    HEADS = "heads"
    """HTTP/2 and gRPC: exactly, in all the bytes of each connection."""
    BOTH = "columns, heads"
    """Some connections as columns, some as heads."""


@dataclass(frozen=True, slots=True)
class Latency:
    """From a request to its answer's first byte.

    Of HTTP/1 requests that waited for no other; of HTTP/2 from header block to header block of the
    stream.
    """

    answers: int
    p50_ns: int
    p90_ns: int
    p99_ns: int
    """Nearest ranks; each is right within 3.2 %."""


@dataclass(frozen=True, slots=True)
class StreamEnds:
    """HTTP/2 streams and connections that were ended by an error code (RFC 9113 7)."""

    resets: tuple[tuple[int, int], ...] = ()
    """RST_STREAM by error code; 14 is any that is unknown or was not captured."""
    unanswered: int = 0
    """Those of them that came while a request waited for its answer."""
    goaways: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class HttpCounts:
    """Requests and responses; retransmitted ones count once."""

    counted: Counted
    methods: tuple[tuple[str, int], ...] = ()
    """Most first. `other` is any token beyond those of RFC 9110 and PATCH."""
    statuses: tuple[tuple[int, int], ...] = ()
    """By status code."""
    grpc_statuses: tuple[tuple[int, int], ...] = ()
    latency: Latency | None = None
    unanswered_resets: int = 0
    """Connections, and HTTP/2 streams, reset while a request waited for its answer."""
    responses_untold: int = 0
    """HTTP/2 responses whose status is in HPACK entries that are not known."""
    grpc_untold: int = 0
    """gRPC calls that ended with a status of which the same is true."""
    ends: StreamEnds = StreamEnds()
    heads: int = 0
    """HTTP/2 connections counted exactly,"""
    heads_of: int = 0
    """of so many; the others are counted in segments."""
    head_bytes: int = 0
    """The most that was read of one side of the former."""
    is_least: bool = False
    """HTTP/2 was counted in segments, which can miss some: counts are lower bounds."""

    @property
    def requests(self) -> int:
        """Requests of all methods."""
        return sum(times for _, times in self.methods)

    @property
    def responses(self) -> int:
        """Responses of all statuses, known or not."""
        return sum(times for _, times in self.statuses) + self.responses_untold

    def of_class(self, hundreds: int) -> int:
        """Responses with a status of a class, 2 for 2xx."""
        return sum(times for status, times in self.statuses if status // 100 == hundreds)

    @property
    def errors(self) -> int:
        """What failed on the server's side of the client: 5xx, gRPC not OK, reset unanswered."""
        grpc = sum(times for status, times in self.grpc_statuses if status)
        return self.of_class(5) + grpc + self.unanswered_resets


@dataclass(frozen=True, slots=True)
class Timeline:
    """What happened when; all columns have one number a bucket. Counted in columns."""

    start_ns: int
    bucket_ns: int
    connections: tuple[int, ...]
    """Connections that began."""
    requests: tuple[int, ...]
    responses: tuple[int, ...]
    status_4xx: tuple[int, ...]
    status_5xx: tuple[int, ...]
    resets: tuple[int, ...]
    """Connections that were reset."""
    grpc_errors: tuple[int, ...] = ()
    """gRPC calls that ended with a known status but OK."""
    shown: tuple[Shown | None, ...] = ()
    """What the marks of the connections that began show; None where none did, or none was read."""
