"""Every protocol sniffdiag can recognise: one import and one line each.

Alphabetical, and the order must not matter: `resolve` weighs all verdicts together.
"""

from __future__ import annotations

from sniffdiag.identify import grpc, grpc_web, http1, http2, tls, websocket
from sniffdiag.identify.verdict import Detector

DETECTORS: tuple[Detector, ...] = (
    grpc.DETECTOR,
    grpc_web.DETECTOR,
    http1.DETECTOR,
    http2.DETECTOR,
    tls.DETECTOR,
    websocket.DETECTOR,
)
