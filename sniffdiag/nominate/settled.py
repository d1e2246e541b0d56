"""Which flows are settled by the tags of their first segments alone, so that nobody need read them.

A whole HTTP/1 request line answered by a status line, a ClientHello answered by a ServerHello, a
resolver's question and its answer leave no other protocol. They do leave details: an upgrade
(WebSocket, h2c) and gRPC-Web show only in the fields, so the caller keeps flows out whose bytes
hold `Upgrade:` or `application/grpc`; SNI and ALPN are read where a report asks for them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sniffdiag.model import Transport
from sniffdiag.nominate.tags import Tag
from sniffdiag.records import dataclass

Mask = npt.NDArray[np.bool_]
Tags = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Exchange:
    """Tags of the two sides' first segments that together are one protocol."""

    protocol: str
    transport: Transport
    request: Tag
    response: Tag
    one_side_suffices: bool
    """Each tag is proof enough when nothing was captured of the other side."""


EXCHANGES = (
    Exchange("http", Transport.TCP, Tag.HTTP1_REQUEST, Tag.HTTP1_RESPONSE, one_side_suffices=True),
    Exchange(
        "tls",
        Transport.TCP,
        Tag.TLS_CLIENT_HELLO,
        Tag.TLS_SERVER_HELLO,
        one_side_suffices=False,
    ),
    Exchange("dns", Transport.UDP, Tag.DNS_QUERY, Tag.DNS_ANSWER, one_side_suffices=False),
)


def settled(
    exchange: Exchange,
    transport: Tags,
    first_tag: Tags,
    gap_bytes: npt.NDArray[np.int64],
) -> tuple[Mask, Mask]:
    """(settled rows, those of them whose request comes from the side taken for the server).

    `first_tag` and `gap_bytes` have shape `(n, 2)`, the client's side first. With bytes missing
    before it, a first segment is not where the stream begins: such rows are left to the detectors.
    """
    client, server = first_tag[:, 0], first_tag[:, 1]
    as_oriented = _is_exchange(exchange, client, server)
    reversed_ = _is_exchange(exchange, server, client)
    whole = (gap_bytes == 0).all(axis=1) & (transport == exchange.transport)
    return (as_oriented | reversed_) & whole, reversed_ & whole


def _is_exchange(exchange: Exchange, request: Tags, response: Tags) -> Mask:
    asked, answered = request == exchange.request, response == exchange.response
    both: Mask = asked & answered
    if exchange.one_side_suffices:
        both |= (asked & (response == Tag.EMPTY)) | (answered & (request == Tag.EMPTY))
    return both
