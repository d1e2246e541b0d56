"""The flows of a capture as ndpiReader sees them: by content alone, never by port or address."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sniffdiag.identify.detectors import DETECTORS

COMMAND = ("ndpiReader", "-d", "-t", "-v", "2", "-i")
"""No guesses; the inside of GTP and TZSP tunnels; one line a flow."""
FLOW = re.compile(
    r"^\t\d+\t(?P<transport>TCP|UDP) (?P<one>\S+) (?:<->|->) (?P<other>\S+) .*?"
    r"\[proto: [\d.]+/(?P<names>[^\]]+)\].*?\[Confidence: (?P<confidence>[^\]]+)\]",
    re.MULTILINE,
)
BY_CONTENT = "DPI"

OTHER_NAMES = {
    "cldap": "ldap",
    "ftp_control": "ftp",
    "http_connect": "http",
    "http_proxy": "http",
    "mongodb": "mongo",
    "mssql-tds": "tds",
    "netbios": "nbns",
    "postgresql": "postgres",
    "smbv1": "smb",
    "smbv23": "smb",
    "ssdp": "ssdp",
    "upnp": "ssdp",
}
"""By nDPI's name in small letters, what sniffdiag calls it; the others are called alike."""
_OURS = frozenset(detector.protocol for detector in DETECTORS)

Ends = frozenset[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Flow:
    """One line of ndpiReader."""

    transport: str
    ends: Ends
    protocols: frozenset[str]
    """Those that sniffdiag can name; applications ("Google") are none of them."""


def flows(path: Path) -> list[Flow]:
    """Flows of which nDPI knows by their bytes what they speak."""
    done = subprocess.run([*COMMAND, str(path)], capture_output=True, text=True, check=False)
    found = []
    for line in FLOW.finditer(done.stdout):
        protocols = _protocols(line["names"])
        if line["confidence"] == BY_CONTENT and protocols:
            ends = frozenset({_end(line["one"]), _end(line["other"])})
            found.append(Flow(line["transport"].lower(), ends, protocols))
    return found


def _protocols(names: str) -> frozenset[str]:
    """Both parts of names such as `HTTP.Google`."""
    lower = (name.lower() for name in names.split("."))
    return frozenset(OTHER_NAMES.get(name, name) for name in lower) & _OURS


def _end(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)
