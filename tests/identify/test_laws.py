"""Laws of every detector in `DETECTORS`, shown on every sample conversation and on random bytes.

Law 5: probes are total and monotone. Law 6: no sample is taken for another protocol.
"""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sniffdiag.identify.detectors import DETECTORS
from sniffdiag.identify.resolve import identify
from sniffdiag.identify.sides import CLAIMS
from sniffdiag.identify.verdict import Answer, Detector, Heads, Side
from sniffdiag.model import Transport
from tests.support.samples import ALL_SAMPLES, Talk, all_talks

SETTLED = {Answer.NO, Answer.CERTAIN}
BY_PROTOCOL = {detector.protocol: detector for detector in DETECTORS}
JUNK = b"\r\n\r\nHTTP/1.1 200 OK\r\n\x00\x00\x00\x00\x00\x00\x00\x00\xff\xfe"
EVERY_LENGTH, THEN_EVERY = 80, 7
"""Signatures lie within the first; behind them, coarser steps find a change as well."""


def each_detector() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("detector", DETECTORS, ids=lambda d: d.protocol)


def each_talk(kind: str) -> pytest.MarkDecorator:
    cases = [
        pytest.param(protocol, talk, id=f"{protocol}-{talk.name}")
        for protocol, samples in ALL_SAMPLES.items()
        for talk in getattr(samples, kind)
    ]
    return pytest.mark.parametrize(("protocol", "talk"), cases)


def answers(detector: Detector, growing: list[Heads]) -> list[Answer]:
    return [detector.probe(heads).answer for heads in growing]


def first_change_of_a_settled_answer(given_answers: list[Answer]) -> str | None:
    for index, (before, after) in enumerate(pairwise(given_answers)):
        if before in SETTLED and after is not before:
            return f"{before.name} became {after.name} at step {index + 1}"
    return None


def with_junk(talk: Talk) -> Talk:
    return Talk(
        name=talk.name,
        client=talk.client and talk.client + JUNK,
        server=talk.server and talk.server + JUNK,
        midstream=talk.midstream,
    )


def lengths(data: bytes) -> list[int]:
    return [
        *range(min(len(data), EVERY_LENGTH)),
        *range(EVERY_LENGTH, len(data), THEN_EVERY),
        len(data),
    ]


def growths(talk: Talk) -> list[list[Heads]]:
    """The talk seen growing: one side alone, and each side while all of the other is there."""
    longer = with_junk(talk)
    client_lens, server_lens = lengths(longer.client), lengths(longer.server)
    return [
        [longer.cut(length, 0) for length in client_lens],
        [longer.cut(0, length) for length in server_lens],
        [longer.cut(length, len(talk.server)) for length in client_lens],
        [longer.cut(len(talk.client), length) for length in server_lens],
    ]


def related(detector: Detector) -> set[str]:
    """The protocol and all that it is a special case of."""
    found = {detector.protocol}
    for protocol in detector.refines:
        found |= related(BY_PROTOCOL[protocol])
    return found


def test_ids_are_unique_and_refinements_exist() -> None:
    assert len(BY_PROTOCOL) == len(DETECTORS)
    assert {r for d in DETECTORS for r in d.refines} <= BY_PROTOCOL.keys()


@each_detector()
def test_every_detector_has_samples_and_evidence(detector: Detector) -> None:
    samples = ALL_SAMPLES[detector.protocol]
    assert samples.transport in detector.transports
    assert samples.certain or samples.possible
    assert samples.almost
    assert detector.evidence
    assert detector.title


@each_talk("certain")
def test_what_is_certain_is_identified(protocol: str, talk: Talk) -> None:
    transport = ALL_SAMPLES[protocol].transport
    assert BY_PROTOCOL[protocol].probe(talk.heads()).answer is Answer.CERTAIN
    assert identify(talk.heads(), transport, oriented=True).protocol == protocol


@each_talk("certain")
def test_who_is_the_client_is_found_from_the_bytes(protocol: str, talk: Talk) -> None:
    transport = ALL_SAMPLES[protocol].transport
    assert identify(talk.heads().swapped(), transport, oriented=False).protocol == protocol


@each_talk("possible")
def test_what_is_possible_is_claimed_and_not_certain(protocol: str, talk: Talk) -> None:
    assert BY_PROTOCOL[protocol].probe(talk.heads()).answer is Answer.POSSIBLE


@each_talk("almost")
def test_what_is_almost_it_is_not_claimed(protocol: str, talk: Talk) -> None:
    assert BY_PROTOCOL[protocol].probe(talk.heads()).answer not in CLAIMS


@each_talk("certain")
def test_no_other_protocol_is_certain_of_it(protocol: str, talk: Talk) -> None:
    transport = ALL_SAMPLES[protocol].transport
    certain = {
        detector.protocol
        for detector in DETECTORS
        if transport in detector.transports
        and detector.probe(talk.heads()).answer is Answer.CERTAIN
    }
    assert certain <= related(BY_PROTOCOL[protocol])


@each_talk("talks")
def test_a_settled_answer_never_changes_as_its_own_samples_grow(protocol: str, talk: Talk) -> None:
    for growing in growths(talk):
        given_answers = answers(BY_PROTOCOL[protocol], growing)
        assert first_change_of_a_settled_answer(given_answers) is None


@each_detector()
@settings(max_examples=30)
@given(data=st.data())
def test_a_settled_answer_never_changes_as_any_stream_grows(
    detector: Detector, data: st.DataObject
) -> None:
    """Streams cut from the samples of all protocols and spliced with others, in irregular steps."""
    transport = next(iter(detector.transports))
    bytes_of = st.sampled_from([t.client for _, t in all_talks(transport)]) | st.sampled_from(
        [t.server for _, t in all_talks(transport)]
    )
    spliced = st.builds(
        lambda one, at, other: one[:at] + other,
        bytes_of,
        st.integers(0, 64),
        bytes_of | st.binary(),
    )
    client, server = data.draw(spliced), data.draw(spliced)
    talk = Talk(name="", client=client, server=server, midstream=data.draw(st.booleans()))
    steps = data.draw(st.lists(st.tuples(st.booleans(), st.integers(1, 40)), max_size=24))
    seen_client = seen_server = 0
    growing = [talk.cut(0, 0)]
    for is_client, more in steps:
        seen_client += more * is_client
        seen_server += more * (not is_client)
        growing.append(talk.cut(seen_client, seen_server))
    growing.append(talk.cut(len(client), len(server)))
    assert first_change_of_a_settled_answer(answers(detector, growing)) is None


def certain_of_random(count: int, seed: int) -> list[str]:
    rng = random.Random(seed)  # noqa: S311, reproducible test data
    found = []
    for _ in range(count):
        heads = Heads(
            Side(rng.randbytes(rng.randrange(64)), from_start=rng.random() < 0.5),
            Side(rng.randbytes(rng.randrange(64)), from_start=rng.random() < 0.5),
        )
        found += [d.protocol for d in DETECTORS if d.probe(heads).answer is Answer.CERTAIN]
    return found


def test_random_bytes_are_never_certain() -> None:
    assert certain_of_random(5_000, seed=1) == []


@pytest.mark.long
def test_a_million_random_conversations_are_never_certain() -> None:
    assert certain_of_random(1_000_000, seed=2) == []


@settings(max_examples=300)
@given(
    client=st.binary(max_size=200),
    server=st.binary(max_size=200),
    from_start=st.booleans(),
    transport=st.sampled_from(Transport),
    oriented=st.booleans(),
)
def test_any_bytes_have_an_answer(
    *, client: bytes, server: bytes, from_start: bool, transport: Transport, oriented: bool
) -> None:
    heads = Heads(Side(client, from_start=from_start), Side(server, from_start=from_start))
    answer = identify(heads, transport, oriented=oriented)
    assert (answer.protocol == "unknown") == (answer.reason is not None)
    assert 0 <= answer.confidence <= 1
    assert answer.why
