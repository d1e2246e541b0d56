"""Make the captures of this folder: one conversation each way, seen at every place of two nodes.

    python pcaps/copies/generate.py        (root, network namespaces, tcpdump, dumpcap, iptables)

A client pod on one node calls a server pod on another: by the cluster IP (DNAT on the client's
node, as kube-proxy does it), by the pod's address over IPv4 and IPv6, and over UDP. Between the
nodes lies a VXLAN tunnel, as flannel builds it. Every packet passes a veth, a bridge, the tunnel
device and the card of the client's node; one segment of the second connection is lost on the
server's node and sent again. In the pods, nothing is seen twice.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMES = ("copies-client", "copies-server", "copies-node-1", "copies-node-2")
CLIENT, SERVER, NODE_1, NODE_2 = NAMES
SETUP = f"""
ip link add eth0 netns {NODE_1} type veth peer name eth0 netns {NODE_2}
ip -n {NODE_1} addr add 192.168.7.1/24 dev eth0
ip -n {NODE_2} addr add 192.168.7.2/24 dev eth0
ip -n {NODE_1} link set eth0 up
ip -n {NODE_2} link set eth0 up
"""
NODE = """
ip -n {node} link add cni0 type bridge
ip -n {node} addr add 10.244.{n}.1/24 dev cni0
ip -n {node} addr add fd00:{n}::1/64 dev cni0 nodad
ip -n {node} link set cni0 up
ip link add veth0 netns {node} type veth peer name eth0 netns {pod}
ip -n {node} link set veth0 master cni0 up
ip -n {pod} addr add 10.244.{n}.2/24 dev eth0
ip -n {pod} addr add fd00:{n}::2/64 dev eth0 nodad
ip -n {pod} link set eth0 up
ip -n {pod} link set lo up
ip -n {pod} route add default via 10.244.{n}.1
ip -n {pod} -6 route add default via fd00:{n}::1
ip -n {node} link set lo up
ip -n {node} link add flannel.1 type vxlan id 1 local 192.168.7.{n} remote 192.168.7.{o} dstport 8472 dev eth0
ip -n {node} addr add 10.244.{n}.0/32 dev flannel.1
ip -n {node} addr add fd00:ffff::{n}/64 dev flannel.1 nodad
ip -n {node} link set flannel.1 up
ip -n {node} route add 10.244.{o}.0/24 via 10.244.{o}.0 dev flannel.1 onlink
ip -n {node} -6 route add fd00:{o}::/64 via fd00:ffff::{o} dev flannel.1
ip netns exec {node} sysctl -qw net.ipv4.ip_forward=1
ip netns exec {node} sysctl -qw net.ipv6.conf.all.forwarding=1
"""  # noqa: E501 - commands
RULES = f"""
ip netns exec {NODE_1} iptables -t nat -A PREROUTING -d 10.96.0.10 -p tcp --dport 80 -j DNAT --to 10.244.2.2:8080
ip netns exec {NODE_2} iptables -A FORWARD -p tcp --dport 8081 -m statistic --mode nth --every 999 --packet 2 -j DROP
"""  # noqa: E501 - commands

SERVE = """
import http.server, socket, threading
class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"hello\\n")
    def log_message(self, *_): pass
class Six(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
for port in (8080, 8081):
    web = Six(("::", port), Web)
    threading.Thread(target=web.serve_forever, daemon=True).start()
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("", 9000))
print("ready", flush=True)
while True:
    data, peer = udp.recvfrom(2000)
    udp.sendto(data[::-1], peer)
"""
CALL = """
import http.client, socket, time
for host, port in (("10.96.0.10", 80), ("10.244.2.2", 8081), ("fd00:2::2", 8080)):
    web = http.client.HTTPConnection(host, port, timeout=5)
    for path in ("/first", "/second"):
        web.request("GET", path)
        assert web.getresponse().read() == b"hello\\n"
    web.close()
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.settimeout(5)
for number in range(3):
    udp.sendto(b"question %d" % number, ("10.244.2.2", 9000))
    udp.recv(2000)
"""
TRAFFIC = "tcp or udp port 9000 or udp port 8472 or (ip6 and tcp)"
POINTS = (
    (CLIENT, "client.pcap", ("tcpdump", "-i", "eth0")),
    (SERVER, "server.pcap", ("tcpdump", "-i", "eth0")),
    (NODE_1, "node.pcap", ("tcpdump", "-i", "eth0")),
    (NODE_1, "any.pcap", ("tcpdump", "-i", "any", "-y", "LINUX_SLL2")),
    (NODE_1, "any-sll.pcap", ("tcpdump", "-i", "any", "-y", "LINUX_SLL")),
)
INTERFACES = ("veth0", "cni0", "flannel.1", "eth0")


def run(commands: str) -> None:
    """One command a line."""
    for line in commands.strip().splitlines():
        subprocess.run(line.split(), check=True)


def in_namespace(name: str, *command: str) -> tuple[str, ...]:
    """The command as run in a network namespace."""
    return ("ip", "netns", "exec", name, *command)


@contextmanager
def started(*command: str) -> Iterator[None]:
    """A program that runs meanwhile."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


@contextmanager
def nodes() -> Iterator[None]:
    """Two nodes with a pod each, and what lies between them."""
    with ExitStack() as stack:
        for name in NAMES:
            run(f"ip netns add {name}")
            stack.callback(run, f"ip netns del {name}")
        run(SETUP)
        run(NODE.format(node=NODE_1, pod=CLIENT, n=1, o=2))
        run(NODE.format(node=NODE_2, pod=SERVER, n=2, o=1))
        run(RULES)
        yield


def main() -> None:
    """Write the captures beside this file."""
    with nodes(), ExitStack() as stack:
        serve = in_namespace(SERVER, sys.executable, "-c", SERVE)
        stack.enter_context(started(*serve))
        time.sleep(1)
        for name, file, command in POINTS:
            written = ("-U", "-s", "1600", "-w", str(HERE / file), TRAFFIC)
            stack.enter_context(started(*in_namespace(name, *command, *written)))
        ports = [word for name in INTERFACES for word in ("-i", name, "-f", TRAFFIC)]
        several = ("dumpcap", "-q", *ports, "-w", str(HERE / "several.pcapng"))
        stack.enter_context(started(*in_namespace(NODE_1, *several)))
        time.sleep(3)
        subprocess.run(in_namespace(CLIENT, sys.executable, "-c", CALL), check=True)
        time.sleep(3)


if __name__ == "__main__":
    if not hasattr(socket, "AF_PACKET"):
        sys.exit("network namespaces are Linux'")
    main()
