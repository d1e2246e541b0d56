"""What sniffdiag observes agrees with what three independent views agreed on for each sample."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sniffdiag.identify.detectors import DETECTORS
from tests.oracles import differences
from tests.oracles.listed import listed, peers
from tests.support import corpus

pytestmark = pytest.mark.corpus

IDS = {"http1": "http", "mongodb": "mongo"}
"""Labels that are spelled otherwise here."""
KNOWN = {detector.protocol for detector in DETECTORS}
NOT_RECOGNISED = {"unknown", "tcp", "udp"}
CARRIER = "tunnel"


def accepted(flow: dict[str, Any]) -> set[str]:
    """Protocol ids that a labelled flow may be listed with."""
    labels = [flow["label"], *flow.get("also", ()), *flow.get("near", ())]
    ids = {IDS.get(label, label) for label in labels}
    if flow["label"] == "empty":
        return {"unknown"}
    return ids if ids & KNOWN else NOT_RECOGNISED


def disagreements(sample: corpus.Sample) -> Iterator[str]:
    """One line for each labelled flow that is listed as something else, or not at all."""
    ours = listed(sample.path)
    for flow in sample.flows:
        if flow["weak"] or flow["label"] == CARRIER:
            continue
        ends = frozenset({(flow["a"], flow["ap"]), (flow["b"], flow["bp"])})
        same = [f for f in ours if peers(f) == ends and f["transport"] == flow["proto"]]
        observed = {f["protocol"] for f in same}
        if not observed & accepted(flow):
            title = f"{flow['proto']} {flow['a']}:{flow['ap']} {flow['b']}:{flow['bp']}"
            yield f"{title}: {', '.join(sorted(observed)) or 'not listed'}, label {flow['label']}"


@pytest.mark.parametrize("sample", corpus.samples(), ids=str)
def test_observed_protocols_agree_with_the_labels(sample: corpus.Sample) -> None:
    explained = differences.lines(differences.LABELS.get(sample.path.name, ()))
    assert sorted(disagreements(sample)) == explained
