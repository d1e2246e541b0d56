"""Ring blocks as frame chunks: `PacketSocket`'s memory in, columns out, nothing copied.

A block's frames are linked, each saying where the next begins. All places that could be headers are
found at once, and the links then verify them: only if they do not form the very chain that the
block says it holds is it walked frame by frame. What the kernel took out of the frames (a VLAN tag,
the link header of cooked captures) is written back into the room before them.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sniffdiag.sources.packet_socket import BLOCK_BYTES, LINKTYPE_ETHERNET, PacketSocket

if TYPE_CHECKING:
    Ints = npt.NDArray[np.int64]
    Headers = npt.NDArray[np.void]

BLOCKS_AT_ONCE = 16
"""A chunk of as many bytes as files are read in."""

_STATUS_AT = 8
_OURS, _THE_KERNELS = 1, 0
"""TP_STATUS_USER and TP_STATUS_KERNEL, of whole blocks."""
_BLOCK = struct.Struct("=8xIIIIQIIII")
"""tpacket_block_desc: status, packets, offset of the first, bytes used, number, two times."""
_ALIGNMENT = 8
_VLAN_VALID, _VLAN_TPID_VALID = 0x10, 0x40
_VLAN_TPID = 0x8100
_MACS_LEN, _TAG_LEN, _SLL2_LEN = 12, 4, 20

HEADER = np.dtype(
    [
        ("next", "=u4"),
        ("sec", "=u4"),
        ("nsec", "=u4"),
        ("caplen", "=u4"),
        ("wirelen", "=u4"),
        ("status", "=u4"),
        ("mac", "=u2"),
        ("net", "=u2"),
        ("rxhash", "=u4"),
        ("vlan_tci", "=u4"),
        ("vlan_tpid", "=u2"),
        ("padding", "V10"),
        ("family", "=u2"),
        ("protocol", ">u2"),
        ("ifindex", "=i4"),
        ("hatype", "=u2"),
        ("pkttype", "u1"),
        ("halen", "u1"),
        ("address", "V8"),
    ]
)
"""tpacket3_hdr and the sockaddr_ll behind it."""
SLL2 = np.dtype(
    [
        ("protocol", ">u2"),
        ("reserved", ">u2"),
        ("ifindex", ">u4"),
        ("hatype", ">u2"),
        ("pkttype", "u1"),
        ("halen", "u1"),
        ("address", "V8"),
        ("vlan_tci", ">u2"),
        ("inner_protocol", ">u2"),
    ]
)
"""LINKTYPE_LINUX_SLL2, and a VLAN tag behind it for the frames that had one."""


class Frames:
    """Frames of consecutive blocks; offsets count from `data`'s beginning."""

    __slots__ = ("caplen", "data", "offset", "ts_ns", "wirelen")

    def __init__(self, data: npt.NDArray[np.uint8], headers: Headers, at: Ints) -> None:
        self.data = data
        self.offset = at + headers["mac"]
        self.caplen = headers["caplen"].astype(np.int64)
        self.wirelen = headers["wirelen"].astype(np.int64)
        self.ts_ns = headers["sec"].astype(np.int64) * 1_000_000_000 + headers["nsec"]

    def put_before(self, rows: Ints, count: int) -> Ints:
        """Lengthen `rows` by so many bytes at the front; where these begin."""
        self.offset[rows] -= count
        self.caplen[rows] += count
        self.wirelen[rows] += count
        begin: Ints = self.offset[rows]
        return begin


class Ring:
    """The blocks of one socket, in the order in which the kernel fills them."""

    def __init__(self, packets: PacketSocket) -> None:
        self.packets = packets
        self._memory = packets.memory
        self._next = 0
        self._held = 0
        """Blocks before `_next` that are not given back yet."""

    def ready(self) -> int:
        """Blocks that can be taken at once: up to the end of the ring."""
        most = min(BLOCKS_AT_ONCE, self.packets.blocks - self._next)
        for count in range(most):
            if not self._status(self._next + count) & _OURS:
                return count
        return most

    def _status(self, block: int) -> int:
        at = block * BLOCK_BYTES + _STATUS_AT
        return int(self._memory[at : at + 4].view(np.uint32)[0])

    def take(self, count: int) -> Frames:
        """The frames of the next `count` blocks, which must be ready; `give_back` them after."""
        begin = self._next * BLOCK_BYTES
        data = self._memory[begin:]
        found = [headers_of(data, block * BLOCK_BYTES) for block in range(count)]
        at = np.concatenate(found)
        headers = _gathered(data, at)
        frames = Frames(data, headers, at)
        if self.packets.link.cooked:
            _write_cooked_headers(frames, headers)
        elif self.packets.link.linktype == LINKTYPE_ETHERNET:
            _restore_tags(frames, headers)
        self._next += count
        self._held = count
        return frames

    def give_back(self) -> None:
        """The blocks taken last are the kernel's again."""
        for block in range(self._next - self._held, self._next):
            at = block * BLOCK_BYTES + _STATUS_AT
            self._memory[at : at + 4].view(np.uint32)[0] = _THE_KERNELS
        self._held = 0
        self._next %= self.packets.blocks


def headers_of(data: npt.NDArray[np.uint8], block: int) -> Ints:
    """Where the headers of the frames in the block at `block` begin, shape (packets,)."""
    _, packets, first, used, _, first_sec, _, last_sec, _ = _BLOCK.unpack_from(data.data, block)
    if not packets:
        return np.zeros(0, np.int64)
    begin = block + first
    words = data[begin : block + (used & -_ALIGNMENT)].view(np.uint32).reshape(-1, 2)
    # A second of leeway: packets are stamped before the block that takes them is opened.
    span = np.uint32((last_sec - first_sec + 2) & 0xFFFFFFFF)
    within = words[:, 1] - np.uint32((first_sec - 1) & 0xFFFFFFFF) <= span
    at: Ints = np.flatnonzero(within) * _ALIGNMENT
    steps = words[:, 0][at // _ALIGNMENT]
    if not _is_chain(at, steps, packets):
        at = _walked(words[:, 0], packets)
    at += begin
    return at


def _is_chain(at: Ints, steps: npt.NDArray[np.uint32], packets: int) -> bool:
    """Whether every header leads to the next, from the first of them to the last."""
    return bool(
        at.size == packets and at[0] == 0 and steps[-1] == 0 and (np.diff(at) == steps[:-1]).all()
    )


def _walked(steps: npt.NDArray[np.uint32], packets: int) -> Ints:
    """The chain, header by header: for payload that looks like headers, and clocks that jump."""
    at = np.zeros(packets, np.int64)
    place = 0
    for number in range(1, packets):
        place += int(steps[place // _ALIGNMENT])
        at[number] = place
    return at


def _gathered(data: npt.NDArray[np.uint8], at: Ints) -> Headers:
    rows = _everywhere(data, HEADER.itemsize)[at]
    headers: Headers = rows.view(HEADER)
    return headers


def _everywhere(data: npt.NDArray[np.uint8], count: int) -> npt.NDArray[np.void]:
    """The `count` bytes at each place of `data`, to be read and written."""
    return np.ndarray((data.shape[0] - count + 1,), f"V{count}", data.data, strides=(1,))


def _tagged(headers: Headers) -> Ints:
    return np.flatnonzero(headers["status"] & _VLAN_VALID)


def _tag_protocol(headers: Headers) -> npt.NDArray[np.uint16]:
    told = headers["status"] & _VLAN_TPID_VALID != 0
    return np.where(told, headers["vlan_tpid"], _VLAN_TPID).astype(np.uint16)


def _restore_tags(frames: Frames, headers: Headers) -> None:
    """Put VLAN tags back between the addresses and the type of Ethernet frames."""
    rows = _tagged(headers)
    rows = rows[frames.caplen[rows] >= _MACS_LEN]
    if not rows.size:
        return
    tags = np.zeros(rows.shape[0], [("tpid", ">u2"), ("tci", ">u2")])
    tags["tpid"], tags["tci"] = _tag_protocol(headers[rows]), headers["vlan_tci"][rows]
    addresses = _everywhere(frames.data, _MACS_LEN)
    moved = addresses[frames.offset[rows]]
    begin = frames.put_before(rows, _TAG_LEN)
    addresses[begin] = moved
    _everywhere(frames.data, _TAG_LEN)[begin + _MACS_LEN] = tags.view(f"V{_TAG_LEN}")


def _write_cooked_headers(frames: Frames, headers: Headers) -> None:
    """Write the headers of cooked frames, and VLAN tags behind those that had one."""
    cooked = np.zeros(headers.shape[0], SLL2)
    for name in ("protocol", "ifindex", "hatype", "pkttype", "halen", "address"):
        cooked[name] = headers[name]
    rows = _tagged(headers)
    cooked["vlan_tci"][rows] = headers["vlan_tci"][rows]
    cooked["inner_protocol"][rows] = headers["protocol"][rows]
    cooked["protocol"][rows] = _tag_protocol(headers[rows])
    plain = np.ones(headers.shape[0], np.bool_)
    plain[rows] = False
    for those, length in ((np.flatnonzero(plain), _SLL2_LEN), (rows, _SLL2_LEN + _TAG_LEN)):
        begin = frames.put_before(those, length)
        raw = cooked[those].view(np.uint8).reshape(those.shape[0], SLL2.itemsize)[:, :length]
        _everywhere(frames.data, length)[begin] = np.ascontiguousarray(raw).view(f"V{length}")[:, 0]
