"""Which pairs of first tags leave no question open."""

from __future__ import annotations

import numpy as np
import pytest

from sniffdiag.nominate.settled import settled_http
from sniffdiag.nominate.tags import Tag

SETTLED = {
    (Tag.HTTP1_REQUEST, Tag.HTTP1_RESPONSE),
    (Tag.HTTP1_REQUEST, Tag.EMPTY),
    (Tag.EMPTY, Tag.HTTP1_RESPONSE),
}
PAIRS = [(client, server) for client in Tag for server in Tag]


def settled(client: Tag, server: Tag, *, gap: tuple[int, int] = (0, 0)) -> tuple[bool, bool]:
    rows, reversed_ = settled_http(
        np.array([[client, server]], np.uint8), np.array([gap], np.int64)
    )
    return bool(rows[0]), bool(reversed_[0])


@pytest.mark.parametrize(("client", "server"), PAIRS, ids=lambda tag: tag.name.lower())
def test_only_an_http1_exchange_is_settled_whichever_way_round(client: Tag, server: Tag) -> None:
    as_oriented = (client, server) in SETTLED
    other_way = (server, client) in SETTLED
    assert settled(client, server) == (as_oriented or other_way, other_way)


@pytest.mark.parametrize("gap", [(1, 0), (0, 1)])
def test_a_flow_with_missing_bytes_is_left_to_the_detectors(gap: tuple[int, int]) -> None:
    assert settled(Tag.HTTP1_REQUEST, Tag.HTTP1_RESPONSE, gap=gap) == (False, False)
