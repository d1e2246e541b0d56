"""Which detectors a flow is worth showing to: those that the first byte of neither side rules out.

Law 5 makes this exact and not a heuristic: a NO never changes when more bytes arrive, so what a
detector answers to a side's first byte alone holds for all that begins with it. The answers are
kept, at most one for each byte value, so a detector sees only flows it might claim, and needs to
declare nothing for it.
"""

from __future__ import annotations

from functools import cache

from sniffdiag.identify.detectors import DETECTORS
from sniffdiag.identify.verdict import Answer, Detector, Heads, Side
from sniffdiag.model import Transport

_SILENT = Side(complete=True)


def candidates(heads: Heads, transport: Transport) -> tuple[Detector, ...]:
    """Detectors of `transport` that may answer more than NO or NEED_MORE, in the list's order."""
    client, server = heads.client, heads.server
    return _not_ruled_out(
        transport, client.head[:1], client.from_start, server.head[:1], server.from_start
    )


@cache
def _not_ruled_out(
    transport: Transport,
    client: bytes,
    client_from_start: bool,  # noqa: FBT001 - part of a cache key, as below
    server: bytes,
    server_from_start: bool,  # noqa: FBT001
) -> tuple[Detector, ...]:
    return tuple(
        detector
        for detector in DETECTORS
        if transport in detector.transports
        and (
            _client_may_speak(detector, client, client_from_start)
            or _server_may_speak(detector, server, server_from_start)
        )
    )


@cache
def _client_may_speak(detector: Detector, first: bytes, from_start: bool) -> bool:  # noqa: FBT001 - cache key
    """The side's first byte does not rule out that a client of this protocol sent it."""
    heads = Heads(Side(first, from_start=from_start), _SILENT)
    return bool(first) and detector.probe(heads).answer is not Answer.NO


@cache
def _server_may_speak(detector: Detector, first: bytes, from_start: bool) -> bool:  # noqa: FBT001 - cache key
    heads = Heads(_SILENT, Side(first, from_start=from_start))
    return bool(first) and detector.probe(heads).answer is not Answer.NO
