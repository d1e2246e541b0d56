"""AF_PACKET sockets with a TPACKET_V3 ring, as linux/if_packet.h and packet_mmap.rst describe them.

Only constants, system calls and their failures; what lies in the ring is read by `ring`. A socket
is opened for protocol 0, which receives nothing; it is bound once its filter and its ring are in
place, so no packet is ever counted that the filter would have refused.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import socket  # noqa: TID251 - this is what opens them
import struct
import sys
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sniffdiag.errors import SourceError
from sniffdiag.records import dataclass
from sniffdiag.sources.window import SLACK_BYTES

HAS_PACKET_SOCKETS = sys.platform == "linux"
ANY = "any"
"""All interfaces at once, as tcpdump calls them."""

SOL_PACKET = 263
PACKET_ADD_MEMBERSHIP, PACKET_RX_RING, PACKET_STATISTICS = 1, 5, 6
PACKET_VERSION, PACKET_RESERVE = 10, 12
TPACKET_V3 = 2
PACKET_MR_PROMISC = 1
SO_ATTACH_FILTER = 26
ETH_P_ALL = 3

BLOCK_BYTES = 1 << 20
FEWEST_BLOCKS = 4
FRAME_BYTES = 2048
"""The kernel wants a frame size that divides the block; TPACKET_V3 packs frames of any length."""
RETIRE_MS = 50
"""A block that does not fill is handed over after so long."""
RESERVED_BYTES = 32
"""Room before each frame, for the header and the tag that `ring` writes there."""

LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL2 = 1, 276
ARPHRD_LOOPBACK = 772
_LINKTYPES = {
    1: LINKTYPE_ETHERNET,
    ARPHRD_LOOPBACK: LINKTYPE_ETHERNET,
    801: 105,
    802: 119,
    803: 127,
}
"""By ARPHRD_ number, of what is captured with its own link header; the rest is cooked (SLL2)."""
_SYS_NET = Path("/sys/class/net")

Instruction = tuple[int, int, int, int]
"""code, jt, jf, k of classic BPF (linux/filter.h, struct sock_filter)."""

_LD_W_ABS, _JEQ, _RET = 0x20, 0x15, 0x06
_AD_PKTTYPE, _AD_HATYPE = 0xFFFFF000 + 4, 0xFFFFF000 + 28
_PACKET_OUTGOING = 4
REFUSE_ALL: tuple[Instruction, ...] = ((_RET, 0, 0, 0),)
LOOPBACK_ONCE: tuple[Instruction, ...] = (
    (_LD_W_ABS, 0, 0, _AD_PKTTYPE),
    (_JEQ, 0, 3, _PACKET_OUTGOING),
    (_LD_W_ABS, 0, 0, _AD_HATYPE),
    (_JEQ, 0, 1, ARPHRD_LOOPBACK),
    (_RET, 0, 0, 0),
)
"""Goes before any filter: on loopback a packet goes out and comes in; as libpcap, once."""

WAYS_OUT = (
    "run it with sudo, or give the capability to Python once: "
    "`sudo setcap cap_net_raw+ep $(readlink -f $(command -v python3))`; for a pod: "
    "`kubectl exec POD -- tcpdump -i any -U -w - | sniffdiag live -r -`"
)


def accept_all(snaplen: int) -> tuple[Instruction, ...]:
    """The filter that lets everything through, so many bytes of it."""
    return ((_RET, 0, 0, snaplen),)


@dataclass(frozen=True, slots=True)
class Link:
    """What is captured at one place and how its frames begin."""

    name: str
    index: int
    """0 is all interfaces."""
    linktype: int

    @property
    def cooked(self) -> bool:
        """The kernel leaves out the link header; `ring` writes LINKTYPE_LINUX_SLL2 instead."""
        return self.linktype == LINKTYPE_LINUX_SLL2


def link_of(name: str) -> Link:
    """The place that a user names.

    Raises:
        SourceError: There is no such interface.
    """
    if name == ANY:
        return Link(name, 0, LINKTYPE_LINUX_SLL2)
    try:
        index = socket.if_nametoindex(name)
        hardware = int((_SYS_NET / name / "type").read_text())
    except (OSError, ValueError) as error:
        known = ", ".join((ANY, *(each for _, each in socket.if_nameindex())))
        raise SourceError(f"there is no interface {name}", hint=f"there are: {known}") from error
    return Link(name, index, _LINKTYPES.get(hardware, LINKTYPE_LINUX_SLL2))


class PacketSocket:
    """One bound socket and its ring, mapped."""

    def __init__(self, link: Link, program: Sequence[Instruction], ring_bytes: int) -> None:
        """Opens, filters, maps; packets arrive after `bind`.

        Raises:
            SourceError: A capability is missing, or the kernel refuses.
        """
        self.link = link
        self.blocks = max(ring_bytes // BLOCK_BYTES, FEWEST_BLOCKS)
        self._socket = _opened(link)
        try:
            self.attach((*LOOPBACK_ONCE, *program))
            self.memory = self._ring()
        except OSError as error:
            self._socket.close()
            raise _refused(link, error, f"a ring of {self.blocks} MiB") from error

    def _ring(self) -> npt.NDArray[np.uint8]:
        """Ask for the ring and map it; shape (blocks * BLOCK_BYTES + slack,), the slack zero.

        Where there is no memory for it, one half as large will do, and so on: as libpcap.
        """
        self._socket.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V3)
        self._socket.setsockopt(SOL_PACKET, PACKET_RESERVE, RESERVED_BYTES)
        while True:
            try:
                self._ask_for_ring()
            except OSError as error:
                if error.errno != errno.ENOMEM or self.blocks <= FEWEST_BLOCKS:
                    raise
                self.blocks //= 2
            else:
                return _mapped(self._socket.fileno(), self.blocks * BLOCK_BYTES)

    def _ask_for_ring(self) -> None:
        frames = self.blocks * BLOCK_BYTES // FRAME_BYTES
        request = struct.pack("=7I", BLOCK_BYTES, self.blocks, FRAME_BYTES, frames, RETIRE_MS, 0, 0)
        self._socket.setsockopt(SOL_PACKET, PACKET_RX_RING, request)

    def attach(self, program: Sequence[Instruction]) -> None:
        """Put a filter in the place of the one that is there."""
        code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
        body = ctypes.create_string_buffer(code, len(code))
        prog = struct.pack("@HP", len(program), ctypes.addressof(body))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, prog)

    def bind(self, *, promiscuous: bool) -> None:
        """Let packets come.

        Raises:
            SourceError: The interface is gone, or will not be promiscuous.
        """
        try:
            self._bind()
            if promiscuous and self.link.index:
                wish = struct.pack("=iHH8x", self.link.index, PACKET_MR_PROMISC, 0)
                self._socket.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, wish)
        except OSError as error:
            raise _refused(self.link, error, "capturing") from error

    def _bind(self) -> None:
        """By number, because Python binds by name only and "any" has none (struct sockaddr_ll)."""
        protocol = socket.htons(ETH_P_ALL)
        address = struct.pack("=HHi12x", socket.AF_PACKET, protocol, self.link.index)
        if _LIBC.bind(self._socket.fileno(), address, len(address)):
            raise _last_error()

    def fileno(self) -> int:
        """For `select.poll`."""
        return self._socket.fileno()

    def lost(self) -> int:
        """Packets that found the ring full since this was last asked."""
        told = self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 12)
        _, lost, _ = struct.unpack("=3I", told)
        return int(lost)

    def error(self) -> str:
        """What went wrong since this was last asked ("Network is down"), or nothing."""
        number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        return os.strerror(number) if number else ""

    def close(self) -> None:
        """Stop capturing; the ring stays mapped as long as somebody looks at it."""
        self._socket.close()


def _opened(link: Link) -> socket.socket:
    kind = socket.SOCK_DGRAM if link.cooked else socket.SOCK_RAW
    try:
        return socket.socket(socket.AF_PACKET, kind, 0)
    except PermissionError as error:
        raise SourceError(
            "capturing needs the capability CAP_NET_RAW, which this process lacks", hint=WAYS_OUT
        ) from error
    except OSError as error:
        raise _refused(link, error, "a packet socket") from error


def _refused(link: Link, error: OSError, what: str) -> SourceError:
    return SourceError(f"{link.name}: the kernel refuses {what}: {error.strerror or error}")


def _last_error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))


def _c_library() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    return libc


_LIBC = _c_library()
_MAP_FIXED = 0x10


def _mapped(descriptor: int, size: int) -> npt.NDArray[np.uint8]:
    """The ring with a page of zeros behind it, which Python's own mmap cannot place there."""
    access = mmap.PROT_READ | mmap.PROT_WRITE
    whole = size + mmap.PAGESIZE
    base = _LIBC.mmap(None, whole, access, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, -1, 0)
    ring = _LIBC.mmap(base, size, access, mmap.MAP_SHARED | _MAP_FIXED, descriptor, 0)
    if ring != base:
        raise _last_error()
    memory = (ctypes.c_uint8 * (size + SLACK_BYTES)).from_address(base)
    weakref.finalize(memory, _LIBC.munmap, base, whole)  # every view of it keeps it alive
    return np.frombuffer(memoryview(memory), np.uint8)
