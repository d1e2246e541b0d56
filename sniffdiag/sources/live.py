"""`LiveCapture`: interfaces read as one capture, until somebody says stop.

Sockets are opened by the constructor, so that rights can be given up before any byte is looked at.
Frames are numbered in the order in which they are handed out, which is that of the file they are
written to; within one interface it is that of the kernel.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from sniffdiag.errors import SourceError
from sniffdiag.records import dataclass
from sniffdiag.sources.frames import FrameChunk, SourceSummary
from sniffdiag.sources.numbering import Numbering
from sniffdiag.sources.packet_filter import PacketFilter
from sniffdiag.sources.packet_socket import (
    BLOCK_BYTES,
    REFUSE_ALL,
    RETIRE_MS,
    PacketSocket,
    link_of,
)
from sniffdiag.sources.pcapng_writer import WrittenInterface
from sniffdiag.sources.ring import Ring

WRITTEN_FORMAT = "pcapng"
"""A live capture has the format that it is written in, so that both give the same report."""
RING_KIB = 131_072
"""0.4 s of 400,000 packets/s of 700 bytes, 1.4 s of 100: three times the longest pause that a
capture at its ceiling makes, when flows leave the table."""
WAIT_MS = 100
"""How long a capture without packets goes without asking whether to go on."""
LINGER_S = 0.02
"""How long a block or two wait for more: chunks have a price of their own."""
FEW_BLOCKS = 4
LAST_BLOCKS_S = 4 * RETIRE_MS / 1000
"""After so long the kernel has handed over what it had received when it was told to stop."""

Beat = Callable[[], bool]
"""Asked at least every 0.1 s, between chunks only: whether to go on."""


@dataclass(frozen=True, slots=True)
class LiveOptions:
    """How to capture."""

    interfaces: tuple[str, ...]
    filter: PacketFilter
    ring_bytes: int = RING_KIB << 10
    """Of each interface."""
    promiscuous: bool = False


class LiveCapture:
    """Rings of several interfaces (or of `any`). `chunks` can be iterated once."""

    def __init__(self, options: LiveOptions) -> None:
        """Opens everything.

        Raises:
            SourceError: No such interface, a capability is missing, the filter does not parse.
        """
        names = tuple(dict.fromkeys(options.interfaces))
        links = [link_of(name) for name in names]
        programs = [options.filter.program(link) for link in links]
        self._sockets: list[PacketSocket] = []
        try:
            for link, program in zip(links, programs, strict=True):
                self._sockets.append(PacketSocket(link, program, options.ring_bytes))
            for packets in self._sockets:
                packets.bind(promiscuous=options.promiscuous)
        except BaseException:
            self._close()
            raise
        self.interfaces = [
            WrittenInterface(link.linktype, link.name, options.filter.snaplen, options.filter.text)
            for link in links
        ]
        self.summaries = [SourceSummary(",".join(names), format=WRITTEN_FORMAT)]
        self.drops = dict.fromkeys(range(len(links)), 0)
        """Packets that the kernel lost until now, by interface."""
        self._numbering = Numbering()
        self._rings = [Ring(packets) for packets in self._sockets]
        for packets in self._sockets:
            if packets.blocks * BLOCK_BYTES < options.ring_bytes:
                self._note(
                    f"{packets.link.name}: there was memory for a ring of {packets.blocks} MiB only"
                )

    def chunks(self, beat: Beat) -> Iterator[FrameChunk]:
        """All frames until `beat` says stop, and those received until then."""
        poll = select.poll()
        for packets in self._sockets:
            poll.register(packets.fileno(), select.POLLIN | select.POLLERR)
        try:
            while beat():
                yield from self._ready()
                self._wait(poll)
            yield from self._rest()
        finally:
            self._count_drops()
            self._close()

    def _wait(self, poll: select.poll) -> None:
        """Until there are packets, or it is time to ask whether to go on."""
        self._count_drops()
        for descriptor, event in poll.poll(WAIT_MS):
            if event & ~select.POLLIN:
                self._note_error(descriptor)
        if sum(ring.ready() for ring in self._rings) < FEW_BLOCKS:
            time.sleep(LINGER_S)

    def _note_error(self, descriptor: int) -> None:
        for packets in self._sockets:
            if packets.fileno() == descriptor and (reason := packets.error()):
                self._note(f"{packets.link.name}: {reason}")

    def _note(self, text: str) -> None:
        (summary,) = self.summaries
        if text not in summary.notes:
            summary.notes.append(text)

    def _rest(self) -> Iterator[FrameChunk]:
        """What had arrived before the capture was stopped."""
        for packets in self._sockets:
            packets.attach(REFUSE_ALL)
        deadline = time.monotonic() + LAST_BLOCKS_S
        while time.monotonic() < deadline:
            yield from self._ready()
            time.sleep(LINGER_S)
        yield from self._ready()

    def _ready(self) -> Iterator[FrameChunk]:
        """A chunk of each ring that has one."""
        for number, ring in enumerate(self._rings):
            count = ring.ready()
            if not count:
                continue
            frames = ring.take(count)
            rows = frames.offset.shape[0]
            chunk = FrameChunk(
                data=frames.data,
                offset=frames.offset,
                caplen=frames.caplen,
                wirelen=frames.wirelen,
                ts_ns=frames.ts_ns,
                linktype=np.full(rows, ring.packets.link.linktype, np.int32),
                interface=np.full(rows, number, np.int32),
                first_frame=self._numbering.next_frame,
            )
            if rows:
                yield self._numbering.count(chunk, self.summaries[0])
            ring.give_back()

    def _count_drops(self) -> None:
        for number, packets in enumerate(self._sockets):
            self.drops[number] += packets.lost()
        self.summaries[0].dropped = sum(self.drops.values())

    def _close(self) -> None:
        for packets in self._sockets:
            packets.close()


def ring_bytes(kibibytes: int) -> int:
    """Tcpdump's -B as a size of rings: whole blocks."""
    return -(-kibibytes * 1024 // BLOCK_BYTES) * BLOCK_BYTES


def names_of(interfaces: Sequence[str]) -> tuple[str, ...]:
    """`-i eth0,lo` and `-i eth0 -i lo` mean the same.

    Raises:
        SourceError: An interface has an empty name.
    """
    names = [name.strip() for each in interfaces for name in each.split(",")]
    if not all(names):
        raise SourceError("an interface has an empty name", hint="is a shell variable unset?")
    return tuple(dict.fromkeys(names))
