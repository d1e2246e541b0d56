"""The interfaces of this machine and whether they can be captured on.

Linux tells addresses by rtnetlink(7) and states by sysfs; elsewhere scapy knows.
"""

from __future__ import annotations

import ipaddress
import socket  # noqa: TID251 - rtnetlink is a socket
import struct
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from sniffdiag.records import dataclass
from sniffdiag.sources.packet_socket import HAS_PACKET_SOCKETS

_SYS_NET = Path("/sys/class/net")
_NETLINK_ROUTE = 0
_RTM_NEWADDR, _RTM_GETADDR, _NLMSG_DONE = 20, 22, 3
_DUMP = 0x301
"""NLM_F_REQUEST | NLM_F_DUMP."""
_HEADER = struct.Struct("=IHHII")
_ADDRESS = struct.Struct("=BBBBi")
_ATTRIBUTE = struct.Struct("=HH")
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_RECEIVED_BYTES = 65_536
_IFF_UP = 0x1


@dataclass(frozen=True, slots=True)
class NetworkInterface:
    """One interface; `any` is none of them."""

    name: str
    state: str
    """up, down, or what the kernel else calls it."""
    addresses: tuple[str, ...]
    obstacle: str
    """Why nothing can be captured on it, or nothing."""


def network_interfaces() -> list[NetworkInterface]:
    """All of them, in the kernel's order."""
    if not HAS_PACKET_SOCKETS:
        return _as_scapy_knows_them()
    addresses = _addresses()
    obstacle = _lacking_rights()
    return [
        NetworkInterface(
            name, state := _state(name), tuple(addresses[index]), obstacle or _silence(state)
        )
        for index, name in socket.if_nameindex()
    ]


def _silence(state: str) -> str:
    return "it is down" if state == "down" else ""


def _lacking_rights() -> str:
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except OSError as error:
        permitted = not isinstance(error, PermissionError)
        return str(error.strerror) if permitted else "needs the capability CAP_NET_RAW"
    return ""


def _state(name: str) -> str:
    """Administratively down is down; loopback and tunnels have no other state than "unknown"."""
    try:
        up = int((_SYS_NET / name / "flags").read_text(), 16) & _IFF_UP
        state = (_SYS_NET / name / "operstate").read_text().strip()
    except (OSError, ValueError):
        return "unknown"
    if not up:
        return "down"
    return "up" if state == "unknown" else state


def _addresses() -> dict[int, list[str]]:
    """Addresses with prefix lengths by the index of their interface."""
    found: dict[int, list[str]] = defaultdict(list)
    request = _ADDRESS.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
    head = _HEADER.pack(_HEADER.size + len(request), _RTM_GETADDR, _DUMP, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_ROUTE) as route:
        route.send(head + request)
        done = False
        while not done:
            done = True
            for kind, body in _messages(route.recv(_RECEIVED_BYTES)):
                done = kind != _RTM_NEWADDR
                if not done:
                    index, address = _address(body)
                    found[index].append(address)
    return found


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, at)
        yield kind, data[at + _HEADER.size : at + length]
        at += (length + 3) & ~3


def _address(body: bytes) -> tuple[int, str]:
    """Index and address; IFA_LOCAL is the interface's own where the link is point to point."""
    _, prefix, _, _, index = _ADDRESS.unpack_from(body)
    values: dict[int, bytes] = {}
    at = _ADDRESS.size
    while at + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, at)
        values[kind] = body[at + _ATTRIBUTE.size : at + length]
        at += max((length + 3) & ~3, _ATTRIBUTE.size)
    raw = values.get(_IFA_LOCAL) or values[_IFA_ADDRESS]
    return index, f"{ipaddress.ip_address(raw)}/{prefix}"


def _as_scapy_knows_them() -> list[NetworkInterface]:
    from scapy.config import conf  # noqa: PLC0415, TID251 - slow to import

    return [
        NetworkInterface(
            name=str(each.network_name),
            state="up" if "UP" in str(each.flags) else "down",
            addresses=tuple(address for family in each.ips.values() for address in family),
            obstacle="" if each.is_valid() else "scapy cannot open it",
        )
        for each in conf.ifaces.values()
    ]
