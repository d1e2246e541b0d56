"""Which packets are copies: a rule that is easily told, whatever chunks they come in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sniffdiag.flows import copies
from sniffdiag.flows.copies import NO_PLACE, Copies

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Seen:
    """A packet captured somewhere."""

    packet: int
    place: int
    frame: int
    ts_ns: int


@dataclass(slots=True)
class Run:
    """Equal packets that follow each other closely, one by one."""

    latest: Seen
    shown: dict[int, int] = field(default_factory=dict)
    """How many packets each place has shown."""

    def goes_on(self, packet: Seen) -> bool:
        near = abs(packet.ts_ns - self.latest.ts_ns) <= copies.MOST_NS_APART
        return near and packet.frame - self.latest.frame <= copies.MOST_FRAMES_APART

    def is_copy(self, packet: Seen) -> bool:
        """Whether another place has shown as many before."""
        most = max(self.shown.values(), default=0)
        count = 1 if packet.place == NO_PLACE else self.shown.get(packet.place, 0) + 1
        self.shown[packet.place] = count
        self.latest = packet
        return count <= most


def told_one_by_one(packets: Sequence[Seen]) -> list[bool]:
    runs: dict[int, Run] = {}
    told = []
    for packet in packets:
        run = runs.get(packet.packet)
        if run is None or not run.goes_on(packet):
            run = runs[packet.packet] = Run(packet)
        told.append(run.is_copy(packet))
    return told


def told_in_chunks(packets: Sequence[Seen], cuts: Sequence[int]) -> list[bool]:
    fold, told = Copies(), []
    places = sorted({0, len(packets), *(cut for cut in cuts if cut < len(packets))})
    for begin, end in zip(places, [*places[1:], len(packets)], strict=True):
        part = packets[begin:end]
        told += fold.among(
            np.array([one.packet for one in part], np.uint64),
            np.array([one.place for one in part], np.uint64),
            np.array([one.frame for one in part], np.int64),
            np.array([one.ts_ns for one in part], np.int64),
        ).tolist()
    return told


@st.composite
def captures(draw: st.DrawFn) -> list[Seen]:
    """Few packets at few places, frames and times that move on, stand still and jump."""
    frame, ts_ns, found = 0, 0, []
    for _ in range(draw(st.integers(0, 40))):
        frame += draw(st.sampled_from((1, 1, 1, 2, 9)))
        ts_ns += draw(st.sampled_from((0, 1, 3, 3, 12, -4)))
        packet = draw(st.sampled_from((5, 7, 2**63 + 1)))
        found.append(Seen(packet, draw(st.sampled_from((NO_PLACE, 11, 13, 17))), frame, ts_ns))
    return found


@given(packets=captures(), cuts=st.lists(st.integers(0, 40), max_size=6))
@settings(max_examples=400)
def test_columns_in_any_chunks_tell_what_one_look_after_the_other_tells(
    packets: list[Seen], cuts: list[int]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copies, "MOST_FRAMES_APART", 6)
        patch.setattr(copies, "MOST_NS_APART", 10)
        assert told_in_chunks(packets, cuts) == told_one_by_one(packets)


@pytest.mark.parametrize(
    ("places", "copied"),
    [
        ("abc", "-cc"),
        ("abab", "-c-c"),
        ("aabb", "--cc"),
        ("abba", "-c-c"),
        ("aaa", "---"),
        ("baab", "-c-c"),
    ],
)
def test_each_time_a_packet_passes_all_places_it_counts_once(places: str, copied: str) -> None:
    packets = [Seen(1, ord(place), frame, frame) for frame, place in enumerate(places)]
    assert "".join("c" if one else "-" for one in told_in_chunks(packets, ())) == copied


def test_what_is_remembered_does_not_grow_with_the_capture() -> None:
    fold = Copies()
    for begin in range(1, 1_000_000, 100_000):
        frame = np.arange(begin, begin + 100_000)
        fold.among(frame.astype(np.uint64), frame.astype(np.uint64), frame, frame * 1_000)
    assert fold.remembered <= copies.MOST_FRAMES_APART + 1
