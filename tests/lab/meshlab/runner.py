"""One case from nothing to captures, manifests and truth."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import dpkt

from meshlab import envoy, manifests, processes
from meshlab.case import Case
from meshlab.certificates import Authority
from meshlab.cluster import CLIENT_POD, Cluster, until
from meshlab.declared import Declared
from meshlab.release import PROXY_IMAGE_TAGS
from meshlab.scenario import DIALLED

BETWEEN_SIDECARS = frozenset({"s1-eth0", "n1-ul0"})
PUSH_S = 1.0
"""Envoy takes over new listeners within this time."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run of a case showed."""

    client: list[str]
    access_logs: dict[str, dict[str, int]]
    renamed_at: str = ""


# ---------------------------------------------------------------- traffic


def now() -> str:
    """The time as Kubernetes writes it."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def plainly(cluster: Cluster, case: Case, folder: Path) -> list[str]:
    """Run the client within the captures."""
    with processes.capturing(cluster, folder, case):
        kind = case.scenario.application.client
        return processes.outcome(processes.start_client(cluster, kind, case.dialled))


def joined_late(cluster: Cluster, case: Case, folder: Path) -> list[str]:
    """Begin the captures when the client's connection has been up for a while."""
    client = processes.start_client(cluster, case.scenario.application.client, case.dialled)
    until(lambda: client.said("waiting"), "the client to warm up")
    with processes.capturing(cluster, folder, case):
        processes.go_on(client)
        return processes.outcome(client)


def changed_midway(
    cluster: Cluster, case: Case, folder: Path, change: Callable[[], None]
) -> list[str]:
    """Let a change reach the running proxies while the client pauses, within the captures."""
    with processes.capturing(cluster, folder, case):
        client = processes.start_client(cluster, case.scenario.application.client, case.dialled)
        until(lambda: client.said("waiting"), "the client's first half")
        change()
        time.sleep(PUSH_S)
        processes.go_on(client)
        return processes.outcome(client)


def traffic(cluster: Cluster, case: Case, folder: Path) -> Measured:
    """Start everything, run the client, end everything."""
    scenario, authority = case.scenario, Authority()
    sidecars = case.sidecars(case.services_at_first, authority)
    renamed_at: list[str] = []

    def rename() -> None:
        renamed_at.append(now())
        for sidecar in case.sidecars(scenario.services, authority):
            envoy.push(cluster.logs, sidecar)

    processes.kube_proxy(cluster, scenario.services)
    proxies = processes.start_proxies(cluster, sidecars)
    for declared in envoy.by_target_port(scenario.services):
        for pod in declared.pods:
            kind = scenario.application.serving(pod)
            processes.start_server(cluster, pod, kind, declared.target_port)
    if scenario.renamed_from:
        results = changed_midway(cluster, case, folder, rename)
    elif scenario.application.client.endswith("midstream"):
        results = joined_late(cluster, case, folder)
    else:
        results = plainly(cluster, case, folder)
    cluster.clear()
    done = {
        sidecar.pod: processes.decisions(proxy)
        for sidecar, proxy in zip(sidecars, proxies, strict=True)
    }
    return Measured(results, done, "".join(renamed_at))


# ---------------------------------------------------------------- truth


def payload_bytes(path: Path) -> tuple[int, int]:
    """Packets, and bytes of TCP payload (inside VXLAN on the underlay)."""
    packets = payload = 0
    with path.open("rb") as file:
        reader = dpkt.pcap.UniversalReader(file)
        sll2 = reader.datalink() == dpkt.pcap.DLT_LINUX_SLL2
        for _, frame in reader:
            packets += 1
            packet = (dpkt.sll2.SLL2 if sll2 else dpkt.ethernet.Ethernet)(frame).data
            if isinstance(packet.data, dpkt.udp.UDP):
                packet = dpkt.ethernet.Ethernet(packet.data.data[8:]).data
            if isinstance(getattr(packet, "data", b""), dpkt.tcp.TCP):
                payload += len(packet.data.data)
    return packets, payload


def port_truth(case: Case, declared: Declared) -> dict[str, object]:
    """One declared port: how it is declared, how both sidecars were configured for it."""
    outbound, inbound = case.handling(declared)
    return {
        "namespace": "shop",
        "service": declared.service,
        "port": declared.port,
        "name": declared.name,
        "app_protocol": declared.app_protocol,
        "target_port": declared.target_port,
        "cluster_ip": declared.cluster_ip,
        "endpoints": declared.endpoints,
        "proxies": {"outbound": outbound, "inbound": inbound},
    }


def capture_truth(case: Case, folder: Path, measured: Measured) -> dict[str, object]:
    """Every capture of a case: can the application be read in it, and in its own protocol?

    What the client's sidecar passes through because it is not HTTP goes without mutual TLS.
    """
    passed = case.handling(case.dialled)[0] in {"http", "http2"} and any(
        "not http" in did for did in measured.access_logs.get(CLIENT_POD, {})
    )
    encrypted = case.mtls and not passed
    known: dict[str, object] = {}
    for point in case.points:
        packets, payload = payload_bytes(folder / f"{point}.pcap")
        known[point] = {
            "file": f"{point}.pcap",
            "packets": packets,
            "payload_bytes": payload,
            "readable": bool(payload) and not (encrypted and point in BETWEEN_SIDECARS),
            "converted": case.converts and point in BETWEEN_SIDECARS,
        }
    return known


def truth(case: Case, folder: Path, measured: Measured) -> dict[str, object]:
    """Everything that is known about a case, for tests to compare with."""
    scenario, expectation = case.scenario, case.expectation
    renamed = {
        "from": scenario.renamed_from,
        "to": case.dialled.name,
        "at": measured.renamed_at,
    }
    return {
        "scenario": scenario.name,
        "story": scenario.story,
        "mesh": "istio",
        "mesh_version": case.release.version,
        "mtls": case.mtls,
        "ports": [port_truth(case, declared) for declared in scenario.services],
        "dialled": DIALLED,
        "renamed": renamed if scenario.renamed_from else None,
        "unmeshed": list(scenario.unmeshed),
        "application": asdict(scenario.application),
        "captures": capture_truth(case, folder, measured),
        "expect": {
            "verdict": expectation.verdict,
            "verdict_alternatives": list(expectation.or_verdicts),
            "rules": list(expectation.rules),
            "rules_allowed": list(expectation.allowed),
        },
        "measured": {"client": measured.client, "access_logs": measured.access_logs},
    }


def write_manifests(case: Case, folder: Path, measured: Measured) -> None:
    """The objects as they are when the capture ends."""
    scenario = case.scenario
    rename = None
    if scenario.renamed_from:
        rename = manifests.Rename(
            scenario.renamed_from, "tke-apiserver", case.dialled.created, measured.renamed_at
        )
    export = manifests.Export(
        scenario.services, PROXY_IMAGE_TAGS[case.release.version], scenario.unmeshed, rename
    )
    items = manifests.exported(export, scenario.manifests)
    if scenario.routed_to:
        items += manifests.routing(case.dialled)
    manifests.write(folder / "services.yaml", items)


def run_case(cluster: Cluster, case: Case, out: Path) -> Measured:
    """Run one case; its folder holds captures, services.yaml and truth.json afterwards."""
    folder = out / case.folder
    folder.mkdir(parents=True, exist_ok=True)
    try:
        measured = traffic(cluster, case, folder)
    finally:
        cluster.clear()
    write_manifests(case, folder, measured)
    text = json.dumps(truth(case, folder, measured), indent=2) + "\n"
    (folder / "truth.json").write_text(text, encoding="utf-8")
    return measured
