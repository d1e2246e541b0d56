"""What `sniffdiag flows FILE -o json` prints, without starting a process for each capture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sniffdiag.pipeline.capture import list_flows
from sniffdiag.report.flow_formats import FLOW_FORMATS


def listed(path: Path) -> list[dict[str, Any]]:
    """The `flows` of the JSON."""
    printed = "".join(FLOW_FORMATS["json"](list_flows([str(path)])))
    flows: list[dict[str, Any]] = json.loads(printed)["flows"]
    return flows


def peers(flow: dict[str, Any]) -> frozenset[tuple[str, int]]:
    """Both ends, without saying which is the client."""
    ends = (flow["client"], flow["client_port"]), (flow["server"], flow["server_port"])
    return frozenset(ends)
