"""Filters in tcpdump's syntax, compiled by libpcap and made fit for a packet socket.

libpcap is loaded when a filter is given. For cooked captures it counts from its own header, which
the kernel does not have: as in pcap-linux.c (fix_program), loads from that header become loads of
what the kernel knows about the packet, and the others are shifted.

VLAN tags are among what the kernel knows beside the packet (SKF_AD_VLAN_TAG). libpcap asks for them
there only when it compiles for an interface that it has opened itself.
"""

from __future__ import annotations

import ctypes
import re
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
_VLAN = re.compile(r"\bvlan\b")
_ERROR_BYTES = 256
"""PCAP_ERRBUF_SIZE."""
_OPEN_MS = 100
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
        tags = bool(_VLAN.search(self.text))
        if tags and link.cooked:
            raise SourceError(
                f"the filter {self.text!r} cannot be applied to {link.name}, whose frames have no "
                "link header",
                hint="name the interface that carries the VLANs with -i, or filter by address",
            )
        code = compiled(self.text, link.linktype, self.snaplen, link.name if tags else "")
        return _for_cooked(code, self.text) if link.cooked else code


def compiled(
    text: str, linktype: int, snaplen: int, interface: str = ""
) -> tuple[Instruction, ...]:
    """Libpcap's translation of a filter; for an `interface`, which it opens, where one is named.

    Raises:
        SourceError: There is no libpcap, or it refuses the filter or the interface.
    """
    library = _libpcap()
    if interface:
        handle = _opened(library, interface, snaplen)
    else:
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


def _opened(library: ctypes.CDLL, interface: str, snaplen: int) -> int:
    reason = ctypes.create_string_buffer(_ERROR_BYTES)
    handle = library.pcap_open_live(interface.encode(), snaplen, 0, _OPEN_MS, reason)
    if not handle:
        told = reason.value.decode(errors="replace")
        raise SourceError(f"libpcap cannot open {interface} to compile the filter: {told}")
    return int(handle)


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
        library.pcap_open_dead.restype = library.pcap_open_live.restype = ctypes.c_void_p
        library.pcap_open_live.argtypes = [ctypes.c_char_p, *[ctypes.c_int] * 3, ctypes.c_char_p]
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
