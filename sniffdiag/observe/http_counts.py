"""`HttpCounts` and `Timeline`: requests of a declared port, and what became of them."""

from __future__ import annotations

from enum import StrEnum

from sniffdiag.model import Shown
from sniffdiag.records import dataclass


class Counted(StrEnum):
    """How requests were counted."""

    COLUMNS = "columns"
    """Every segment of the capture that begins with an HTTP/1 request or status line. Of requests
    that follow another in one segment (pipelining) the first counts."""
    HEADS = "heads"
    """HTTP/2 and gRPC: exactly, in the first bytes kept of each connection."""
    BOTH = "columns, heads"
    """HTTP/1 as columns, HTTP/2 as heads."""


@dataclass(frozen=True, slots=True)
class Latency:
    """From a request to its answer's first byte, of HTTP/1 requests that waited for no other."""

    answers: int
    p50_ns: int
    p90_ns: int
    p99_ns: int
    """Nearest ranks; each is right within 3.2 %."""


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
    """Connections reset while a request waited for its answer."""
    heads: int = 0
    """HTTP/2 connections whose kept bytes were read for it,"""
    heads_of: int = 0
    """of so many."""
    head_bytes: int = 0
    """The most that was read of one side of them."""
    is_least: bool = False
    """There were more bytes, or connections, of HTTP/2 than were read: counts are lower bounds."""

    @property
    def requests(self) -> int:
        """Requests of all methods."""
        return sum(times for _, times in self.methods)

    @property
    def responses(self) -> int:
        """Responses of all statuses."""
        return sum(times for _, times in self.statuses)

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
    shown: tuple[Shown | None, ...] = ()
    """What the marks of the connections that began show; None where none did, or none was read."""
