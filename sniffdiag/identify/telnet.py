"""Telnet: option negotiation. A session without any is bare text and stays unknown.

Follows RFC 854, RFC 855 and IANA's telnet-options.
"""

from __future__ import annotations

from sniffdiag.identify import wire
from sniffdiag.identify.clue import any_of, anywhere, chain_of, hint, probe_sides, proof
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Layout, byte
from sniffdiag.model import Transport

IAC, SUBNEGOTIATION = 0xFF, 0xFA
END = b"\xff\xf0"
NEGOTIATIONS = frozenset({0xFB, 0xFC, 0xFD, 0xFE})
OPTIONS = (
    frozenset(range(50)) | frozenset(range(69, 94)) | frozenset({138, 139, 140, 200, 201, 255})
)
COMMAND: Layout = (byte(0, {IAC}), byte(1, NEGOTIATIONS | {SUBNEGOTIATION}), byte(2, OPTIONS))
NEGOTIATION_LEN = 3
LONGEST_SUBNEGOTIATION = 512


def _command_len(data: bytes, at: int) -> int | None:
    mark, command, option = (wire.u8(data, at + i) for i in range(NEGOTIATION_LEN))
    if mark not in {None, IAC} or command not in {None, SUBNEGOTIATION, *NEGOTIATIONS}:
        return 0
    if option is None:
        return None
    if option not in OPTIONS:
        return 0
    return NEGOTIATION_LEN if command in NEGOTIATIONS else _subnegotiation_len(data, at)


def _subnegotiation_len(data: bytes, at: int) -> int | None:
    end = data.find(END, at, at + LONGEST_SUBNEGOTIATION)
    if end >= 0:
        return end + len(END) - at
    return None if len(data) - at < LONGEST_SUBNEGOTIATION else 0


_commands = any_of(
    chain_of(_command_len, 2, proof("chained Telnet option negotiations"), COMMAND),
    chain_of(_command_len, 1, hint("a Telnet option negotiation"), COMMAND),
)
_side = anywhere(_commands, _commands)

DETECTOR = Detector(
    protocol="telnet",
    title="Telnet",
    transports=frozenset({Transport.TCP}),
    probe=probe_sides(_side, _side),
    evidence="Option negotiations (ff fb/fc/fd/fe option), chained or on both sides.",
    midstream=True,
    server_first=True,
)
