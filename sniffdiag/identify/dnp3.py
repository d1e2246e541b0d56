"""DNP3 over TCP and UDP: link frames whose header has a checksum. Follows IEEE 1815 9.2.4."""

from __future__ import annotations

from functools import reduce

from sniffdiag.identify.clue import Clue, anywhere, beginning, faint, probe_sides, proof, when
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import ANY_U16, Layout, Literal, Number, byte, fit
from sniffdiag.model import Transport

CHECKED_LEN = 8
HEADER: Layout = (
    Literal(0, b"\x05\x64"),
    byte(2, range(5, 256)),
    Number(CHECKED_LEN, 2, ANY_U16, "little"),
)
POLYNOMIAL = 0xA6BC
"""0x3D65 with its bits reversed."""


def checksum(data: bytes) -> int:
    """The CRC of a block."""
    return reduce(_add, data, 0) ^ 0xFFFF


def _add(crc: int, value: int) -> int:
    crc ^= value
    for _ in range(8):
        crc = crc >> 1 ^ POLYNOMIAL if crc & 1 else crc >> 1
    return crc


@beginning(HEADER)
def _frame(data: bytes) -> Clue:
    fits = fit(data, HEADER)
    if fits:
        told = int.from_bytes(data[CHECKED_LEN : CHECKED_LEN + 2], "little")
        if told == checksum(data[:CHECKED_LEN]):
            return proof("DNP3 frame header with its checksum")
    return when(fits, faint("a DNP3 frame"))


_side = anywhere(_frame, _frame)

DETECTOR = Detector(
    protocol="dnp3",
    title="DNP3",
    transports=frozenset({Transport.TCP, Transport.UDP}),
    probe=probe_sides(_side, _side),
    evidence="Start bytes, length, and the checksum of the frame header.",
    midstream=True,
)
