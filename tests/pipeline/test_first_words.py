"""Who spoke first, and how long the other side waited, as a listing tells it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sniffdiag.pipeline.capture import Wanted, list_flows
from sniffdiag.report.flow_formats import FLOW_FORMATS
from sniffdiag.sources.captures import open_sources
from sniffdiag.sources.rows import rows
from tests.support.capture_files import Frame, pcap

PROTOCOLS = Path(__file__).parents[2] / "pcaps" / "protocols"


def listed(path: Path) -> dict[str, Any]:
    (flow,) = json.loads("".join(FLOW_FORMATS["json"](list_flows([str(path)], wanted=Wanted()))))[
        "flows"
    ]
    return dict(flow)


def test_a_mysql_server_speaks_first() -> None:
    flow = listed(PROTOCOLS / "mysql-mariadb.pcap")
    assert flow["spoke_first"] == "server"
    assert 0 < flow["spoke_after_ns"] < flow["duration_ns"]
    assert 0 < flow["answered_after_ns"] < flow["duration_ns"]


def test_a_browser_does() -> None:
    assert listed(PROTOCOLS / "tls-nginx.pcap")["spoke_first"] == "client"


def test_a_connection_joined_midstream_does_not_tell(tmp_path: Path) -> None:
    source = open_sources([str(PROTOCOLS / "mysql-mariadb.pcap")], stdin=None)
    late = [Frame(r.data, r.ts_ns, r.wirelen) for r in rows(source)][5:]
    path = tmp_path / "late.pcap"
    path.write_bytes(pcap(late))
    flow = listed(path)
    told = (flow["spoke_first"], flow["spoke_after_ns"], flow["answered_after_ns"])
    assert told == (None, None, None)
