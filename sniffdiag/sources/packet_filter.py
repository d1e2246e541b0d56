"""Filters in tcpdump's syntax, compiled by libpcap and made fit for a packet socket.

libpcap is loaded when a filter is given. For cooked captures it counts from its own header, which
the kernel does not have: as in pcap-linux.c (fix_program), loads from that header become loads of
what the kernel knows about the packet, and the others are shifted.
"""

from __future__ import annotations

import ctypes
from typing import ClassVar

from sniffdiag.errors import SourceError
from sniffdiag.records import dataclass
from sniffdiag.sources.packet_socket import Instruction, Link, accept_all

_NAMES = ("libpcap.so.1", "libpcap.so.0.8", "libpcap.so", "libpcap.A.dylib", "libpcap.dylib")
_NETMASK_UNKNOWN = 0xFFFFFFFF
_CLASS, _LD, _LDX = 0x07, 0x00, 0x01
_MODE, _ABS, _IND, _MSH = 0xE0, 0x20, 0x40, 0xA0
_AD_OFF = 0xFFFFF000
"""SKF_AD_OFF: from here on loads ask for what the kernel knows about a packet."""
_SLL2_LEN = 20
_SLL2_FIELDS = {0: _AD_OFF + 0, 4: _AD_OFF + 8, 8: _AD_OFF + 28, 10: _AD_OFF + 4}
"""Protocol, interface, hardware type and packet type: their place in LINKTYPE_LINUX_SLL2 and
SKF_AD_PROTOCOL, _IFINDEX, _HATYPE and _PKTTYPE (linux/filter.h)."""


class _Instruction(ctypes.Structure):
    _fields_: ClassVar = [
        ("code", ctypes.c_ushort),
        ("jt", ctypes.c_ubyte),
        ("jf", ctypes.c_ubyte),
        ("k", ctypes.c_uint),
    ]


class _Program(ctypes.Structure):
    _fields_: ClassVar = [("length", ctypes.c_uint), ("code", ctypes.POINTER(_Instruction))]


@dataclass(frozen=True, slots=True)
class PacketFilter:
    """What is to be captured of each frame, and of which."""

    text: str = ""
    snaplen: int = 262_144

    def program(self, link: Link) -> tuple[Instruction, ...]:
        """The instructions for a socket on this link.

        Raises:
            SourceError: The filter does not parse, or cannot be applied here.
        """
        if not self.text.strip():
            return accept_all(self.snaplen)
        if "vlan" in self.text.split():
            raise SourceError(
                "the filter word vlan cannot be used: the kernel keeps VLAN tags beside the packet",
                hint="name the VLAN's own interface with -i, or filter by address",
            )
        code = compiled(self.text, link.linktype, self.snaplen)
        return _for_cooked(code, self.text) if link.cooked else code


def compiled(text: str, linktype: int, snaplen: int) -> tuple[Instruction, ...]:
    """Libpcap's translation of a filter.

    Raises:
        SourceError: There is no libpcap, or it refuses the filter.
    """
    library = _libpcap()
    handle = library.pcap_open_dead(linktype, snaplen)
    program = _Program()
    try:
        if library.pcap_compile(handle, ctypes.byref(program), text.encode(), 1, _NETMASK_UNKNOWN):
            reason = library.pcap_geterr(handle).decode(errors="replace")
            raise SourceError(f"the filter {text!r} is refused: {reason}")
        code = tuple((i.code, i.jt, i.jf, i.k) for i in program.code[: program.length])
        library.pcap_freecode(ctypes.byref(program))
    finally:
        library.pcap_close(handle)
    return code


def _for_cooked(code: tuple[Instruction, ...], text: str) -> tuple[Instruction, ...]:
    return tuple(_shifted(instruction, text) for instruction in code)


def _shifted(instruction: Instruction, text: str) -> Instruction:
    code, jt, jf, k = instruction
    loads = code & _CLASS in (_LD, _LDX) and code & _MODE in (_ABS, _IND, _MSH)
    if not loads or k >= _AD_OFF:
        return instruction
    if k >= _SLL2_LEN:
        return code, jt, jf, k - _SLL2_LEN
    if k not in _SLL2_FIELDS:
        raise SourceError(
            f"the filter {text!r} cannot be applied to interfaces without a common link header",
            hint="capture on one interface, or filter by address and port",
        )
    return code, jt, jf, _SLL2_FIELDS[k]


def _libpcap() -> ctypes.CDLL:
    for name in _NAMES:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        library.pcap_open_dead.restype = ctypes.c_void_p
        library.pcap_geterr.restype = ctypes.c_char_p
        library.pcap_geterr.argtypes = library.pcap_close.argtypes = [ctypes.c_void_p]
        library.pcap_compile.argtypes = [
            ctypes.c_void_p,
            ctypes.POINTER(_Program),
            ctypes.c_char_p,
            ctypes.c_int,
            ctypes.c_uint,
        ]
        return library
    raise SourceError(
        "a filter needs libpcap, which is not installed", hint="apt-get install libpcap0.8"
    )
