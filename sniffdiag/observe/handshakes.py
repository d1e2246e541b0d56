"""How connections began and ended, from the columns of sealed flows.

Only what was seen for certain counts: a SYN that met no answer was sent again, a silent connection
was silent for `SILENT_NS`. A capture that holds one direction only claims nothing: the client's own
packets tell whether its handshake came to an end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from sniffdiag.flows.flow import Flows
from sniffdiag.model import Transport
from sniffdiag.observe.conduct import NO_CONDUCT, Conduct, Happened, Spread
from sniffdiag.observe.port_observation import Exemplar

Rows: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]
Quote: TypeAlias = Callable[[int, int, int, str], Exemplar]
"""Makes an exemplar of a row, a frame, its time in ns, and what is to be said of it."""

SILENT_NS = 2_000_000_000
"""Longer than any client that means to speak first takes, shorter than usual client timeouts."""
_RETRIED_NS = 900_000_000
"""A SYN is sent again after a second (RFC 6298 2.1); copies of one frame are nearer."""
_QUOTED = 3
_FIN, _SYN, _RST, _ACK = 0x01, 0x02, 0x04, 0x10  # RFC 9293 3.1


def conduct(flows: Flows, rows: Rows, nearest: Rows, http: Mask, quote: Quote) -> Conduct:
    """Of all `rows` of a port, and of those on the legs nearest to the client application.

    `http` is a mask over all flows: those whose client was seen to speak HTTP.
    """
    rows = rows[flows.transport[rows] == Transport.TCP]
    nearest = nearest[flows.transport[nearest] == Transport.TCP]
    if not rows.size:
        return NO_CONDUCT
    client, server = flows.flags_seen[rows, 0], flows.flags_seen[rows, 1]
    tried = (client & (_SYN | _ACK)) == _SYN
    refused = tried & ((server & (_SYN | _RST)) == _RST)
    lasted = flows.last_ts_ns[rows] - flows.first_ts_ns[rows]
    unanswered = tried & (flows.packets[rows, 1] == 0) & (lasted >= _RETRIED_NS)
    unanswered &= (client & _RST) == 0
    spoke = (flows.payload_bytes[rows, 0] > 0) & (flows.payload_bytes[rows, 1] == 0)
    unserved = spoke & http[rows] & ((server & (_FIN | _RST)) != 0) & ((server & _ACK) != 0)

    def happened(found: Rows, what: Callable[[int], str]) -> Happened:
        first = found[:_QUOTED].tolist()
        quotes = tuple(
            quote(row, int(flows.first_frame[row]), int(flows.first_ts_ns[row]), what(row))
            for row in first
        )
        return Happened(len(found), quotes)

    return Conduct(
        refused=happened(rows[refused], lambda _: "SYN, answered by RST"),
        unanswered=happened(
            rows[unanswered],
            lambda row: f"SYN, {int(flows.packets[row, 0])} packets, no answer",
        ),
        silent=happened(
            nearest[_silent_ns(flows, nearest) >= SILENT_NS],
            lambda row: f"accepted, nobody spoke for {_seconds(flows, row)} s",
        ),
        unserved=happened(rows[unserved], _unserved(flows)),
        first_byte_wait=_first_byte_wait(flows, nearest),
    )


def _unserved(flows: Flows) -> Callable[[int], str]:
    def what(row: int) -> str:
        how = "reset" if int(flows.flags_seen[row, 1]) & _RST else "closed"
        return f"{int(flows.payload_bytes[row, 0])} bytes sent, {how} without an answer"

    return what


def _silent_ns(flows: Flows, rows: Rows) -> npt.NDArray[np.int64]:
    """How long nobody spoke on an accepted connection; 0 where somebody did.

    A connection that is still open was silent to the end of the capture.
    """
    flags = flows.flags_seen[rows]
    accepted = (flows.syn_ack_ts_ns[rows] >= 0) & ((flags[:, 0] & _ACK) != 0)
    closed = ((flags & (_FIN | _RST)) != 0).any(axis=1)
    end = flows.last_ts_ns.max() if flows.rows else 0
    until = np.where(closed, flows.last_ts_ns[rows], end)
    silent = accepted & (flows.payload_bytes[rows].sum(axis=1) == 0)
    lasted: npt.NDArray[np.int64] = np.where(silent, until - flows.syn_ack_ts_ns[rows], 0)
    return lasted


def _seconds(flows: Flows, row: int) -> str:
    lasted = int(_silent_ns(flows, np.array([row], dtype=np.int64))[0])
    return f"{lasted / 1e9:.1f}"


def _first_byte_wait(flows: Flows, rows: Rows) -> Spread | None:
    """Of connections whose handshake was seen and whose server spoke first."""
    spoke = flows.first_payload_ts_ns[rows]
    client, server = spoke[:, 0], spoke[:, 1]
    first = (server >= 0) & ((client < 0) | (server < client)) & (flows.syn_ack_ts_ns[rows] >= 0)
    waits = np.sort(server[first] - flows.syn_ack_ts_ns[rows][first])
    if not waits.size:
        return None
    return Spread(len(waits), int(waits[0]), int(waits[len(waits) // 2]), int(waits[-1]))
