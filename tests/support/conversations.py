"""Whole TCP connections as Ethernet frames, and what the pipeline makes of frames."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from sniffdiag.flows.flow import Flows
from sniffdiag.flows.redirect import join_redirected
from sniffdiag.flows.seal import seal
from sniffdiag.flows.table import FlowTable
from sniffdiag.pipeline.reading import Reading, Totals
from tests.support.chunks import chunk_of

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
MACS = bytes.fromhex("02000000000b02000000000a")
CLIENT_ISN, SERVER_ISN = 1_000, 0x7A90_0000

REQUEST = b"GET /api HTTP/1.1\r\nHost: reviews:8080\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
EXCHANGE = ((0, REQUEST), (1, ANSWER))


@dataclass(frozen=True, slots=True)
class End:
    """An address and a port."""

    address: str
    port: int


def tcp_frame(
    src: End, dst: End, flags: int, numbers: tuple[int, int], payload: bytes = b""
) -> bytes:
    """One segment; `numbers` are seq and ack."""
    segment = (
        struct.pack(">HHIIBBHHH", src.port, dst.port, *numbers, 5 << 4, flags, 512, 0, 0) + payload
    )
    source, destination = ip_address(src.address).packed, ip_address(dst.address).packed
    if len(source) == 4:
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(segment), 1, 0, 64, 6, 0)
        return MACS + b"\x08\x00" + head + source + destination + segment
    head = struct.pack(">IHBB", 6 << 28, len(segment), 6, 64)
    return MACS + b"\x86\xdd" + head + source + destination + segment


def connection(
    client: End,
    server: End,
    turns: Iterable[tuple[int, bytes]] = EXCHANGE,
    *,
    sent_to: End | None = None,
    handshake: bool = True,
    isn: int = CLIENT_ISN,
) -> list[bytes]:
    """Frames of a connection; turn 0 is the client's, 1 the server's.

    With `sent_to` it is torn as by iptables REDIRECT: the client's packets go there, the answers
    come from `server`.
    """
    dialled = sent_to or server
    numbers = [isn, SERVER_ISN]
    frames = []

    def send(side: int, flags: int, payload: bytes = b"", length: int = 0) -> None:
        ends = (client, dialled) if side == 0 else (server, client)
        acked = numbers[1 - side] if flags & ACK else 0
        frames.append(tcp_frame(*ends, flags, (numbers[side], acked), payload))
        numbers[side] += length + len(payload)

    if handshake:
        send(0, SYN, length=1)
        send(1, SYN | ACK, length=1)
        send(0, ACK)
    for side, payload in turns:
        send(side, PSH | ACK, payload)
        send(1 - side, ACK)
    send(0, FIN | ACK, length=1)
    send(1, FIN | ACK, length=1)
    send(0, ACK)
    return frames


def sent_by(address: str, frames: Iterable[bytes]) -> list[bytes]:
    """Only the IPv4 or IPv6 frames of that source."""
    packed = ip_address(address).packed
    at = 26 if len(packed) == 4 else 22
    return [frame for frame in frames if frame[at : at + len(packed)] == packed]


def flows_of(frames: Sequence[bytes]) -> Flows:
    """Sealed and joined flows, as the pipeline makes them."""
    reading = Reading(FlowTable(tallies=True), Totals(), [])
    reading.fold(chunk_of(frames))
    return join_redirected(seal(reading.table))
