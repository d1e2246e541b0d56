"""What the bytes of one side say about one protocol, and how two sides add up to a `Verdict`.

A protocol's grammar is a `Parse`: the bytes of one side from the start of a message in, `Clue` out.
The laws of verdicts hold for the whole because they hold for the parts: AGAINST, FAINT, FOR
and PROOF are *settled*: later bytes of the same side may only raise FAINT to FOR and FOR to PROOF.
What could still be taken back is OPEN or LEAN. Knows no protocol.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from sniffdiag.identify.verdict import (
    NEED_MORE,
    NO,
    NO_FACTS,
    Facts,
    Heads,
    Side,
    Verdict,
    certain,
    possible,
)
from sniffdiag.identify.wire import Layout, fit


class Sign(IntEnum):
    """How strongly one side's bytes speak, ordered so that the best of several is their maximum."""

    AGAINST = 0
    """This side does not speak the protocol. Settled."""
    OPEN = 1
    """What was seen fits, and proves nothing."""
    LEAN = 2
    """Looks like it, may still turn out wrong."""
    FAINT = 3
    """Fits for good, but too little to claim anything without the other side. Settled."""
    FOR = 4
    """Looks like it for good, but so do others: enough only with the other side's. Settled."""
    PROOF = 5
    """Nothing else looks like this. Settled."""


@dataclass(frozen=True, slots=True)
class Clue:
    """One side's testimony."""

    sign: Sign
    why: str = ""
    facts: Facts = NO_FACTS


AGAINST = Clue(Sign.AGAINST)
OPEN = Clue(Sign.OPEN)

Parse = Callable[[bytes], Clue]
Hear = Callable[[Side], Clue]
Probe = Callable[[Heads], Verdict]


def lean(why: str, facts: Facts = NO_FACTS) -> Clue:
    """A clue that later bytes may take back."""
    return Clue(Sign.LEAN, why, facts)


def faint(why: str) -> Clue:
    """A settled clue that says nothing without the other side."""
    return Clue(Sign.FAINT, why)


def hint(why: str, facts: Facts = NO_FACTS) -> Clue:
    """A settled clue that needs the other side."""
    return Clue(Sign.FOR, why, facts)


def proof(why: str, facts: Facts = NO_FACTS) -> Clue:
    """A settled clue that stands on its own."""
    return Clue(Sign.PROOF, why, facts)


def when(fits: bool | None, clue: Clue) -> Clue:  # noqa: FBT001 - the answers of `wire.fit`
    """`clue` where the bytes fit, OPEN while they may, AGAINST where they cannot."""
    if fits is None:
        return OPEN
    return clue if fits else AGAINST


def best(*clues: Clue) -> Clue:
    """The strongest clue, the first of equals; AGAINST only if all are."""
    return max(clues, key=_strength)


def _strength(clue: Clue) -> int:
    return clue.sign


def one_of(*cases: tuple[Layout, Clue]) -> Parse:
    """A grammar that is a table: the best clue among the layouts that fit."""

    def parse(data: bytes) -> Clue:
        found = AGAINST
        for layout, clue in cases:
            fits = fit(data, layout)
            if fits is not False and found.sign < (clue if fits else OPEN).sign:
                found = clue if fits else OPEN
        return found

    return parse


def any_of(*parses: Parse) -> Parse:
    """The best clue of several grammars."""

    def parse(data: bytes) -> Clue:
        return best(*(each(data) for each in parses))

    return parse


Measure = Callable[[bytes, int], int | None]
"""Length of a message at an offset; 0 where none can begin there, None while its header is cut."""


def chained(data: bytes, measure: Measure, enough: int) -> bool | None:
    """Whether `enough` headers follow each other, each where the one before says it ends."""
    at = 0
    for _ in range(enough):
        length = measure(data, at)
        if not length:
            return None if length is None else False
        at += length
    return True


def chain_of(measure: Measure, enough: int, clue: Clue) -> Parse:
    """A grammar that accepts `enough` chained messages; one alone fits and is named, no more."""

    def parse(data: bytes) -> Clue:
        found = when(chained(data, measure, enough), clue)
        if found is OPEN and chained(data, measure, 1):
            return Clue(Sign.OPEN, clue.why)
        return found

    return parse


def nothing(_data: bytes) -> Clue:
    """The grammar of a side that proves nothing either way."""
    return OPEN


def at_start(parse: Parse) -> Hear:
    """A side of which only the beginning can be recognised."""

    def hear(side: Side) -> Clue:
        return parse(side.head) if side.head else OPEN

    return hear


_FITTING_SEGMENTS = 3
"""So many later segments, and most of those kept, must begin with a message to count as one."""


def anywhere(start: Parse, later: Parse) -> Hear:
    """A side that is also recognised mid-stream, by messages that begin where segments begin."""

    def hear(side: Side) -> Clue:
        if not side.head:
            return OPEN
        first = start(side.head)
        if side.from_start or first.sign is Sign.PROOF:
            return first
        after = [later(sample.data) for sample in side.samples if sample.data]
        fitting = [clue for clue in after if clue.why]
        if len(fitting) >= max(_FITTING_SEGMENTS, len(after) // 2):
            after.append(hint(fitting[0].why))
        found = best(first, later(side.head), *after)
        # Joined inside a message, a stream says nothing about what its messages are.
        return OPEN if found.sign is Sign.AGAINST else found

    return hear


def datagrams(parse: Parse) -> Hear:
    """A side of a datagram flow: the first datagram may rule the protocol out, all may prove it."""

    def hear(side: Side) -> Clue:
        if not side.head:
            return OPEN
        first = parse(side.head)
        if first.sign is Sign.AGAINST or first.sign is Sign.PROOF:
            return first
        return best(first, *(parse(sample.data) for sample in side.samples if sample.data))

    return hear


def weigh(heads: Heads, client: Clue, server: Clue) -> Verdict:
    """Two testimonies as one verdict: proof of either side, or hints of both, make it certain."""
    facts = client.facts.merged(server.facts)
    strong, weak = max(client.sign, server.sign), min(client.sign, server.sign)
    by_client = client.sign >= server.sign
    why = client.why if by_client else server.why
    if strong is Sign.PROOF:
        return certain(why, facts, by_client=by_client)
    if weak >= Sign.FAINT:
        return certain(f"{client.why}, answered by {server.why}", facts)
    if weak is Sign.AGAINST:
        return _contradicted(heads, client, server)
    if strong in {Sign.LEAN, Sign.FOR}:
        return possible(why, facts, by_client=by_client)
    return NEED_MORE


def _contradicted(heads: Heads, client: Clue, server: Clue) -> Verdict:
    """One side at least is something else. The other could still prove itself, if it has more."""
    undecided = heads.server if client.sign is Sign.AGAINST else heads.client
    both = client.sign is server.sign
    return NO if both or undecided.complete else NEED_MORE


def probe_sides(client: Hear, server: Hear) -> Probe:
    """A probe that hears both sides apart."""

    def probe(heads: Heads) -> Verdict:
        return weigh(heads, client(heads.client), server(heads.server))

    return probe
