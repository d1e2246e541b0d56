"""Sends a capture as fast as the kernel takes it, or so many packets a second: sendmmsg in batches.

tcpreplay makes a system call a packet and comes to half of this. Runs where the interface is:
`python -m tests.support.sender CAPTURE INTERFACE LOOPS PACKETS_PER_SECOND [PORT]` (0 is no limit).
With the PORT of the server clients have other addresses in every loop.
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

_SOURCE, _DESTINATION, _PORTS = 26, 30, 34
"""Where addresses and ports lie in Ethernet and IPv4 without options."""

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]


def frames_of(capture: str) -> tuple[Bytes, Ints, Ints]:
    """All frames in one buffer, where each begins and its length."""
    pieces, places, lengths = [], [], []
    size = 0
    for chunk in open_sources([capture], stdin=None):
        pieces.append(chunk.data.copy())
        places.append(chunk.offset + size)
        lengths.append(chunk.caplen)
        size += chunk.data.shape[0]
    return np.concatenate(pieces), np.concatenate(places), np.concatenate(lengths)


def messages_of(data: Bytes, at: Ints, length: Ints) -> tuple[npt.NDArray[np.void], Ints]:
    """One message a frame, and the vectors that they point to."""
    vectors = np.stack((data.ctypes.data + at, length), axis=1)
    messages = np.zeros(vectors.shape[0], _MMSGHDR)
    messages["iov"] = vectors.ctypes.data + np.arange(vectors.shape[0]) * 2 * vectors.itemsize
    messages["iov_len"] = 1
    return messages, vectors


def clients_of(data: Bytes, at: Ints, port: int) -> Ints:
    """Where the second byte of each client's address lies; `port` is the server's."""
    source_port = data[at + _PORTS].astype(np.int64) << 8 | data[at + _PORTS + 1]
    return at + np.where(source_port == port, _DESTINATION, _SOURCE) + 1


def send(
    interface: str, capture: str, loops: int, per_s: float, port: int = 0
) -> tuple[int, float]:
    """Send all frames so many times; packets sent, and the seconds it took."""
    data, places, length = frames_of(capture)
    messages, _vectors = messages_of(data, places, length)
    clients = clients_of(data, places, port) if port else places[:0]
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
            data[clients] += np.uint8(1)
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
    where, whence, times, rate, *server = sys.argv[2], sys.argv[1], *sys.argv[3:]
    packets_sent, seconds = send(where, whence, int(times), float(rate), *map(int, server))
    sys.stdout.write(f"{packets_sent} {seconds:.3f}\n")
