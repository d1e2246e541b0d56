"""Two network namespaces joined by a veth pair, and sniffdiag live in one of them. Needs root."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.capture_files import START_NS, Frame, pcap

NEAR, FAR = "10.77.0.1", "10.77.0.2"
PORT = 8080
DECLARED = (
    "-s",
    f"shop/reviews:{PORT}/tcp-web={FAR}",
    "--mesh-version",
    "1.20",
)
SNIFFDIAG = (sys.executable, "-m", "sniffdiag")
PATIENCE_S = 60.0
LONG_PATIENCE_S = 1_800.0


@dataclass(frozen=True, slots=True)
class Wire:
    """The near namespace sends, the far one is captured in; interfaces `near` and `far`."""

    near: str
    far: str

    def run(self, where: str, *command: str) -> str:
        """Run a program to its end."""
        done = subprocess.run(
            ["ip", "netns", "exec", where, *command],
            check=True,
            capture_output=True,
            text=True,
            timeout=LONG_PATIENCE_S,
        )
        return done.stdout

    def send(self, capture: Path, *options: str) -> None:
        """Replay a capture at full speed, from near to far."""
        speed = () if "--pps" in options else ("--topspeed",)
        self.run(self.near, "tcpreplay", *speed, *options, "-i", "near", str(capture))

    def blast(self, capture: Path, loops: int, per_s: float = 0, *, anew: bool = False) -> float:
        """Send a capture so many times from near to far, faster than tcpreplay; packets/s sent.

        `anew`: every time from other clients.
        """
        arguments = [str(capture), "near", str(loops), str(per_s), *([str(PORT)] if anew else [])]
        told = self.run(self.near, sys.executable, "-m", "tests.support.sender", *arguments)
        sent, seconds = told.split()
        return int(sent) / float(seconds)

    def arrived(self) -> int:
        """Packets that `far` has received, captured or not."""
        return int(self.run(self.far, "cat", "/sys/class/net/far/statistics/rx_packets"))


@contextmanager
def wire() -> Iterator[Wire]:
    """A fresh pair of namespaces."""
    tag = f"sniffdiag{os.getpid()}"
    both = Wire(f"{tag}n", f"{tag}f")
    try:
        for name in (both.near, both.far):
            subprocess.run(["ip", "netns", "add", name], check=True)
            both.run(name, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
            both.run(name, "ip", "link", "set", "lo", "up")
        both.run(
            both.near,
            *("ip", "link", "add", "near", "type", "veth", "peer", "name", "far"),
            *("netns", both.far),
        )
        for name, end, address in ((both.near, "near", NEAR), (both.far, "far", FAR)):
            both.run(name, "ip", "addr", "add", f"{address}/24", "dev", end)
            both.run(name, "ip", "link", "set", end, "up")
        yield both
    finally:
        for name in (both.near, both.far):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


class Live:
    """`sniffdiag live` as a child that captures already."""

    def __init__(self, where: Wire, *arguments: str, prefix: Sequence[str] = ()) -> None:
        command = [*prefix, *SNIFFDIAG, "live", *DECLARED, *arguments]
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", where.far, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,  # or `communicate` would miss what was read ahead
        )
        self._errors = self.process.stderr.readline() if self.process.stderr else b""

    def ended(self, by: signal.Signals | None = None) -> tuple[int, str, str]:
        """Exit code, standard output and standard error, after a signal or by itself."""
        if by is not None:
            self.process.send_signal(by)
        out, errors = self.process.communicate(timeout=PATIENCE_S)
        errors = self._errors + errors
        assert b"Traceback" not in errors
        return self.process.returncode, out.decode(), errors.decode()

    def report(self, by: signal.Signals | None = signal.SIGINT) -> dict[str, Any]:
        """The report of `-o json`."""
        _, out, _ = self.ended(by)
        report: dict[str, Any] = json.loads(out)
        return report

    def status(self) -> dict[str, str]:
        """/proc/PID/status."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def has_written(self, capture: Path, size: int) -> None:
        """Wait until a file has grown to a size."""
        deadline = time.monotonic() + PATIENCE_S
        while capture.stat().st_size < size:
            assert time.monotonic() < deadline, f"{capture} has {capture.stat().st_size} bytes"
            time.sleep(0.02)


def analyzed(capture: Path) -> str:
    """What `analyze -o json` says of a file."""
    command = [*SNIFFDIAG, "analyze", str(capture), *DECLARED, "-o", "json"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def frames_in(capture: Path, display_filter: str = "") -> int:
    """Frames that tshark reads of a file without complaint."""
    command = ["tshark", "-r", str(capture), "-T", "fields", "-e", "frame.number"]
    command += ["-Y", display_filter] if display_filter else []
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return len(done.stdout.split())


def request_frames(flow: int, body: bytes = b"x" * 900, *, vlan: int = 0) -> list[bytes]:
    """Frames of one connection with one request and its answer: `FRAMES_A_REQUEST` of them.

    They are addressed to a machine that is not there, so that nobody answers.
    """
    client, server = f"10.{flow >> 16 & 255}.{flow >> 8 & 255}.{flow & 255}", FAR
    asks = b"GET /x HTTP/1.1\r\nHost: reviews\r\n\r\n"
    answers = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    forth, back = (client, 40_000, server, PORT), (server, PORT, client, 40_000)
    segments = (
        (forth, 1, 0, _SYN, b""),
        (back, 1, 2, _SYN | _ACK, b""),
        (forth, 2, 2, _ACK, asks),
        (back, 2, 2 + len(asks), _ACK, answers),
    )
    tag = struct.pack(">HH", 0x8100, vlan) if vlan else b""
    return [_frame(ends, seq, ack, flags, data, tag) for ends, seq, ack, flags, data in segments]


FRAMES_A_REQUEST = 4
_SYN, _ACK = 0x02, 0x10


def _frame(  # noqa: PLR0917 - the fields of a segment
    ends: tuple[str, int, str, int], seq: int, ack: int, flags: int, data: bytes, tag: bytes
) -> bytes:
    source, source_port, target, target_port = ends
    tcp = struct.pack(">HHIIBBHHH", source_port, target_port, seq, ack, 0x50, flags, 512, 0, 0)
    addresses = socket.inet_aton(source) + socket.inet_aton(target)
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40 + len(data), 1, 0, 64, 6, 0) + addresses
    link = bytes.fromhex("02000000000b02000000000a") + tag + b"\x08\x00"
    return link + ip + tcp + data


def write_capture(path: Path, frames: Iterable[bytes]) -> Path:
    """A pcap file to replay."""
    path.write_bytes(pcap(Frame(frame, START_NS) for frame in frames))
    return path
