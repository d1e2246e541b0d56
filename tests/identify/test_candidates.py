"""No detector that would claim a flow is passed over, and few others are asked."""

from __future__ import annotations

import random
import re
from re import _constants as codes  # type: ignore[attr-defined]  # the tree of a pattern
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sniffdiag.identify import ftp, imap, irc, memcached, nats, pop3, smtp
from sniffdiag.identify.candidates import candidates
from sniffdiag.identify.detectors import DETECTORS
from sniffdiag.identify.sides import CLAIMS
from sniffdiag.identify.text import ANYTHING, Dialect
from sniffdiag.identify.verdict import Heads, Sample, Side
from sniffdiag.model import Transport
from tests.support.samples import Talk, all_talks

FEW = 12


def passed_over(heads: Heads, transport: Transport) -> set[str]:
    asked = candidates(heads, transport)
    return {
        detector.protocol
        for detector in DETECTORS
        if transport in detector.transports
        and detector not in asked
        and detector.probe(heads).answer in CLAIMS
    }


def without_their_carrier(heads: Heads) -> set[str]:
    claimed = {d.protocol for d in DETECTORS if d.probe(heads).answer in CLAIMS}
    carried = [d for d in DETECTORS if d.carriers and d.protocol in claimed]
    return {d.protocol for d in carried if d.carriers.isdisjoint(claimed)}


def each_talk() -> pytest.MarkDecorator:
    cases = [
        pytest.param(transport, talk, id=f"{protocol}-{talk.name}")
        for transport in Transport
        for protocol, talk in all_talks(transport)
    ]
    return pytest.mark.parametrize(("transport", "talk"), cases)


@each_talk()
def test_no_claim_is_passed_over_however_much_was_seen(transport: Transport, talk: Talk) -> None:
    whole = (len(talk.client), len(talk.server))
    cuts = [
        whole,
        (0, whole[1]),
        (whole[0], 0),
        *((length, length) for length in (1, 4, 9, 16, 25, 40)),
    ]
    for cut in cuts:
        heads = talk.cut(*cut)
        assert passed_over(heads, transport) == set()
        assert passed_over(heads.swapped(), transport) == set()
        assert without_their_carrier(heads) == set()


def sides(transport: Transport) -> st.SearchStrategy[Side]:
    talks = [talk for _, talk in all_talks(transport)]
    said = st.sampled_from([said for talk in talks for said in (talk.client, talk.server) if said])
    piece = st.builds(lambda one, at, more: one[at:] + more, said, st.integers(0, 3), said)
    pieces = piece | st.builds(
        lambda one, at, more: one[:at] + more, said, st.integers(1, 24), said
    )
    samples = st.lists(
        st.builds(Sample, at=st.integers(0, 9_000), data=pieces, whole=st.booleans()), max_size=6
    )
    repeated = st.builds(lambda sample, count: [sample] * count, samples, st.integers(1, 4)).map(
        lambda groups: tuple(sample for group in groups for sample in group)
    )
    # Later segments are kept only behind a head.
    return st.builds(Side, head=pieces.filter(bool), from_start=st.booleans(), samples=repeated)


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.UDP], ids=lambda t: t.label)
@settings(max_examples=60)
@given(data=st.data())
def test_no_claim_is_passed_over_among_samples_of_all_protocols(
    transport: Transport, data: st.DataObject
) -> None:
    heads = Heads(data.draw(sides(transport)), data.draw(sides(transport)))
    assert passed_over(heads, transport) == set()
    assert without_their_carrier(heads) == set()


def test_random_payload_from_the_start_is_shown_to_few_detectors() -> None:
    rng = random.Random(1)  # noqa: S311, reproducible test data
    asked = [
        len(candidates(Heads(*(Side(rng.randbytes(64), from_start=True),) * 2), Transport.TCP))
        for _ in range(200)
    ]
    assert sum(asked) / len(asked) < FEW


def _first_bytes(tree: Any, flags: int) -> tuple[set[int], bool]:
    """Bytes that a pattern may begin with, and whether it may match nothing at all."""
    found: set[int] = set()
    for op, argument in tree:
        values, may_be_empty = _of_node(op, argument, flags)
        found |= values
        if not may_be_empty:
            return found, False
    return found, True


def _of_node(op: Any, argument: Any, flags: int) -> tuple[set[int], bool]:
    if op in {codes.ASSERT, codes.ASSERT_NOT, codes.AT}:
        return set(), True
    if op is codes.BRANCH:
        branches = [_first_bytes(branch, flags) for branch in argument[1]]
        return set().union(*(b for b, _ in branches)), any(empty for _, empty in branches)
    if op is codes.SUBPATTERN:
        return _first_bytes(argument[3], (flags | argument[1]) & ~argument[2])
    if op in {codes.MAX_REPEAT, codes.MIN_REPEAT}:
        values, empty = _first_bytes(argument[2], flags)
        return values, empty or argument[0] == 0
    one = parser.SubPattern(parser.State(), [(op, argument)])
    return _single(one, flags), False


def _single(one: Any, flags: int) -> set[int]:
    from re import _compiler as compiler  # type: ignore[attr-defined]  # noqa: PLC0415

    one.state.flags = flags & re.IGNORECASE
    one.state.str = b""
    compiled = compiler.compile(one)
    return {value for value in range(256) if compiled.match(bytes([value]))}


@pytest.mark.parametrize("module", [ftp, imap, irc, memcached, nats, pop3, smtp])
@pytest.mark.parametrize("side", ["_CLIENT", "_SERVER"])
def test_a_dialect_tells_the_first_bytes_of_its_patterns(module: Any, side: str) -> None:
    dialect: Dialect = getattr(module, side)
    found: set[int] = set()
    for pattern in filter(None, (dialect.first, dialect.telling, dialect.any_line)):
        values, may_be_empty = _first_bytes(
            parser.parse(pattern.pattern, pattern.flags), pattern.flags
        )
        assert not may_be_empty
        found |= values
    assert found <= set(dialect.starts) < set(ANYTHING)
