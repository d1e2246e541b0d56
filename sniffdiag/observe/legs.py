"""Which leg each flow belongs to, from its addresses, in columns.

A sidecar's traffic to its own application stays on loopback (127.0.0.6 from Istio 1.10 on,
127.0.0.1 before). A flow that REDIRECT tore apart is already joined and marked by the flows layer.
Istio's ambient mesh tunnels from pod to pod (HBONE: TLS with ALPN `h2` and no SNI to port 15008;
ztunnel src/tls/workload.rs), and ztunnel hands on to the application from the client's own address.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from sniffdiag.flows.flow import Flows, is_loopback
from sniffdiag.identify.verdict import Identification
from sniffdiag.model import Leg, Transport
from sniffdiag.observe.identified import IdentifiedFlows

LEGS = (Leg.APP_TO_PROXY, Leg.WIRE, Leg.HBONE, Leg.PROXY_PORT, Leg.PROXY_TO_APP)
"""Leg of each code in the column, nearest to the client application first."""
_APP_TO_PROXY, _WIRE, _HBONE, _PROXY_TO_APP = 0, 1, 2, 4
HIDING = (Leg.HBONE, Leg.PROXY_PORT)
"""Legs that show neither the declared port nor its protocol."""
HBONE_PORT = 15008

Rows: TypeAlias = npt.NDArray[np.int64]
_NO_ROWS: Rows = np.empty(0, dtype=np.int64)


def leg_codes(flows: Flows, hbone: Rows = _NO_ROWS) -> npt.NDArray[np.uint8]:
    """Index into `LEGS` for every flow, shape `(n,)`; `hbone`: rows that are tunnels."""
    client_local = is_loopback(flows.client_hi, flows.client_lo)
    server_local = is_loopback(flows.server_hi, flows.server_lo)
    codes = np.full(flows.rows, _WIRE, dtype=np.uint8)
    codes[client_local] = _PROXY_TO_APP
    codes[flows.redirected | (server_local & ~client_local)] = _APP_TO_PROXY
    codes[hbone] = _HBONE
    if hbone.size:
        codes[_handed_on(flows, hbone, np.flatnonzero(codes == _WIRE))] = _PROXY_TO_APP
    return codes


def hbone_rows(identified: IdentifiedFlows) -> Rows:
    """Rows that are tunnels of an ambient mesh."""
    flows = identified.flows
    there = (flows.server_port == HBONE_PORT) & (flows.transport == Transport.TCP)
    rows = [row for row in np.flatnonzero(there).tolist() if _may_be_hbone(identified.brief(row))]
    return np.array(rows, dtype=np.int64)


def _may_be_hbone(found: Identification) -> bool:
    """Nothing that was read contradicts it: joined in the middle, there is only the port."""
    facts = found.facts
    if found.protocol == "tls":
        return facts.sni is None and facts.alpn_offered in {(), ("h2",)}
    return facts.method == "CONNECT" or found.protocol == "unknown"


def _handed_on(flows: Flows, hbone: Rows, rows: Rows) -> Rows:
    """Those of `rows` between the same two pods as a tunnel, while it was there."""
    spans: dict[tuple[int, int, int, int], tuple[int, int]] = {}
    for pair, began, ended in zip(
        _pairs(flows, hbone),
        flows.first_ts_ns[hbone].tolist(),
        flows.last_ts_ns[hbone].tolist(),
        strict=True,
    ):
        first, last = spans.get(pair, (began, ended))
        spans[pair] = min(first, began), max(last, ended)
    rows = rows[flows.transport[rows] == Transport.TCP]
    rows = rows[np.isin(flows.server_lo[rows], flows.server_lo[hbone])]
    began_at = flows.first_ts_ns[rows].tolist()
    handed_on = [
        pair in spans and spans[pair][0] <= began <= spans[pair][1]
        for pair, began in zip(_pairs(flows, rows), began_at, strict=True)
    ]
    return rows[np.array(handed_on, dtype=np.bool_)]


def _pairs(flows: Flows, rows: Rows) -> list[tuple[int, int, int, int]]:
    """Addresses of client and server of each row."""
    columns = (flows.client_hi, flows.client_lo, flows.server_hi, flows.server_lo)
    return list(zip(*(column[rows].tolist() for column in columns), strict=True))
