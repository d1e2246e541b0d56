"""What happens to captures: loss, other order, repetition, a short snapshot, a late beginning.

All of it is the same whenever it is asked for with the same seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from tests.support.capture_files import Frame

LOST, REPEATED = 0.3, 0.3
"""Parts of all frames."""
FARTHEST = 4
"""Frames that a frame may come too late."""
SNAPLEN = 96
"""What `tcpdump -s 96` leaves, an old default: the headers and the first bytes."""

Damage = Callable[[Sequence[Frame], random.Random], list[Frame]]


def lossy(frames: Sequence[Frame], chance: random.Random) -> list[Frame]:
    """Three frames of ten are missing."""
    return [frame for frame in frames if chance.random() >= LOST]


def reordered(frames: Sequence[Frame], chance: random.Random) -> list[Frame]:
    """Frames overtake those a little before them."""
    places = [at + chance.uniform(0, FARTHEST) for at in range(len(frames))]
    order = sorted(range(len(frames)), key=places.__getitem__)
    return [
        replace(frames[come], ts_ns=frame.ts_ns) for come, frame in zip(order, frames, strict=True)
    ]


def repeated(frames: Sequence[Frame], chance: random.Random) -> list[Frame]:
    """Three of ten are there twice, the second time a few frames later."""
    placed = [(float(at), frame) for at, frame in enumerate(frames)]
    again = [
        (at + chance.uniform(0, FARTHEST), frame)
        for at, frame in placed
        if chance.random() < REPEATED
    ]
    latest = 0
    found = []
    for _, frame in sorted(placed + again, key=lambda both: both[0]):
        latest = max(latest, frame.ts_ns)
        found.append(replace(frame, ts_ns=latest))
    return found


def cut_short(frames: Sequence[Frame], _chance: random.Random) -> list[Frame]:
    """Only the first bytes of each frame were captured."""
    return [replace(frame, data=frame.data[:SNAPLEN], wirelen=frame.on_wire) for frame in frames]


def joined_late(frames: Sequence[Frame], chance: random.Random) -> list[Frame]:
    """The capture began when a third to two thirds were over."""
    return list(frames[int(len(frames) * chance.uniform(1 / 3, 2 / 3)) :])


DAMAGES: tuple[Damage, ...] = (lossy, reordered, repeated, cut_short, joined_late)


def damaged(frames: Sequence[Frame], damage: Damage, seed: int) -> list[Frame]:
    """The frames as damage leaves them."""
    return damage(frames, random.Random(seed))  # noqa: S311 - not for secrets
