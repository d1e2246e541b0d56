"""GOAWAY and RST_STREAM with an error code: HTTP/2 that somebody on the server's side ended.

RFC 9113 6.4, 6.8 and 7. Envoy's codec ends connections and streams so, and applications do as well,
with the same codes: what is seen on a leg behind which there is a proxy says that HTTP/2 went
wrong and in which frame, and cannot say whose word it is. On the leg to the application itself it
is the application's, and no mark of a proxy at all.
"""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.marks.mark import Family, Glimpse, Mark, Says
from sniffdiag.model import HTTP2_PROTOCOLS, Direction, Leg

_NAME = "http2-endings"
_ERRORS = (
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
)
"""By code (RFC 9113 7)."""
_NO_FAULT = frozenset({"NO_ERROR", "CANCEL"})
"""Connections that end in time, and calls that nobody waits for any more."""
_NEXT_PROXY = {Leg.APP_TO_PROXY: Direction.OUTBOUND, Leg.WIRE: Direction.INBOUND}
"""Whose proxy, if there is one, is nearest to where the leg ends."""


def _read(glimpse: Glimpse) -> Iterator[Mark]:
    about = _NEXT_PROXY.get(glimpse.leg)
    found = glimpse.identified
    if about is None or HTTP2_PROTOCOLS.isdisjoint({found.protocol, found.answered}):
        return
    from sniffdiag.identify.http2_messages import endings  # noqa: PLC0415 - loads hpack

    for ending in endings(glimpse.heads.server):
        error = _error(ending.code)
        if error not in _NO_FAULT:
            why = f"HTTP/2 was ended by {ending.frame} {error}, a proxy's or not"
            yield Mark(_NAME, about, Says.CANNOT_SAY, why, by_client=False, at=ending.at)
            return


def _error(code: int) -> str:
    return _ERRORS[code] if code < len(_ERRORS) else f"error {code}"


FAMILY = Family(_NAME, _read)
