"""Where the benchmark captures lie. Without numpy: who measures memory must stay small itself."""

from __future__ import annotations

import os
from pathlib import Path

FILES = {
    "big": "big.pcap",
    "double": "double.pcap",
    "small": "small.pcap",
    "oneshot": "oneshot.pcap",
    "quarter-gz": "quarter.pcap.gz",
    "ten": "ten.pcap",
}


def path_of(name: str) -> Path:
    """The capture called `name`, which need not exist."""
    return Path(os.environ.get("SNIFFDIAG_BENCH_DIR", ".bench")) / FILES[name]
