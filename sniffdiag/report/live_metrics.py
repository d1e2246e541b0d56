"""A capture that goes on as Prometheus text (exposition format 0.0.4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from sniffdiag.report.escape import printable
from sniffdiag.report.live import LiveState
from sniffdiag.report.report import PortReport

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_Sample = tuple[Mapping[str, str], float]


def render(state: LiveState) -> str:
    """All metrics of one moment."""
    return "".join(_metrics(state))


def _metrics(state: LiveState) -> Iterator[str]:
    flows = state.report.capture.flows if state.report.capture else 0
    yield from _one("frames_total", "counter", "Frames captured.", state.frames)
    yield from _one("bytes_total", "counter", "Bytes of them on the wire.", state.bytes)
    yield from _one(
        "dropped_packets_total", "counter", "Packets lost while capturing.", state.dropped
    )
    yield from _one("flows", "gauge", "Flows known.", flows)
    yield from _metric(
        "port_connections",
        "gauge",
        "Connections by declared port and observed protocol.",
        _connections(state.report.ports),
    )
    yield from _metric(
        "port_verdict",
        "gauge",
        "1 for the verdict on each declared port.",
        (({**_labels(port), "verdict": port.verdict.value}, 1) for port in state.report.ports),
    )
    yield from _metric("findings", "gauge", "Findings that stand.", _findings(state))


def _connections(ports: Iterable[PortReport]) -> Iterator[_Sample]:
    for port in ports:
        for protocol, count in port.seen.observed.items():
            yield {**_labels(port), "protocol": protocol}, count


def _findings(state: LiveState) -> Iterator[_Sample]:
    counts: Counter[tuple[tuple[str, str], ...]] = Counter()
    for finding in state.report.findings:
        declared = finding.declared
        labels = {
            "rule": finding.name,
            "severity": finding.severity.value,
            "namespace": declared.namespace if declared else "",
            "service": declared.service if declared else "",
            "port": str(declared.port) if declared else "",
        }
        counts[tuple(labels.items())] += 1
    return ((dict(labels), count) for labels, count in counts.items())


def _labels(port: PortReport) -> dict[str, str]:
    declared = port.seen.declared
    return {
        "namespace": declared.namespace,
        "service": declared.service,
        "port": str(declared.port),
        "transport": declared.transport.label,
    }


def _one(name: str, kind: str, text: str, value: float) -> Iterator[str]:
    return _metric(name, kind, text, [({}, value)])


def _metric(name: str, kind: str, text: str, samples: Iterable[_Sample]) -> Iterator[str]:
    yield f"# HELP sniffdiag_{name} {text}\n# TYPE sniffdiag_{name} {kind}\n"
    for labels, value in samples:
        inside = ",".join(f'{label}="{_escaped(of)}"' for label, of in labels.items())
        yield f"sniffdiag_{name}{f'{{{inside}}}' if inside else ''} {value:.17g}\n"


def _escaped(text: str) -> str:
    return printable(text).replace("\\", "\\\\").replace('"', '\\"')
