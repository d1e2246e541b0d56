"""A user can jump from any flow that sniffdiag lists to the same stream in Wireshark."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from tests.oracles import differences, tshark
from tests.oracles.listed import listed, peers
from tests.support import corpus

pytestmark = [pytest.mark.corpus, pytest.mark.oracle]
each_capture = pytest.mark.parametrize("sample", corpus.samples(), ids=str)
view = cache(tshark.view)


def disagreements(ours: list[dict[str, Any]], theirs: tshark.View) -> Iterator[str]:
    """One line for each flow that only one side has, and for each value that differs."""
    found = {(flow["transport"], flow["first_frame"]): flow for flow in ours}
    for key in sorted(found.keys() | theirs.flows.keys()):
        flow, oracle = found.get(key), theirs.flows.get(key)
        title = f"{key[0]} from frame {key[1]}"
        if flow is None or oracle is None:
            yield f"{title}: only {'sniffdiag' if flow else 'tshark'} lists it"
            continue
        compared = {
            "peers": (peers(flow), oracle.peers),
            "packets": (flow["packets"], oracle.packets),
            "bytes": (flow["bytes"], oracle.bytes),
            "stream": (flow[f"{oracle.transport}_stream"], oracle.stream),
        }
        for name, (mine, its) in compared.items():
            if mine != its:
                yield f"{title}: {name} {_text(mine)}, in tshark {_text(its)}"


def _text(value: object) -> str:
    return str(sorted(value)) if isinstance(value, frozenset) else str(value)


@each_capture
def test_flows_counts_and_stream_numbers_are_those_of_tshark(sample: corpus.Sample) -> None:
    explained = differences.lines(differences.FLOWS.get(sample.path.name, ()))
    assert sorted(disagreements(listed(sample.path), view(sample.path))) == explained


@each_capture
def test_tcp_flows_are_the_conversations_that_tshark_prints(sample: corpus.Sample) -> None:
    if sample.path.name in differences.FLOWS:
        return
    ours = Counter(
        (peers(flow), flow["packets"]) for flow in listed(sample.path) if flow["transport"] == "tcp"
    )
    assert ours == view(sample.path).tcp_conversations
