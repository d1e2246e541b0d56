"""`Exchange`: a request and its answer as they stand in the heads of a flow, and where.

What HTTP/1 and HTTP/2 have in common: the types, and the runs of contiguous bytes that messages are
followed through. No header values but those that `Facts` names, and no queries.
"""

from __future__ import annotations

from typing import NamedTuple

from sniffdiag.identify.chains import pieces
from sniffdiag.identify.verdict import Side
from sniffdiag.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request, as far as it can be read."""

    at: int
    """Offset of its first byte (HTTP/2: of its HEADERS frame) from that of the client's head."""
    version: str | None = None
    """As in `Facts.http_version`."""
    method: str | None = None
    target: str | None = None
    """Path without query; authority of a CONNECT."""
    host: str | None = None
    content_type: str | None = None
    protocol: str | None = None
    """`:protocol` of an extended CONNECT (RFC 8441), as "websocket"."""
    unknowable: tuple[str, ...] = ()
    """Which of the above are in HPACK entries from before the capture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A final response (or a 101), as far as it can be read."""

    at: int
    """As in `Request`, from the first byte of the server's head."""
    version: str | None = None
    status: int | None = None
    content_type: str | None = None
    grpc_status: int | None = None
    """Of the trailers."""
    trailers_at: int | None = None
    unknowable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Exchange:
    """What belongs together; one of both is missing where it was not kept or cannot be paired."""

    request: Request | None
    response: Response | None
    stream: int | None = None
    """HTTP/2 stream."""


class Run(NamedTuple):
    """Contiguous bytes of one side."""

    at: int
    """Offset of the first from that of the head."""
    data: bytes

    @property
    def end(self) -> int:
        """Offset behind the last byte."""
        return self.at + len(self.data)


def runs(side: Side) -> list[Run]:
    """All that was kept of a side in stream order, pieces that touch put together."""
    found: list[Run] = []
    for piece in pieces(side):
        if found and piece.at <= found[-1].end:
            last = found.pop()
            found.append(Run(last.at, last.data + piece.data[last.end - piece.at :]))
        elif piece.data:
            found.append(Run(piece.at, piece.data))
    return found
