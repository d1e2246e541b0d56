"""Who spoke first on each connection, and how long the other side waited, in columns.

Servers that speak first are what stalls a proxy that waits for the client.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from sniffdiag.flows.flow import Flows
from sniffdiag.model import Transport

Ints = npt.NDArray[np.int64]
FirstWords: TypeAlias = tuple[list[str | None], list[int | None], list[int | None]]
NOT_SEEN = -1


def first_words(flows: Flows, part: slice) -> FirstWords:
    """Who spoke first in each flow of `part`, and the ns to its first byte and on to an answer.

    The first span begins with the handshake, the second ends with the other side's first byte. None
    where the capture does not tell: a TCP connection joined mid-stream, nothing said.
    """
    spoke = flows.first_payload_ts_ns[part]
    said = spoke != NOT_SEEN
    of_client, of_server = spoke[:, 0], spoke[:, 1]
    by_server = said[:, 1] & (~said[:, 0] | (of_server < of_client))
    answer_ts = flows.syn_ack_ts_ns[part]
    open_ts = np.where(answer_ts == NOT_SEEN, flows.syn_ts_ns[part], answer_ts)
    known = said.any(axis=1)
    known &= (flows.transport[part] != Transport.TCP) | (open_ts != NOT_SEEN)
    first = np.where(by_server, of_server, of_client)
    who = [
        ("server" if server else "client") if told else None
        for server, told in zip(by_server.tolist(), known.tolist(), strict=True)
    ]
    waited = _told(first - open_ts, known & (open_ts != NOT_SEEN))
    answered = _told(np.abs(of_server - of_client), known & said.all(axis=1))
    return who, waited, answered


def _told(ns: Ints, where: npt.NDArray[np.bool_]) -> list[int | None]:
    pairs: Iterable[tuple[int, bool]] = zip(ns.tolist(), where.tolist(), strict=True)
    return [value if told else None for value, told in pairs]
