"""What sniffdiag says of the captures of a real Envoy in pcaps/lab, against their truth."""

from __future__ import annotations

import io
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from sniffdiag.catalog.manifests import load
from sniffdiag.catalog.services import Catalog
from sniffdiag.model import Severity
from sniffdiag.pipeline.diagnosis import MeshChoice, analyze_captures
from sniffdiag.report.report import PortReport, Report
from sniffdiag.sources.captures import open_sources
from sniffdiag.sources.rows import rows
from tests.support.capture_files import Frame, pcap
from tests.support.damage import cut_short

LAB = Path(__file__).parents[1] / "pcaps" / "lab"
CANNOT_SEE = {"unknown", "no-traffic"}


@dataclass(frozen=True)
class Case:
    """One capture of one scenario."""

    folder: Path
    place: str

    @property
    def name(self) -> str:
        """The id of the test."""
        return f"{self.folder.parent.name} {self.folder.name} {self.place}"


@cache
def truth(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "truth.json").read_text()))


@cache
def catalog(folder: Path) -> Catalog:
    return load([str(folder / "services.yaml")])


CASES = [
    Case(path.parent, place)
    for path in sorted(LAB.glob("*/*/truth.json"))
    for place in truth(path.parent)["captures"]
]


@cache
def report_on(case: Case) -> Report:
    """What sniffdiag says of one capture."""
    known = truth(case.folder)
    return analyze_captures(
        [str(case.folder / known["captures"][case.place]["file"])],
        catalog(case.folder),
        MeshChoice("istio", known["mesh_version"]),
    )


def dialled_port(case: Case) -> PortReport:
    """The port that the client dialled."""
    known = truth(case.folder)
    dialled = known["ports"][known["dialled"]]
    (port,) = [
        p
        for p in report_on(case).ports
        if (p.seen.declared.service, p.seen.declared.port) == (dialled["service"], dialled["port"])
    ]
    return port


def test_the_lab_is_there() -> None:
    assert len(CASES) > 400


def is_inferable(case: Case) -> bool:
    """There is the mesh's own TLS from its ClientHello on, and something went through it."""
    known = truth(case.folder)
    capture = known["captures"][case.place]
    late = known["scenario"].startswith("midstream")
    return known["mtls"] and case.place != "s1-lo" and capture["payload_bytes"] > 0 and not late


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_verdict_and_rules(case: Case) -> None:
    """Right where the bytes are readable; where they are not, never a wrong accusation.

    A hop on which a sidecar converted HTTP may look right although the next one is not.
    """
    known, expected = truth(case.folder), truth(case.folder)["expect"]
    capture = known["captures"][case.place]
    report, port = report_on(case), dialled_port(case)
    rules = {f.name for f in report.findings if f.declared == port.seen.declared}
    verdicts = {expected["verdict"], *expected["verdict_alternatives"]}
    if not capture["readable"] and not is_inferable(case):
        assert port.verdict in verdicts | CANNOT_SEE
        return
    if capture["converted"] and port.verdict == "ok":
        assert not rules
        return
    assert port.verdict in verdicts
    assert set(expected["rules"]) <= rules <= {*expected["rules"], *expected["rules_allowed"]}


WAITING = {"http", "sniffed"}


def stalls(case: Case) -> bool:
    """A server that speaks first behind a sidecar that was configured to wait for the client."""
    known = truth(case.folder)
    proxies = known["ports"][known["dialled"]]["proxies"]
    silent = not known["captures"][case.place]["payload_bytes"]
    speaks_first = known["application"]["protocol"] in {"mysql", "smtp"}
    return speaks_first and silent and proxies["outbound"] in WAITING


@pytest.mark.parametrize("case", [c for c in CASES if stalls(c)], ids=lambda case: case.name)
def test_a_stall_of_a_server_that_speaks_first_is_told_on_the_clients_leg(case: Case) -> None:
    rules = {f.name for f in report_on(case).findings}
    assert rules == ({"silent-connections"} if case.place == "c-any" else set())


SHOWN_IN_LOG = {
    frozenset({"http"}): {"http"},
    frozenset({"tcp"}): {"opaque", "tls-passthrough"},
    frozenset({"http", "tcp"}): {"mixed", "http", "opaque"},
    frozenset(): set(),
}
"""What marks may show, by how both Envoys' access logs say that connections were handled."""


def logged(known: dict[str, Any], pod: str) -> frozenset[str]:
    """How the Envoy of that pod handled connections: `http`, `tcp` or both."""
    return frozenset(line.split()[0] for line in known["measured"]["access_logs"].get(pod, {}))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_marks_never_contradict_the_access_logs(case: Case) -> None:
    """Whatever is said to be shown is what both Envoys say they did."""
    known = truth(case.folder)
    shown = dialled_port(case).seen.shown
    for pod, direction in (("client", shown.outbound), ("server", shown.inbound)):
        assert direction.as_ in SHOWN_IN_LOG[logged(known, pod)] | {"unknown"}, direction


@cache
def without_pods(folder: Path) -> Catalog:
    """The declarations as they are without Pods: only the wire tells who has a sidecar."""
    declared = yaml.safe_load((folder / "services.yaml").read_text())
    items = [item for item in declared["items"] if item["kind"] != "Pod"]
    text = yaml.safe_dump({**declared, "items": items}).encode()
    return load(["-"], stdin=io.BytesIO(text))


@pytest.mark.parametrize("given", [catalog, without_pods], ids=["with Pods", "without Pods"])
def test_whoever_is_said_to_stand_at_the_ends_of_a_leg_does(
    given: Callable[[Path], Catalog],
) -> None:
    """A sidecar, or no mesh, is claimed of neither side where the other is true."""
    claims = Counter[str]()
    for case in CASES:
        known = truth(case.folder)
        proxies = known["ports"][known["dialled"]]["proxies"]
        report = analyze_captures(
            [str(case.folder / known["captures"][case.place]["file"])],
            given(case.folder),
            MeshChoice("istio", known["mesh_version"]),
        )
        for leg in (leg for port in report.ports for leg in port.seen.legs):
            for way, side in (("outbound", leg.client_side), ("inbound", leg.server_side)):
                there = "no mesh" if proxies[way] == "none" else "proxy"
                assert side.as_ in {there, "unknown"}, (case.name, leg)
                claims[side.as_] += 1
    told = {"proxy", "unknown"} | ({"no mesh"} if given is catalog else set())
    assert set(claims) == told


SEEN_FROM = {("c-any", "client"), ("s1-lo", "server")}
"""Places where a sidecar's own leg to its application is in the capture."""


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.place != "n1-ul0"], ids=lambda case: case.name
)
def test_next_to_a_sidecar_its_handling_of_http_is_known(case: Case) -> None:
    """HTTP on the leg between an application and its sidecar always decides."""
    known = truth(case.folder)
    is_http = known["application"]["protocol"] in {"http", "grpc", "http2"}
    hidden = known["scenario"].startswith("midstream-grpc")  # names compressed before the capture
    if not is_http or hidden or not known["captures"][case.place]["readable"]:
        return
    shown = dialled_port(case).seen.shown
    for pod, direction in (("client", shown.outbound), ("server", shown.inbound)):
        if (case.place, pod) in SEEN_FROM and logged(known, pod):
            assert direction.as_ != "unknown", direction
            assert direction.exemplars


@pytest.mark.parametrize("case", [c for c in CASES if is_inferable(c)], ids=lambda case: case.name)
def test_without_any_declaration_the_meshs_own_tls_names_the_port(case: Case) -> None:
    """Service and port come from the SNI, the handling from the ALPN; nothing is declared."""
    known = truth(case.folder)
    dialled = known["ports"][known["dialled"]]
    file = case.folder / known["captures"][case.place]["file"]
    report = analyze_captures([str(file)], Catalog(), MeshChoice("istio"))
    assert [p.seen.declared.given for p in report.ports] == [False] * len(report.ports)
    for port in report.ports:
        where = (port.seen.declared.full_name, port.seen.declared.port)
        assert where == (f"{dialled['namespace']}/{dialled['service']}", dialled["port"])
        assert port.seen.treated.outbound.as_ == "unknown"
        handled = logged(known, "client")
        assert port.seen.shown.outbound.as_ in SHOWN_IN_LOG[handled] | {"unknown"}
        is_opaque_http = known["application"]["protocol"] in {"http", "grpc"} and "tcp" in handled
        if port.seen.shown.outbound.as_ == "opaque":
            assert port.verdict == ("mismatch" if is_opaque_http else "ok")


def test_the_incident_is_named_without_any_declaration() -> None:
    file = LAB / "http-on-tcp-web" / "1.20-mtls" / "s1-eth0.pcap"
    (port,) = analyze_captures([str(file)], Catalog(), MeshChoice("istio")).ports
    assert port.seen.shown.outbound.as_ == "opaque"
    assert "istio-peer-exchange" in port.seen.shown.outbound.because
    assert port.verdict == "mismatch"


BOTH_PODS = [
    path.parent
    for path in sorted(LAB.glob("*/*/truth.json"))
    if {"c-any", "s1-lo"} <= truth(path.parent)["captures"].keys()
]


@pytest.mark.parametrize("folder", BOTH_PODS, ids=lambda f: f"{f.parent.name} {f.name}")
def test_captures_of_both_pods_show_both_proxies(folder: Path) -> None:
    """The same connections are found on every leg, and what was between them is what Envoy logged.

    Where HTTP/1 went all the way, nothing is left unknown: not under Istio 1.1's mutual TLS, and
    not where the application imitates Envoy.
    """
    known = truth(folder)
    report = analyze_captures(
        [str(folder / known["captures"][place]["file"]) for place in ("c-any", "s1-lo")],
        catalog(folder),
        MeshChoice("istio", known["mesh_version"]),
    )
    dialled = known["ports"][known["dialled"]]
    (seen,) = [
        p.seen
        for p in report.ports
        if (p.seen.declared.service, p.seen.declared.port) == (dialled["service"], dialled["port"])
    ]
    handled = {
        "client": (logged(known, "client"), seen.shown.outbound),
        "server": (logged(known, "server"), seen.shown.inbound),
    }
    for logs, shown in handled.values():
        assert shown.as_ in SHOWN_IN_LOG[logs] | {"unknown"}, shown
        if known["application"]["protocol"] == "http" and logs:
            assert shown.as_ != "unknown"
    uniform = {"same": frozenset({"tcp"}), "rewritten": frozenset({"http"})}
    for hop in seen.hops:
        between = [handled[pod][0] for pod in PODS_BETWEEN[hop.before, hop.after]]
        if all(logs == uniform["same"] for logs in between):
            assert hop.rewritten == 0
        if any(logs == uniform["rewritten"] for logs in between):
            assert hop.same == 0


PODS_BETWEEN = {
    ("app to proxy", "wire"): ("client",),
    ("wire", "proxy to app"): ("server",),
    ("app to proxy", "proxy to app"): ("client", "server"),
}


HEALTHY = [
    case
    for case in CASES
    if truth(case.folder)["expect"]["verdict"] == "ok"
    and truth(case.folder)["captures"][case.place]["payload_bytes"]
]


@pytest.mark.parametrize("case", HEALTHY, ids=lambda case: case.name)
def test_a_short_snapshot_length_accuses_no_healthy_port(case: Case, tmp_path: Path) -> None:
    """What the proxies added is cut away; that is no sign that they added nothing."""
    known = truth(case.folder)
    whole = open_sources([str(case.folder / known["captures"][case.place]["file"])], stdin=None)
    captured = list(rows(whole))
    frames = [Frame(row.data, row.ts_ns, row.wirelen) for row in captured]
    chance = random.Random(0)  # noqa: S311 - repeatable
    short = pcap(cut_short(frames, chance), linktype=captured[0].linktype)
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(short)
    report = analyze_captures(
        [str(cut)], catalog(case.folder), MeshChoice("istio", known["mesh_version"])
    )
    assert [f.name for f in report.findings if f.severity is Severity.ERROR] == []
