"""`ScapyCapture`: interfaces read through scapy's sockets, where there is no AF_PACKET ring.

Every packet is an object here, so a busy interface loses packets, and scapy does not say how many.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from sniffdiag.errors import SourceError
from sniffdiag.sources.frames import FrameChunk, SourceSummary
from sniffdiag.sources.live import WRITTEN_FORMAT, LiveOptions
from sniffdiag.sources.numbering import Numbering
from sniffdiag.sources.packet_socket import ANY
from sniffdiag.sources.pcapng_writer import WrittenInterface
from sniffdiag.sources.window import SLACK_BYTES

WAIT_S = 0.1
MOST_FRAMES = 4_096
"""In a chunk."""
LONGEST_FRAME = 262_144
NO_LOSSES_NOTE = "scapy's sockets do not tell how many packets were lost"
_Row = tuple[int, int, bytes]
"""Interface, time in ns, frame."""


class ScapyCapture:
    """One scapy socket for each interface. `chunks` can be iterated once."""

    def __init__(self, options: LiveOptions) -> None:
        """Opens everything.

        Raises:
            SourceError: scapy cannot.
        """
        from scapy.all import conf  # noqa: PLC0415, TID251 - slow; "all" knows the link types

        self._snaplen = options.filter.snaplen
        self._sockets = [_opened(conf, name, options) for name in options.interfaces]
        self._linktypes = [_linktype(conf, each) for each in self._sockets]
        self.interfaces = [
            WrittenInterface(linktype, name, self._snaplen, options.filter.text)
            for linktype, name in zip(self._linktypes, options.interfaces, strict=True)
        ]
        self.summaries = [
            SourceSummary(
                ",".join(options.interfaces), format=WRITTEN_FORMAT, notes=[NO_LOSSES_NOTE]
            )
        ]
        self.drops: dict[int, int] = {}
        self._numbering = Numbering()

    def chunks(self, beat: Callable[[], bool]) -> Iterator[FrameChunk]:
        """All frames until `beat` says stop."""
        try:
            while beat():
                rows = self._received()
                if rows:
                    yield self._numbering.count(self._chunk(rows), self.summaries[0])
        finally:
            for each in self._sockets:
                each.close()

    def _received(self) -> list[_Row]:
        """What comes within a moment."""
        deadline = time.monotonic() + WAIT_S
        rows: list[_Row] = []
        while len(rows) < MOST_FRAMES and (left := deadline - time.monotonic()) > 0:
            readable = select.select(self._sockets, [], [], left)[0]
            for each in readable:
                _, frame, seconds = each.recv_raw(LONGEST_FRAME)
                if frame:
                    ts_ns = int((seconds or time.time()) * 1e9)
                    rows.append((self._sockets.index(each), ts_ns, bytes(frame)))
        return rows

    def _chunk(self, rows: list[_Row]) -> FrameChunk:
        wirelen = np.array([len(frame) for _, _, frame in rows], np.int64)
        caplen = np.minimum(wirelen, self._snaplen)
        data = b"".join(frame for _, _, frame in rows) + bytes(SLACK_BYTES)
        interface = np.array([number for number, _, _ in rows], np.int32)
        return FrameChunk(
            data=np.frombuffer(data, np.uint8),
            offset=np.cumsum(wirelen) - wirelen,
            caplen=caplen,
            wirelen=wirelen,
            ts_ns=np.array([ts_ns for _, ts_ns, _ in rows], np.int64),
            linktype=np.array(self._linktypes, np.int32)[interface],
            interface=interface,
            first_frame=self._numbering.next_frame,
        )


def _opened(conf: Any, name: str, options: LiveOptions) -> Any:
    wanted: dict[str, Any] = {"promisc": options.promiscuous}
    if name != ANY:
        wanted["iface"] = name
    if options.filter.text:
        wanted["filter"] = options.filter.text
    try:
        return conf.L2listen(**wanted)
    except Exception as error:  # scapy raises what its platform's sockets raise, and its own
        raise SourceError(f"{name}: scapy cannot capture: {error}") from error


def _linktype(conf: Any, opened: Any) -> int:
    number = conf.l2types.layer2num.get(opened.LL)
    if number is None:
        raise SourceError(f"scapy does not tell the link type of {opened.iface}")
    return int(number)
