"""Every flow of the sample captures is identified as its index labels it, or a table says why.

`weak` labels are no fair test; `also` and `near` ones are right as well. Carriers of tunnels are
labelled in the index and are no flows here: what is inside them is.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from sniffdiag.pipeline.capture import list_flows
from tests.support import corpus

OUR_IDS = {
    "http1": {"http"},
    "mongodb": {"mongo"},
    "empty": {"unknown"},
    "unknown": {"unknown", "tcp", "udp", "sctp"},
}
"""What we call it; any other label is called the same."""

EXPLAINED = {
    ("deepflowio-nats-nrpc3.pcap", "unknown"): "nats",  # no view of the index knows NATS
    ("ntop-nats.pcap", "unknown"): "nats",
    ("zeek-retr.pcap", "ftp-data"): "tcp",  # a file's bytes: only the control connection says so
}
"""(file, label): what we say instead, and are right."""

TUNNEL = "tunnel"


def cases() -> list[Any]:
    return [
        pytest.param(sample, flow, id=f"{sample}-{flow['a']}:{flow['ap']}-{flow['b']}:{flow['bp']}")
        for sample in corpus.samples()
        for flow in sample.flows
        if not flow.get("weak") and flow["label"] != TUNNEL
    ]


@cache
def identified(path: str) -> dict[tuple[str, frozenset[tuple[str, int]]], set[str]]:
    """Protocols by transport and both ends; ports used twice have one flow each."""
    found: dict[tuple[str, frozenset[tuple[str, int]]], set[str]] = {}
    for row in list_flows([path]).rows:
        ends = frozenset({(row.client, row.client_port), (row.server, row.server_port)})
        found.setdefault((row.transport, ends), set()).add(row.protocol)
    return found


def accepted(file: str, flow: dict[str, Any]) -> set[str]:
    labels = [flow["label"], *flow.get("also", ()), *flow.get("near", ())]
    ours = {name for label in labels for name in OUR_IDS.get(label, {label})}
    explained = EXPLAINED.get((file, flow["label"]))
    return ours | {explained} if explained else ours


@pytest.mark.corpus
@pytest.mark.parametrize(("sample", "flow"), cases())
def test_a_flow_is_identified_as_its_index_labels_it(
    sample: corpus.Sample, flow: dict[str, Any]
) -> None:
    ends = frozenset({(flow["a"], flow["ap"]), (flow["b"], flow["bp"])})
    found = identified(str(sample.path))[flow["proto"], ends]
    assert found <= accepted(sample.path.name, flow)
