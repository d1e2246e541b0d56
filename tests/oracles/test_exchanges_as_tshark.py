"""Requests and answers read from the heads of HTTP/2 flows are those that tshark decodes."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from sniffdiag.identify.exchanges import exchanges
from sniffdiag.identify.messages import Exchange
from sniffdiag.pipeline.capture import sealed
from sniffdiag.pipeline.reading import read
from tests.support import corpus

ROOT = Path(__file__).parents[2]
LAB = [
    ROOT / "pcaps" / "lab" / scenario / "1.3.6" / "s1-lo.pcap"
    for scenario in (
        "grpc-on-grpc-api",
        "grpc-on-tcp-api",
        "h2c-on-http2-web",
        "midstream-grpc-on-grpc-api",
        "midstream-grpc-on-tcp-api",
    )
]
UPGRADE_REFUSED = "curl-upgrade-refused"
RECORDED = [
    path
    for path in sorted((ROOT / "pcaps" / "http2").glob("*.pcap"))
    if path.stem != UPGRADE_REFUSED
]
CORPUS = [s.path for s in corpus.samples() if {f["label"] for f in s.flows} & {"http2", "grpc"}]
FIELDS = ("method", "path", "authority", "status")
Told = dict[str, Counter[str]]


def by_tshark(path: Path, stream: int, port: int | None) -> Told:
    """What the header blocks of one connection say, by field; unknown ones are left out.

    `port` is told to be HTTP/2, which tshark finds out by itself only behind an upgrade.
    """
    decoded_as = ["-d", f"tcp.port=={port},http2"] if port else []
    fields = [argument for name in FIELDS for argument in ("-e", f"http2.headers.{name}")]
    shown = ["-Y", f"tcp.stream=={stream} && http2", "-T", "fields"]
    layout = ["-E", "separator=/t", "-E", "aggregator=/s"]
    run = subprocess.run(
        ["tshark", "-r", str(path), *decoded_as, *shown, *layout, *fields],
        capture_output=True,
        check=True,
        text=True,
    )
    told: Told = {name: Counter() for name in FIELDS}
    for line in run.stdout.splitlines():
        for name, values in zip(FIELDS, line.split("\t"), strict=False):
            told[name].update(value.partition("?")[0] for value in values.split())
    return told


def by_us(found: tuple[Exchange, ...]) -> Told:
    """The same of exchanges, of HTTP/2 alone."""
    requests = [e.request for e in found if e.request and e.request.version == "2"]
    responses = [e.response for e in found if e.response]
    return {
        "method": Counter(r.method for r in requests if r.method),
        "path": Counter(r.target for r in requests if r.target and r.method != "CONNECT"),
        "authority": Counter(r.host for r in requests if r.host),
        "status": Counter(str(r.status) for r in responses if r.status),
    }


def compared(path: Path) -> Iterator[tuple[Told, Told]]:
    """Ours and theirs of each connection that a REDIRECT did not tear in two for tshark."""
    identified = sealed(read([str(path)], stdin=None, watcher=None)).flows
    flows = identified.flows
    for row in range(flows.rows):
        is_torn = bool(flows.redirected[row])
        if not is_torn and identified.brief(row).protocol in {"http2", "grpc"}:
            upgraded = identified.brief(row).facts.upgrade
            port = None if upgraded else int(flows.server_port[row])
            theirs = by_tshark(path, int(flows.stream[row]), port)
            yield by_us(exchanges(identified.heads(row))), theirs


@pytest.mark.oracle
@pytest.mark.parametrize("path", [*LAB, *RECORDED], ids=lambda p: f"{p.parts[-3]}-{p.stem}")
def test_exchanges_of_recorded_connections_are_those_of_tshark(path: Path) -> None:
    both = list(compared(path))
    assert both
    assert [ours for ours, _ in both] == [theirs for _, theirs in both]


@pytest.mark.oracle
@pytest.mark.corpus
@pytest.mark.parametrize("path", CORPUS, ids=lambda p: p.name)
def test_exchanges_of_samples_are_those_of_tshark(path: Path) -> None:
    both = list(compared(path))
    assert both
    assert [ours for ours, _ in both] == [theirs for _, theirs in both]
