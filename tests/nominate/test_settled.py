"""Which pairs of first tags leave no question open."""

from __future__ import annotations

import numpy as np
import pytest

from sniffdiag.model import Transport
from sniffdiag.nominate.settled import EXCHANGES, Exchange, settled
from sniffdiag.nominate.tags import Tag

SETTLED = {
    (Transport.TCP, Tag.HTTP1_REQUEST, Tag.HTTP1_RESPONSE): "http",
    (Transport.TCP, Tag.HTTP1_REQUEST, Tag.EMPTY): "http",
    (Transport.TCP, Tag.EMPTY, Tag.HTTP1_RESPONSE): "http",
    (Transport.TCP, Tag.TLS_CLIENT_HELLO, Tag.TLS_SERVER_HELLO): "tls",
    (Transport.UDP, Tag.DNS_QUERY, Tag.DNS_ANSWER): "dns",
}
PAIRS = [(client, server) for client in Tag for server in Tag]


def answers(
    exchange: Exchange,
    transport: Transport,
    client: Tag,
    server: Tag,
    gap: tuple[int, int] = (0, 0),
) -> tuple[bool, bool]:
    rows, reversed_ = settled(
        exchange,
        np.array([transport], np.uint8),
        np.array([[client, server]], np.uint8),
        np.array([gap], np.int64),
    )
    return bool(rows[0]), bool(reversed_[0])


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.UDP])
@pytest.mark.parametrize(("client", "server"), PAIRS, ids=lambda tag: tag.name.lower())
def test_only_whole_exchanges_are_settled_whichever_way_round(
    transport: Transport, client: Tag, server: Tag
) -> None:
    as_oriented = SETTLED.get((transport, client, server))
    other_way = SETTLED.get((transport, server, client))
    found = {e.protocol: answers(e, transport, client, server) for e in EXCHANGES}
    assert found == {
        e.protocol: (e.protocol in (as_oriented, other_way), e.protocol == other_way)
        for e in EXCHANGES
    }


@pytest.mark.parametrize("gap", [(1, 0), (0, 1)])
@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda e: e.protocol)
def test_a_flow_with_missing_bytes_is_left_to_the_detectors(
    exchange: Exchange, gap: tuple[int, int]
) -> None:
    found = answers(exchange, exchange.transport, exchange.request, exchange.response, gap)
    assert found == (False, False)
