"""Captures at full speed between two namespaces: who loses how much of it.

Root, network namespaces and tcpreplay. Everybody captures with their defaults, in turns: what
tcpreplay sends at top speed, and ten seconds of 400,000 packets/s (`tests.support.sender`).
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.netns import (
    DECLARED,
    FRAMES_A_REQUEST,
    SNIFFDIAG,
    Wire,
    request_frames,
    wire,
    write_capture,
)

FLOWS = 50_000
PACKETS = FLOWS * FRAMES_A_REQUEST
TIMES = 20
"""So often they are sent in one round."""
PER_S = 400_000
SETTLE_S = 3.0
SCAPY = """
import signal, sys
from scapy.all import AsyncSniffer
count = 0
def one(packet):
    global count
    count += 1
sniffer = AsyncSniffer(iface="far", store=False, prn=one)
sniffer.start()
print("ready", file=sys.stderr, flush=True)
signal.sigwait([signal.SIGINT])
print(count)
"""


@dataclass(frozen=True, slots=True)
class Captor:
    """A program that captures on `far` until SIGINT; it says when on standard error."""

    name: str
    command: tuple[str, ...]
    counted: Callable[[str, str], int]
    """Packets, from what it wrote to standard output and standard error."""


def _of_report(out: str, _: str) -> int:
    return int(json.loads(out)["capture"]["frames"])


def _of_tcpdump(_: str, errors: str) -> int:
    found = re.search(r"(\d+) packets captured", errors)
    return int(found[1]) if found else 0


def _of_scapy(out: str, _: str) -> int:
    return int(out)


LIVE = (*SNIFFDIAG, "live", "-i", "far", *DECLARED, "-o", "json")
TCPDUMP = ("tcpdump", "-i", "far", "-w", "/dev/null")
CAPTORS = (
    Captor("sniffdiag live", LIVE, _of_report),
    Captor("sniffdiag live -w", (*LIVE, "-w", "/dev/null"), _of_report),
    Captor("tcpdump -w", TCPDUMP, _of_tcpdump),
    Captor("tcpdump -w -B 65536", (*TCPDUMP, "-B", "65536"), _of_tcpdump),
    Captor("scapy sniff", (sys.executable, "-c", SCAPY), _of_scapy),
)


def by_tcpreplay(cable: Wire, capture: Path) -> float:
    """Packets/s at top speed, the capture read beforehand."""
    how = ("--topspeed", "--preload-pcap", "--loop", str(TIMES), "-i", "near")
    told = cable.run(cable.near, "tcpreplay", *how, str(capture))
    rate = re.search(r"([\d.]+) pps", told)
    return float(rate[1]) if rate else 0.0


def by_sendmmsg(cable: Wire, capture: Path) -> float:
    """Packets/s, as many as were asked for if this machine can."""
    return cable.blast(capture, TIMES, PER_S)


SENDERS = {"tcpreplay": by_tcpreplay, "400,000/s": by_sendmmsg}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one captor made of it."""

    counted: int
    arrived: int
    """Packets that the interface received."""
    packets_per_s: float
    """As they were sent."""


def measured(cable: Wire, sender: str, captor: Captor, capture: Path) -> Outcome:
    """One round with one captor."""
    before = cable.arrived()
    child = subprocess.Popen(
        ["ip", "netns", "exec", cable.far, *captor.command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,  # or `communicate` would miss what was read ahead
    )
    assert child.stdout is not None
    assert child.stderr is not None
    errors = child.stderr.readline()
    rate = SENDERS[sender](cable, capture)
    time.sleep(SETTLE_S)
    child.send_signal(signal.SIGINT)
    out, more = child.communicate()
    counted = captor.counted(out.decode(), (errors + more).decode())
    return Outcome(counted, cable.arrived() - before, rate)


def main() -> None:
    """Prints one line for each sender, captor and round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder, wire() as cable:
        frames = (frame for flow in range(FLOWS) for frame in request_frames(flow, b"x" * 200))
        capture = write_capture(Path(folder) / "load.pcap", frames)
        sys.stdout.write(
            f"{'sender':11}{'captor':21}{'per s':>9}{'arrived':>11}{'counted':>11}{'lost':>8}\n"
        )
        for sender, captor in itertools.product(SENDERS, CAPTORS * rounds):
            found = measured(cable, sender, captor, capture)
            sys.stdout.write(
                f"{sender:11}{captor.name:21}{found.packets_per_s:9,.0f}{found.arrived:11,}"
                f"{found.counted:11,}{1 - found.counted / found.arrived:8.2%}\n"
            )
            sys.stdout.flush()


if __name__ == "__main__":
    main()
