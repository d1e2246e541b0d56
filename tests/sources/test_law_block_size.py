"""Law 3 for sources: how the bytes arrive changes nothing, neither frames nor counts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.capture_files import (
    COMPRESS,
    KUZNETZOV,
    Dribble,
    Frame,
    deceptive_frames,
    pcap,
    pcapng,
    read,
    section,
    simple,
    statistics,
)

WRITERS: dict[str, Callable[[list[Frame]], bytes]] = {
    "pcap": pcap,
    "pcap, big-endian": lambda records: pcap(records, order=">"),
    "pcap, kuznetzov": lambda records: pcap(records, magic=KUZNETZOV),
    "pcapng": pcapng,
    "pcapng, two sections": lambda records: (
        pcapng(records) + statistics(dropped=3) + pcapng(records[:5], ">") + section()
    ),
    "pcapng, simple packets": lambda records: (
        pcapng(records[:2]) + b"".join(simple(record) for record in records if not record.wirelen)
    ),
}
Damage = list[tuple[float, str, bytes]]
DAMAGE = st.lists(
    st.tuples(
        st.floats(0, 1), st.sampled_from(("flip", "cut", "insert", "zero")), st.binary(max_size=40)
    ),
    max_size=4,
)
BLOCK_BYTES = st.sampled_from((64, 65, 100, 1000, 4096, 5000, 70_000, 300_000))


def _damaged(content: bytes, damage: Damage) -> bytes:
    """The capture with bytes changed, lost or added behind its first hundred."""
    for where, kind, junk in damage:
        at = 100 + int(where * max(0, len(content) - 100))
        tail = {
            "flip": junk + content[at + len(junk) :],
            "cut": content[at + len(junk) :],
            "insert": junk + content[at:],
            "zero": bytes(20 * len(junk)) + content[at:],
        }[kind]
        content = content[:at] + tail
    return content


@pytest.mark.parametrize("kind", WRITERS)
@settings(max_examples=40)
@given(
    recipe=st.tuples(st.integers(0, 2**32), st.integers(0, 30)),
    damage=DAMAGE,
    block_bytes=BLOCK_BYTES,
    sizes=st.lists(st.integers(1, 3000), min_size=1, max_size=5),
)
def test_the_way_bytes_arrive_changes_nothing(
    kind: str, recipe: tuple[int, int], damage: Damage, block_bytes: int, sizes: list[int]
) -> None:
    content = _damaged(WRITERS[kind](deceptive_frames(*recipe)), damage)
    expected = read(content)
    assert read(content, block_bytes=block_bytes) == expected
    assert read(content, stream=Dribble(content, sizes)) == expected


@pytest.mark.parametrize("kind", ["pcap", "pcapng"])
@settings(max_examples=8)
@given(seed=st.integers(0, 2**32), block_bytes=st.integers(5000, 1_000_000), damage=DAMAGE)
def test_captures_of_many_blocks_are_the_same_as_one_block(
    kind: str, seed: int, block_bytes: int, damage: Damage
) -> None:
    content = _damaged(WRITERS[kind](deceptive_frames(seed, 600)), damage)
    assert read(content, block_bytes=block_bytes) == read(content)


@pytest.mark.parametrize("codec", COMPRESS)
def test_compression_changes_nothing_but_the_format(codec: str) -> None:
    content = pcap(deceptive_frames(1, 500))
    expected, plain = read(content)
    found, summary = read(COMPRESS[codec](content), block_bytes=5000)
    assert found == expected
    assert (plain.format, summary.format) == ("pcap", f"pcap+{codec}")
    assert not summary.cut_short
