"""Which leg each flow belongs to, from its addresses, in columns.

A sidecar's traffic to its own application stays on loopback (127.0.0.6 from Istio 1.10 on,
127.0.0.1 before). A flow that REDIRECT tore apart is already joined and marked by the flows layer.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sniffdiag.flows.flow import Flows, is_loopback
from sniffdiag.model import Leg

LEGS = (Leg.APP_TO_PROXY, Leg.WIRE, Leg.PROXY_TO_APP)
"""Leg of each code in the column, nearest to the client application first."""
_APP_TO_PROXY, _WIRE, _PROXY_TO_APP = range(3)


def leg_codes(flows: Flows) -> npt.NDArray[np.uint8]:
    """Index into `LEGS` for every flow, shape `(n,)`."""
    client_local = is_loopback(flows.client_hi, flows.client_lo)
    server_local = is_loopback(flows.server_hi, flows.server_lo)
    codes = np.full(flows.rows, _WIRE, dtype=np.uint8)
    codes[client_local] = _PROXY_TO_APP
    codes[flows.redirected | (server_local & ~client_local)] = _APP_TO_PROXY
    return codes
