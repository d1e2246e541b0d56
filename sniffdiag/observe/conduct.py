"""`Conduct`: how the connections of a declared port began and ended, whatever they speak.

A record without arrays, for rules; `handshakes` fills it from columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sniffdiag.records import dataclass

if TYPE_CHECKING:
    from sniffdiag.observe.port_observation import Exemplar


@dataclass(frozen=True, slots=True)
class Happened:
    """Connections that went one way, and frames of the first few."""

    flows: int = 0
    exemplars: tuple[Exemplar, ...] = ()
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Spread:
    """How a duration is spread over connections, in ns."""

    flows: int
    least_ns: int
    median_ns: int
    most_ns: int


@dataclass(frozen=True, slots=True)
class Conduct:
    """What TCP tells of the connections of one declared port."""

    refused: Happened = Happened()
    """The answer to the SYN was a RST: nothing listens there."""
    unanswered: Happened = Happened()
    """The SYN was sent again and nothing ever came back."""
    silent: Happened = Happened()
    """Accepted, and then for two seconds or more nobody said anything, to the end of the
    connection or of the capture. Of the legs nearest to the client application."""
    unserved: Happened = Happened()
    """An HTTP client spoke, and the other side ended the connection without a byte."""
    first_byte_wait: Spread | None = None
    """From the handshake to the server's first byte, where the client was silent until then. Of
    the legs nearest to the client application."""


NO_CONDUCT = Conduct()
