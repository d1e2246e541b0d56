"""Where in a sequence of labels one kind gives way to another, and how likely that is chance.

The split is the one that leaves the fewest misfits: labels before it that are not the earlier kind,
labels from it on that are not the later. It counts if both kinds stand `FEWEST` times on their
side, misfits are at most `MOST_MISFITS` of all, and so few of them would hardly come about if the
same labels stood in any order. Labels that go to and fro (two replicas configured differently, a
canary) leave many misfits wherever they are split.

A proxy may carry all requests of one kind in one connection. `replaced` finds where such a
connection gives way to others: its requests stand for it, but they are one proxy's, not drawn one
by one, so that less is claimed for them than `split` would.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate, groupby
from math import comb

from sniffdiag.model import Direction, Endpoint, Leg, Shown
from sniffdiag.records import dataclass

FEWEST = 3
MOST_MISFITS = 0.1
MOST_CHANCE = 0.1
LEAST_OF_REQUESTS = 0.1
"""However many requests of few connections there are: they do not come independently."""


@dataclass(frozen=True, slots=True)
class Split:
    """`labels[:at]` are mostly `before`, `labels[at:]` mostly `after`."""

    at: int
    before: str
    after: str
    misfits: int
    chance: float
    """At most so likely is such a split, or a better one, of the same labels in any order."""


def split(labels: Sequence[str]) -> Split | None:
    """The split of the two most frequent labels, if it counts; of equal ones the earliest."""
    common = [label for label, _ in sorted(Counter(labels).items(), key=lambda i: (-i[1], i[0]))]
    best = min(
        (_best(labels, one, other) for one in common[:2] for other in common[:2] if one != other),
        key=lambda found: (found.misfits, found.at),
        default=None,
    )
    if best is None or best.misfits > MOST_MISFITS * len(labels) or best.chance > MOST_CHANCE:
        return None
    sides = (labels[: best.at].count(best.before), labels[best.at :].count(best.after))
    return best if min(sides) >= FEWEST else None


def replaced(labels: Sequence[str], requests: Sequence[int]) -> Split | None:
    """Where one kind ends for good and the other begins, by how many requests each label has."""
    turns = [(label, list(mine)) for label, mine in groupby(range(len(labels)), labels.__getitem__)]
    if len(turns) != 2:  # noqa: PLR2004 - one kind, then the other
        return None
    (before, _), (after, later) = turns
    asked = sum(requests[at] for at in later)
    others = sum(requests) - asked
    chance = max(_chance(asked + others, asked, 0), LEAST_OF_REQUESTS)
    if min(asked, others) < FEWEST or chance > MOST_CHANCE:
        return None
    return Split(later[0], before, after, 0, chance)


def _best(labels: Sequence[str], before: str, after: str) -> Split:
    """The place with the fewest misfits for these two kinds."""
    wrong_before = accumulate((label != before for label in labels), initial=0)
    right_after = accumulate((label == after for label in labels), initial=0)
    all_after = labels.count(after)
    misfits = [
        wrong + (len(labels) - at) - (all_after - right)
        for at, (wrong, right) in enumerate(zip(wrong_before, right_after, strict=True))
    ]
    fewest = min(misfits)
    at = misfits.index(fewest)
    return Split(at, before, after, fewest, _chance(len(labels), all_after, fewest))


def _chance(labels: int, after: int, misfits: int) -> float:
    """A bound on the part of all orders of the labels that can be split as well as this.

    Either kind may come first; the place of the split is given by how many there are of each, but
    for the misfits; and any of the labels may be those.
    """
    ways = 2 * (2 * misfits + 1) * sum(comb(labels, few) for few in range(misfits + 1))
    return min(1.0, ways / comb(labels, after))


@dataclass(frozen=True, slots=True)
class Moment:
    """A request of a connection."""

    frame: int
    ts_ns: int
    client: Endpoint
    server: Endpoint
    leg: Leg


@dataclass(frozen=True, slots=True)
class Answers:
    """How connections fared."""

    connections: int
    requests: int
    """Or responses, where there are more of them."""
    failed: int
    """Answered with 4xx or 5xx, or reset unanswered."""

    @property
    def rate(self) -> float:
        """Part of the requests that failed, 0 to 1."""
        return self.failed / self.requests if self.requests else 0.0


@dataclass(frozen=True, slots=True)
class TreatmentChange:
    """While the capture ran, marks began to show another treatment of a declared port."""

    direction: Direction
    before: Shown
    """`unknown`: no HTTP filter touched the bytes, and nothing tells whether a proxy was there."""
    after: Shown
    last_before: Moment
    first_after: Moment
    connections: int
    """Connections that show one or the other."""
    misfits: int
    """Those of them that show one when it was the other's time."""
    chance: float
    answers: tuple[Answers, ...]
    """Of the connections that began before, and of those that began after."""
