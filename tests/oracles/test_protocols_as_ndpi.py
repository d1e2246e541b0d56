"""What sniffdiag observes is what nDPI sees in the same bytes, or a table says who is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.oracles import differences, ndpi
from tests.oracles.listed import listed, peers
from tests.support import corpus

pytestmark = [pytest.mark.corpus, pytest.mark.oracle]
CARRIED = {"grpc": {"http2", "http"}, "websocket": {"http"}, "http2": {"http"}}
"""nDPI stops at what carries these."""


def disagreements(path: Path) -> Iterator[str]:
    """One line for each flow that nDPI names by content and sniffdiag names otherwise."""
    ours: dict[tuple[str, ndpi.Ends], set[str]] = {}
    for flow in listed(path):
        ours.setdefault((flow["transport"], peers(flow)), set()).add(flow["protocol"])
    for theirs in ndpi.flows(path):
        found = ours.get((theirs.transport, theirs.ends), set())
        alike = found.union(*(CARRIED.get(protocol, set()) for protocol in found))
        if not alike & theirs.protocols:
            ends = " ".join(f"{host}:{port}" for host, port in sorted(theirs.ends))
            named = " and ".join(sorted(found)) or "nothing"
            yield f"{theirs.transport} {ends}: {named}, in nDPI {' and '.join(theirs.protocols)}"


@pytest.mark.parametrize("sample", corpus.samples(), ids=str)
def test_protocols_are_those_that_ndpi_sees(sample: corpus.Sample) -> None:
    explained = differences.lines(differences.PROTOCOLS.get(sample.path.name, ()))
    assert sorted(disagreements(sample.path)) == explained


def test_ndpi_has_a_word_on_most_captures() -> None:
    named = [sample for sample in corpus.samples() if ndpi.flows(sample.path)]
    assert len(named) > len(corpus.samples()) // 2
