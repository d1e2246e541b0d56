"""Sends a capture as fast as the kernel takes it, or so many packets a second: sendmmsg in batches.

tcpreplay makes a system call a packet and comes to half of this. Runs where the interface is:
`python -m tests.support.sender CAPTURE INTERFACE LOOPS PACKETS_PER_SECOND` (0 is no limit).
"""

from __future__ import annotations

import ctypes
import os
import socket
import sys
import time

import numpy as np
import numpy.typing as npt

from sniffdiag.sources.captures import open_sources

SOL_PACKET, PACKET_QDISC_BYPASS = 263, 20
BATCH = 256
_MMSGHDR = np.dtype(
    [
        ("name", "=u8"),
        ("name_len", "=u8"),
        ("iov", "=u8"),
        ("iov_len", "=u8"),
        ("control", "=u8"),
        ("control_len", "=u8"),
        ("flags", "=u8"),
        ("sent", "=u8"),
    ]
)
"""struct mmsghdr of 64-bit Linux, paddings included."""

Vectors = npt.NDArray[np.uint64]


def vectors_of(capture: str) -> tuple[Vectors, list[npt.NDArray[np.uint8]]]:
    """Address and length of every frame, shape (frames, 2), and the memory that they lie in."""
    memory, found = [], []
    for chunk in open_sources([capture], stdin=None):
        data = chunk.data.copy()
        memory.append(data)
        found.append(np.stack((data.ctypes.data + chunk.offset, chunk.caplen), axis=1))
    return np.concatenate(found).astype(np.uint64), memory


def messages_of(vectors: Vectors) -> npt.NDArray[np.void]:
    """One message a frame."""
    messages = np.zeros(vectors.shape[0], _MMSGHDR)
    messages["iov"] = vectors.ctypes.data + np.arange(vectors.shape[0]) * 2 * vectors.itemsize
    messages["iov_len"] = 1
    return messages


def send(interface: str, capture: str, loops: int, per_s: float) -> tuple[int, float]:
    """Send all frames so many times; packets sent, and the seconds it took."""
    vectors, _memory = vectors_of(capture)
    messages = messages_of(vectors)
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as packets:
        packets.bind((interface, 0))
        packets.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
        began, sent = time.monotonic(), 0
        for _ in range(loops):
            at = 0
            while at < messages.shape[0]:
                if per_s:
                    time.sleep(max(sent / per_s - (time.monotonic() - began), 0))
                taken = _sendmmsg(packets, messages[at : at + BATCH])
                at += taken
                sent += taken
        return sent, time.monotonic() - began


def _sendmmsg(packets: socket.socket, messages: npt.NDArray[np.void]) -> int:
    taken = _LIBC.sendmmsg(packets.fileno(), messages.ctypes.data, messages.shape[0], 0)
    if taken < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(taken)


def _c_library() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.sendmmsg.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]
    return libc


_LIBC = _c_library()


if __name__ == "__main__":
    packets_sent, seconds = send(sys.argv[2], sys.argv[1], int(sys.argv[3]), float(sys.argv[4]))
    sys.stdout.write(f"{packets_sent} {seconds:.3f}\n")
