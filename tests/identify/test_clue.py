"""How two testimonies add up, and when later segments speak for a stream joined late."""

from __future__ import annotations

import pytest

from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    anywhere,
    chain_of,
    faint,
    hint,
    lean,
    nothing,
    proof,
    weigh,
)
from sniffdiag.identify.verdict import Answer, Heads, Sample, Side

BOTH_MORE = Heads(Side(b"x"), Side(b"y"))
BOTH_DONE = Heads(Side(b"x", complete=True), Side(b"y", complete=True))
NO, NEED_MORE, POSSIBLE, CERTAIN = Answer.NO, Answer.NEED_MORE, Answer.POSSIBLE, Answer.CERTAIN


@pytest.mark.parametrize(
    ("client", "server", "while_open", "when_done"),
    [
        pytest.param(proof("p"), AGAINST, CERTAIN, CERTAIN, id="proof beats anything"),
        pytest.param(AGAINST, proof("p"), CERTAIN, CERTAIN, id="of the server too"),
        pytest.param(hint("h"), hint("h"), CERTAIN, CERTAIN, id="two hints"),
        pytest.param(faint("f"), hint("h"), CERTAIN, CERTAIN, id="a faint one and a hint"),
        pytest.param(faint("f"), OPEN, NEED_MORE, NEED_MORE, id="a faint one alone"),
        pytest.param(hint("h"), OPEN, POSSIBLE, POSSIBLE, id="one hint"),
        pytest.param(lean("l"), hint("h"), POSSIBLE, POSSIBLE, id="what may be taken back"),
        pytest.param(lean("l"), lean("l"), POSSIBLE, POSSIBLE, id="both may be taken back"),
        pytest.param(hint("h"), AGAINST, NEED_MORE, NO, id="a hint contradicted"),
        pytest.param(OPEN, AGAINST, NEED_MORE, NO, id="nothing, contradicted"),
        pytest.param(OPEN, OPEN, NEED_MORE, NEED_MORE, id="nothing yet"),
        pytest.param(AGAINST, AGAINST, NO, NO, id="neither"),
    ],
)
def test_testimonies_add_up(
    client: Clue, server: Clue, while_open: Answer, when_done: Answer
) -> None:
    assert weigh(BOTH_MORE, client, server).answer is while_open
    assert weigh(BOTH_DONE, client, server).answer is when_done


def test_a_claim_of_the_server_alone_is_marked_as_such() -> None:
    assert not weigh(BOTH_MORE, AGAINST, proof("p")).by_client
    assert weigh(BOTH_MORE, proof("p"), proof("q")).by_client


def _length_byte(data: bytes, at: int) -> int | None:
    """Messages of a length byte below four and as many bytes."""
    return None if at >= len(data) else (1 + data[at] if data[at] in range(1, 4) else 0)


_chain = chain_of(_length_byte, 3, hint("chained"))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"\x01a\x02bb\x01c", hint("chained"), id="three in a row"),
        pytest.param(b"\x01a\x02bb", Clue(OPEN.sign, "chained"), id="two, and it ends"),
        pytest.param(b"\x01a\x09bb", AGAINST, id="broken"),
        pytest.param(b"", OPEN, id="nothing"),
    ],
)
def test_chains(data: bytes, expected: Clue) -> None:
    assert _chain(data) == expected


def test_enough_later_segments_that_begin_with_a_message_are_a_hint() -> None:
    later = tuple(Sample(at, b"\x01a", whole=True) for at in (10, 20, 30))
    hear = anywhere(nothing, _chain)
    assert hear(Side(b"\xff", samples=later)) == hint("chained")
    assert hear(Side(b"\xff", samples=later[:2])).sign is OPEN.sign


def test_later_segments_do_not_speak_for_a_stream_seen_from_its_start() -> None:
    later = tuple(Sample(at, b"\x01a", whole=True) for at in (10, 20, 30))
    hear = anywhere(_chain, _chain)
    assert hear(Side(b"\xff", from_start=True, samples=later)) == AGAINST
