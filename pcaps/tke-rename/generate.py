"""Make incident.pcap, services.yaml and truth.json of this folder with the lab of tests/lab (needs root and Envoy).

    python pcaps/tke-rename/generate.py

A client calls `reviews` through two real Envoys per request; in the middle the port's new name is pushed to the running
proxies, as Istio's control plane does after a Service was edited.
"""

from __future__ import annotations

import datetime as dt
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tests" / "lab"))

from meshlab import envoy, manifests, runner  # noqa: E402 - after its folder is known
from meshlab.certificates import Authority  # noqa: E402
from meshlab.cluster import (  # noqa: E402
    SECOND_POD,
    SERVER_POD,
    Cluster,
    LabError,
    check_host,
    running_cluster,
    until,
)
from meshlab.declared import NAMESPACE, Declared  # noqa: E402
from meshlab.release import RELEASES  # noqa: E402
from meshlab.scenario import Expectation, Scenario  # noqa: E402

BEFORE, AFTER = "http-web", "tcp-9080-8080"
"""The console writes `tcp-<targetPort>-<port>`."""
PORT = Declared(BEFORE, port=8080, target_port=9080, pods=(SERVER_POD, SECOND_POD))
MESH_VERSION = "1.3.6"
PUSH_S = 1.0
MISMATCH = Expectation("mismatch", ("http-on-opaque-port",))
SCENARIO = Scenario(
    "tke-rename",
    f"a console edit renames the port of shop/reviews from {BEFORE} to {AFTER}: the HTTP routes stop applying",
    (PORT,),
    "http",
    "shopping",
    "http",
    {MESH_VERSION: MISMATCH},
    points=("c-any",),
)


def sidecars(name: str) -> list[envoy.Sidecar]:
    """All sidecars while the port has this name; a VirtualService sends every HTTP request to v1."""
    case = runner.Case(
        replace(SCENARIO, services=(replace(PORT, name=name),)), RELEASES[MESH_VERSION], mtls=False
    )
    return [replace(one, subset_pods=(SERVER_POD,)) for one in runner.sidecars(case, Authority())]


def now() -> str:
    """The time as Kubernetes writes it."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def record(cluster: Cluster, folder: Path) -> tuple[list[str], str, dict[str, dict[str, int]]]:
    """Capture the client pod around the rename; gives the client's results, its time, and the access logs."""
    before = sidecars(BEFORE)
    runner.kube_proxy(cluster, [PORT])
    proxies = runner.start_proxies(cluster, before)
    runner.start_server(cluster, SERVER_POD, "http", PORT.target_port)
    runner.start_server(cluster, SECOND_POD, "canary", PORT.target_port)
    with runner.capturing(cluster, folder, SCENARIO):
        client = runner.start_client(cluster, SCENARIO.client, PORT)
        until(lambda: client.said("waiting"), "the client's first half")
        renamed_at = now()
        for sidecar in sidecars(AFTER):
            envoy.push(cluster.logs, sidecar)
        time.sleep(PUSH_S)
        runner.go_on(client)
        results = runner.outcome(client)
    cluster.end_processes()
    done = {
        one.pod: runner.decisions(process) for one, process in zip(before, proxies, strict=True)
    }
    return results, renamed_at, done


def routing() -> list[manifests.Json]:
    """What the team relied on: all HTTP traffic to v1 while v2, with new paths, is being tried."""
    match = {"destination": {"host": PORT.service, "subset": "v1"}}
    metadata = {"name": PORT.service, "namespace": NAMESPACE}
    subsets = [{"labels": {"version": version}, "name": version} for version in ("v1", "v2")]
    virtual = {"hosts": [PORT.service], "http": [{"route": [match]}]}
    rule = {"host": PORT.service, "subsets": subsets}
    kind = "networking.istio.io/v1alpha3"
    return [
        {"apiVersion": kind, "kind": "VirtualService", "metadata": metadata, "spec": virtual},
        {"apiVersion": kind, "kind": "DestinationRule", "metadata": metadata, "spec": rule},
    ]


def main() -> None:
    """Write the three files beside this one."""
    check_host()
    with tempfile.TemporaryDirectory(prefix="sniffdiag-lab-") as temporary:
        logs = Path(temporary)
        logs.chmod(0o755)
        with running_cluster(logs) as cluster:
            results, renamed_at, done = record(cluster, HERE)
    (HERE / "c-any.pcap").rename(HERE / "incident.pcap")
    rename = manifests.Rename(BEFORE, "tke-apiserver", PORT.created, renamed_at)
    after = replace(PORT, name=AFTER)
    items = manifests.exported((after,), manifests.Kinds.ALL, MESH_VERSION, rename)
    manifests.write(HERE / "services.yaml", items + routing())
    case = runner.Case(replace(SCENARIO, services=(after,)), RELEASES[MESH_VERSION], mtls=False)
    packets, payload = runner.payload_bytes(HERE / "incident.pcap")
    known = {
        "scenario": SCENARIO.name,
        "story": SCENARIO.story,
        "mesh": "istio",
        "mesh_version": MESH_VERSION,
        "mtls": False,
        "ports": [runner.port_truth(case, after)],
        "renamed": {"from": BEFORE, "to": AFTER, "at": renamed_at},
        "application": {
            "protocol": SCENARIO.protocol,
            "client": SCENARIO.client,
            "server": SCENARIO.server,
        },
        "captures": {
            "c-any": {
                "file": "incident.pcap",
                "packets": packets,
                "payload_bytes": payload,
                "readable": True,
            },
        },
        "expect": runner.expected(MISMATCH),
        "measured": {"client": results, "access_logs": done},
    }
    runner.write_json(HERE / "truth.json", known)
    print(f"{packets} packets; before and after the rename: {results}")


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(str(error))
