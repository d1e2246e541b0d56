"""Which flows are HTTP/1 by the tags of their first segments alone, so that nobody need read them.

A whole request line answered by a status line (or by nothing that was captured) leaves no other
protocol, but not which HTTP it becomes: an upgrade (WebSocket, h2c) and gRPC-Web show only in the
fields. The caller keeps flows out whose bytes hold `Upgrade:` or `application/grpc`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sniffdiag.nominate.tags import Tag

Mask = npt.NDArray[np.bool_]


def settled_http(
    first_tag: npt.NDArray[np.uint8], gap_bytes: npt.NDArray[np.int64]
) -> tuple[Mask, Mask]:
    """(settled rows, those of them whose request comes from the side taken for the server).

    Both columns have shape `(n, 2)`, the client's side first. With bytes missing before it, a first
    segment is not where the stream begins, so such rows are left to the detectors.
    """
    client, server = first_tag[:, 0], first_tag[:, 1]
    as_oriented = _is_exchange(request=client, response=server)
    reversed_ = _is_exchange(request=server, response=client)
    whole = (gap_bytes == 0).all(axis=1)
    return (as_oriented | reversed_) & whole, reversed_ & whole


def _is_exchange(*, request: npt.NDArray[np.uint8], response: npt.NDArray[np.uint8]) -> Mask:
    asked, answered = request == Tag.HTTP1_REQUEST, response == Tag.HTTP1_RESPONSE
    exchange: Mask = (asked & (answered | (response == Tag.EMPTY))) | (
        answered & (request == Tag.EMPTY)
    )
    return exchange
