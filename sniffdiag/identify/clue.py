"""What the bytes of one side say about one protocol, and how two sides add up to a `Verdict`.

A protocol's grammar is a `Parse`: the bytes of one side from the start of a message in, `Clue` out.
The laws of verdicts hold for the whole because they hold for the parts: AGAINST, FAINT, FOR
and PROOF are *settled*: later bytes of the same side may only raise FAINT to FOR and FOR to PROOF.
What could still be taken back is OPEN or LEAN. Knows no protocol.

A grammar also tells how anything begins of which it has a word to say (`Grammar.begins`), so that a
flow is shown only to the few detectors that may have one. For tables of layouts that is the table
itself; a grammar in code is told by `beginning`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from enum import IntEnum

from sniffdiag.identify.verdict import (
    NEED_MORE,
    NO,
    NO_FACTS,
    Facts,
    Heads,
    Sample,
    Side,
    Verdict,
    certain,
    possible,
)
from sniffdiag.identify.wire import ANY_BYTE, Layout, byte_sets, fit
from sniffdiag.records import dataclass


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

Begins = tuple[Layout, ...]
"""Each layout is one way to begin. Empty: nothing is ever said."""
ANYHOW: Begins = ((),)
NEVER: Begins = ()


@dataclass(frozen=True, slots=True)
class Grammar:
    """A parse that says nothing (no why, at most OPEN) of bytes that contradict all of `begins`."""

    parse: Parse
    begins: Begins

    def __call__(self, data: bytes) -> Clue:
        """What the bytes say."""
        return self.parse(data)


def beginning(*begins: Layout) -> Callable[[Parse], Grammar]:
    """Declares how anything begins that a grammar in code has a word on."""

    def declared(parse: Parse) -> Grammar:
        return Grammar(parse, begins)

    return declared


def begins_of(*parses: Parse) -> Begins:
    """How anything begins of which one of the grammars has a word to say."""
    found: Begins = ()
    for parse in parses:
        found += parse.begins if isinstance(parse, Grammar) else ANYHOW
    return found


@dataclass(frozen=True, slots=True)
class Beginnings:
    """How the pieces of one side begin that may have it say more than OPEN."""

    start: Begins
    """The head of a side."""
    later: Begins = NEVER
    """Later segments, and the head of a side joined mid-stream."""
    at_any_time: bool = False
    """Later pieces count although the side was seen from its start."""


@dataclass(frozen=True, slots=True)
class Hearing:
    """How a side is heard."""

    hear: Callable[[Side], Clue]
    begins: Beginnings

    def __call__(self, side: Side) -> Clue:
        """What the side says."""
        return self.hear(side)


@dataclass(frozen=True, slots=True)
class Sounding:
    """A probe that makes a claim only where a piece of one side begins as told."""

    probe: Callable[[Heads], Verdict]
    client: Beginnings
    server: Beginnings

    def __call__(self, heads: Heads) -> Verdict:
        """The verdict on both sides."""
        return self.probe(heads)


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
    found = clues[0]
    for clue in clues:
        if clue.sign > found.sign:
            found = clue
    return found


def one_of(*cases: tuple[Layout, Clue]) -> Grammar:
    """A grammar that is a table: the best clue among the layouts that fit."""
    begins = tuple(layout for layout, _ in cases)
    first_bytes = _FirstBytes(begins)

    def parse(data: bytes) -> Clue:
        if len(data) >= _WIDEST_NUMBER and not first_bytes.admit(data):
            return AGAINST
        found = AGAINST
        for layout, clue in cases:
            fits = fit(data, layout)
            if fits is False:
                continue
            told = clue if fits else OPEN
            if told.sign > found.sign:
                found = told
        return found

    return Grammar(parse, begins)


_WIDEST_NUMBER = 8
"""From here on, a wrong first byte is no number that is still cut."""


class _FirstBytes:
    """Values of the first byte of which one of the layouts may have begun, made when first asked.

    Most grammars are never asked in a run, and the sets would be most of the time of an import.
    """

    __slots__ = ("_begins", "_values")

    def __init__(self, begins: Begins) -> None:
        self._begins = begins
        self._values: frozenset[int] | None = None

    def admit(self, data: bytes) -> bool:
        """Whether some layout may begin so; the bytes must not be empty."""
        if self._values is None:
            firsts = (_first_byte(layout) for layout in self._begins)
            self._values = frozenset[int]().union(*firsts)
        return data[0] in self._values


def _first_byte(layout: Layout) -> frozenset[int]:
    sets = (byte_sets(field)[0] for field in layout if field.at == 0)
    return frozenset(ANY_BYTE).intersection(*sets)


def any_of(*parses: Parse) -> Grammar:
    """The best clue of several grammars."""

    def parse(data: bytes) -> Clue:
        found = AGAINST
        for each in parses:
            clue = each(data)
            if clue.sign > found.sign:
                found = clue
        return found

    return Grammar(parse, begins_of(*parses))


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


def chain_of(measure: Measure, enough: int, clue: Clue, begins: Layout = ()) -> Grammar:
    """A grammar that accepts `enough` chained messages; one alone fits and is named, no more.

    A message that `measure` accepts begins as `begins`.
    """

    def parse(data: bytes) -> Clue:
        found = when(chained(data, measure, enough), clue)
        if found is OPEN and chained(data, measure, 1):
            return Clue(Sign.OPEN, clue.why)
        return found

    return Grammar(parse, (begins,))


@beginning()
def nothing(_data: bytes) -> Clue:
    """The grammar of a side that proves nothing either way."""
    return OPEN


def at_start(parse: Parse) -> Hearing:
    """A side of which only the beginning can be recognised.

    What a joined stream happens to begin with says less: short of proof it needs the other side.
    """

    def hear(side: Side) -> Clue:
        found = parse(side.head) if side.head else OPEN
        return found if side.from_start else _joined(found)

    return Hearing(hear, Beginnings(begins_of(parse)))


def _joined(clue: Clue) -> Clue:
    """What the beginning of a message says at the beginning of a joined stream."""
    if clue.sign is Sign.FOR:
        return replace(clue, sign=Sign.FAINT)
    return OPEN if clue.sign is Sign.LEAN else clue


_FITTING_SEGMENTS = 3
"""So many later segments, and most of those kept, must begin with a message to count as one."""


def anywhere(start: Parse, later: Parse) -> Hearing:
    """A side that is also recognised mid-stream, by messages that begin where segments begin."""
    started, resumed = _FirstBytes(begins_of(start)), _FirstBytes(begins_of(later))

    def hear(side: Side) -> Clue:
        head = side.head
        if not head:
            return OPEN
        if side.from_start:
            return start(head)
        # Joined inside a message, a stream says nothing about what its messages are: OPEN at least.
        found = best(OPEN, _joined(start(head))) if started.admit(head) else OPEN
        if found.sign is Sign.PROOF:
            return found
        if resumed.admit(head):
            found = best(found, later(head))
        return best(found, *_resumed(side.samples, later, resumed))

    return Hearing(hear, Beginnings(begins_of(start), begins_of(later)))


def _resumed(samples: tuple[Sample, ...], later: Parse, told: _FirstBytes) -> list[Clue]:
    """What later segments say; the first that is proof needs no other."""
    said = []
    for sample in samples:
        if sample.data and told.admit(sample.data):
            clue = later(sample.data)
            if clue.sign is Sign.PROOF:
                return [clue]
            said.append(clue)
    fitting = [clue for clue in said if clue.why]
    if fitting and len(fitting) >= _enough_of(samples):
        said.append(hint(fitting[0].why))
    return said


def _enough_of(samples: tuple[Sample, ...]) -> int:
    return max(_FITTING_SEGMENTS, sum(1 for sample in samples if sample.data) // 2)


def datagrams(parse: Parse) -> Hearing:
    """A side of a datagram flow: the first datagram may rule the protocol out, all may prove it.

    Of later ones only proof counts: among a thousand of noise, one will look like anything.
    """
    begins = begins_of(parse)
    told = _FirstBytes(begins)

    def hear(side: Side) -> Clue:
        if not side.head:
            return OPEN
        found = parse(side.head)
        if found.sign is Sign.AGAINST:
            return found
        for sample in side.samples:
            if found.sign is Sign.PROOF:
                break
            if sample.data and told.admit(sample.data):
                later = parse(sample.data)
                found = later if later.sign is Sign.PROOF else found
        return found

    return Hearing(hear, Beginnings(begins, begins, at_any_time=True))


def weigh(heads: Heads, client: Clue, server: Clue) -> Verdict:
    """Two testimonies as one verdict: proof of either side, or hints of both, make it certain."""
    strong, weak = max(client.sign, server.sign), min(client.sign, server.sign)
    by_client = client.sign >= server.sign
    why = client.why if by_client else server.why
    if strong is Sign.OPEN and weak is Sign.OPEN:
        return NEED_MORE
    facts = client.facts.merged(server.facts)
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


def probe_sides(client: Hearing, server: Hearing) -> Sounding:
    """A probe that hears both sides apart."""
    hear_client, hear_server = client.hear, server.hear

    def probe(heads: Heads) -> Verdict:
        return weigh(heads, hear_client(heads.client), hear_server(heads.server))

    return Sounding(probe, client.begins, server.begins)
