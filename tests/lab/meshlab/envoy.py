"""Envoy's bootstrap, listeners and clusters as pilot of a release writes them for one sidecar.

Listeners and clusters are read from files that Envoy watches, so that a change of a declaration
reaches a running proxy as a push from the control plane does. What pilot adds through its own
filters (Mixer attributes, metadata exchange, ALPN override) is imitated with plain headers and with
one cluster per handling; README.md lists the differences.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meshlab.certificates import Identity
from meshlab.cluster import CLIENT_POD, POD_ADDRESS
from meshlab.declared import NAMESPACE, POD_NAME, Declared
from meshlab.release import Handling, Release

Json = dict[str, Any]

TYPE = "type.googleapis.com/"
HCM = TYPE + "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
TCP_PROXY = TYPE + "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
STDOUT_LOG = TYPE + "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog"
LISTENER_FILTER = TYPE + "envoy.extensions.filters.listener."
TLS = TYPE + "envoy.extensions.transport_sockets.tls.v3."
PASSTHROUGH = "PassthroughCluster"
ISTIO_ALPNS = ["istio-peer-exchange", "istio", "istio-http/1.0", "istio-http/1.1", "istio-h2"]
ISTIO_HTTP_ALPNS = ["istio-http/1.0", "istio-http/1.1", "istio-h2"]
RETRY_ON = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"
PEER_HEADERS = ("x-envoy-peer-metadata", "x-envoy-peer-metadata-id")


@dataclass(frozen=True, slots=True)
class Sidecar:
    """Everything one proxy's configuration depends on."""

    pod: str
    release: Release
    services: tuple[Declared, ...]
    identity: Identity | None
    """The workload's certificate where the mesh uses mutual TLS."""
    subset_pods: tuple[str, ...] = ()
    """Pods to which a VirtualService's HTTP route sends everything; empty: no such route."""

    def handling(self, declared: Declared) -> tuple[Handling, Handling]:
        """Outbound and inbound handling of one port at this release."""
        return self.release.handling(declared.name, declared.app_protocol, declared.port)


def extension(name: str, type_url: str, **fields: object) -> Json:
    """A typed extension as Envoy's JSON has it."""
    return {"name": name, "typed_config": {"@type": type_url, **fields}}


def at(address: str, port: int) -> Json:
    """A socket address."""
    return {"socket_address": {"address": address, "port_value": port}}


def access_log(label: str) -> list[Json]:
    """One JSON line per request or connection on Envoy's standard output."""
    fields = {
        "listener": label,
        "protocol": "%PROTOCOL%",
        "code": "%RESPONSE_CODE%",
        "flags": "%RESPONSE_FLAGS%",
        "upstream": "%UPSTREAM_HOST%",
        "path": "%REQ(:PATH)%",
        "received": "%BYTES_RECEIVED%",
        "sent": "%BYTES_SENT%",
    }
    return [extension("log", STDOUT_LOG, log_format={"json_format": fields})]


# ---------------------------------------------------------------- what Istio's own filters add


def entry(key: str, value: bytes) -> bytes:
    """One entry of a protobuf map from text to a message, in field 1."""
    pair = b"\x0a" + bytes((len(key),)) + key.encode() + b"\x12" + bytes((len(value),)) + value
    return b"\x0a" + bytes((len(pair),)) + pair


def text_value(tag: int, text: str) -> bytes:
    """A message with one text field (Struct's Value has it in 3, Mixer's in 2)."""
    return bytes((tag << 3 | 2, len(text))) + text.encode()


def mixer_attributes(declared: Declared) -> str:
    """`x-istio-attributes`: what the client's Mixer filter tells the server's."""
    source = text_value(2, f"kubernetes://{POD_NAME[CLIENT_POD]}.{NAMESPACE}")
    destination = text_value(2, declared.host)
    known = entry("source.uid", source) + entry("destination.service.host", destination)
    return base64.b64encode(known).decode()


def peer_metadata(pod: str) -> list[tuple[str, str]]:
    """`x-envoy-peer-metadata` and its id, as metadata exchange sends them."""
    address, name = POD_ADDRESS[pod], POD_NAME[pod]
    known = entry("INSTANCE_IPS", text_value(3, address)) + entry("NAME", text_value(3, name))
    node = f"sidecar~{address}~{name}.{NAMESPACE}~{NAMESPACE}.svc.cluster.local"
    return [(PEER_HEADERS[0], base64.b64encode(known).decode()), (PEER_HEADERS[1], node)]


# ---------------------------------------------------------------- filters


def tcp_proxy(label: str, cluster: str) -> Json:
    """The TCP proxy: bytes are passed on unread."""
    return extension(
        "envoy.filters.network.tcp_proxy",
        TCP_PROXY,
        stat_prefix=label,
        cluster=cluster,
        access_log=access_log(f"tcp {label}"),
    )


def http_manager(label: str, routes: Json, **fields: object) -> Json:
    """The HTTP connection manager with what every sidecar's has."""
    tracer = extension(
        "envoy.tracers.zipkin",
        TYPE + "envoy.config.trace.v3.ZipkinConfig",
        collector_cluster="zipkin",
        collector_endpoint="/api/v2/spans",
        collector_endpoint_version="HTTP_JSON",
        trace_id_128bit=True,
        shared_span_context=False,
    )
    router = extension(
        "envoy.filters.http.router", TYPE + "envoy.extensions.filters.http.router.v3.Router"
    )
    return extension(
        "envoy.filters.network.http_connection_manager",
        HCM,
        stat_prefix=label,
        route_config=routes,
        http_filters=[router],
        tracing={"provider": tracer, "random_sampling": {"value": 100}},
        use_remote_address=False,
        upgrade_configs=[{"upgrade_type": "websocket"}],
        access_log=access_log(f"http {label}"),
        **fields,
    )


def header(key: str, value: str) -> Json:
    """A header that Envoy sets, replacing what the application wrote."""
    return {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}


def outbound_routes(sidecar: Sidecar, declared: Declared, cluster: str) -> Json:
    """Virtual hosts of one port: the Service's names; the rest is passed through (ALLOW_ANY)."""
    release, port = sidecar.release, declared.port
    names = [
        declared.host,
        declared.service,
        f"{declared.service}.{NAMESPACE}",
        declared.cluster_ip,
    ]
    if release.mixer:
        added = [header("x-istio-attributes", mixer_attributes(declared))]
    else:
        added = [header(name, value) for name, value in peer_metadata(CLIENT_POD)]
    action = {
        "cluster": cluster,
        "timeout": "15s" if release.number < (1, 5) else "0s",
        "retry_policy": {
            "retry_on": RETRY_ON,
            "num_retries": 2,
            "retriable_status_codes": [503],
        },
    }
    service = {
        "name": f"{declared.host}:{port}",
        "domains": names + [f"{name}:{port}" for name in names],
        "include_request_attempt_count": release.counts_attempts,
        "routes": [
            {
                "match": {"prefix": "/"},
                "decorator": {"operation": f"{declared.host}:{port}/*"},
                "route": action,
                "request_headers_to_add": added,
            },
        ],
    }
    anything = {
        "name": "allow_any",
        "domains": ["*"],
        "routes": [{"match": {"prefix": "/"}, "route": {"cluster": PASSTHROUGH}}],
    }
    return {
        "name": str(port),
        "virtual_hosts": [service, anything],
        "response_headers_to_remove": [*PEER_HEADERS, "x-envoy-decorator-operation"],
    }


def inbound_routes(sidecar: Sidecar, declared: Declared, cluster: str) -> Json:
    """The one route of an inbound HTTP port."""
    answered: list[Json] = []
    if not sidecar.release.mixer:
        answered = [header(name, value) for name, value in peer_metadata(sidecar.pod)]
    route = {
        "match": {"prefix": "/"},
        "decorator": {"operation": f"{declared.host}:{declared.port}/*"},
        "route": {"cluster": cluster, "timeout": "0s"},
    }
    return {
        "name": f"inbound|{declared.port}",
        "virtual_hosts": [{"name": "inbound", "domains": ["*"], "routes": [route]}],
        "request_headers_to_remove": ["x-istio-attributes", *PEER_HEADERS],
        "response_headers_to_add": answered,
    }


# ---------------------------------------------------------------- clusters


def upstream_http(*, http2: bool) -> Json:
    """The HTTP version that is spoken to a cluster."""
    version = "http2_protocol_options" if http2 else "http_protocol_options"
    return {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": TYPE + "envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {version: {}},
        },
    }


def secrets(identity: Identity, alpn: Sequence[str], release: Release) -> Json:
    """The part of a TLS context that both sides share."""
    return {
        "alpn_protocols": list(alpn),
        "tls_params": {
            "tls_minimum_protocol_version": "TLSv1_2",
            "tls_maximum_protocol_version": release.tls_maximum,
        },
        "tls_certificates": [
            {
                "certificate_chain": {"inline_string": identity.chain},
                "private_key": {"inline_string": identity.key},
            },
        ],
        "validation_context": {"trusted_ca": {"inline_string": identity.root}},
    }


def static_cluster(name: str, addresses: Sequence[tuple[str, int]]) -> Json:
    """A cluster of fixed addresses; an empty one never connects."""
    endpoints = [{"endpoint": {"address": at(*address)}} for address in addresses]
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": endpoints}] if endpoints else [],
        },
    }


def outbound_cluster(
    sidecar: Sidecar, declared: Declared, handling: Handling, *, http2: bool
) -> Json:
    """One way to reach a Service: a handling, an HTTP version and their ALPN."""
    flavour = "opaque" if handling is Handling.OPAQUE else ("http2" if http2 else "http1")
    pods = (
        sidecar.subset_pods
        if sidecar.subset_pods and handling is not Handling.OPAQUE
        else declared.pods
    )
    cluster = static_cluster(
        f"outbound|{declared.port}|{flavour}|{declared.host}",
        [(POD_ADDRESS[pod], declared.target_port) for pod in pods],
    )
    cluster["typed_extension_protocol_options"] = upstream_http(http2=http2)
    if sidecar.identity:
        context = {
            "sni": f"outbound_.{declared.port}_._.{declared.host}",
            "common_tls_context": secrets(
                sidecar.identity,
                sidecar.release.alpn(handling, http2_cluster=http2),
                sidecar.release,
            ),
        }
        cluster["transport_socket"] = extension(
            "envoy.transport_sockets.tls", TLS + "UpstreamTlsContext", **context
        )
    return cluster


def outbound_clusters(sidecar: Sidecar, declared: Declared) -> list[Json]:
    """All the ways that the listeners of one port may choose from."""
    declared_http2 = sidecar.handling(declared)[0] is Handling.HTTP2
    return [
        outbound_cluster(sidecar, declared, Handling.OPAQUE, http2=declared_http2),
        outbound_cluster(sidecar, declared, Handling.HTTP, http2=False),
        outbound_cluster(sidecar, declared, Handling.HTTP2, http2=True),
    ]


def inbound_cluster(sidecar: Sidecar, declared: Declared, *, http2: bool) -> Json:
    """From the server's sidecar to its application, over the pod's loopback."""
    name = f"inbound|{declared.port}|{'http2' if http2 else 'http1'}|{declared.host}"
    if sidecar.release.app_leg_to_pod_ip:
        cluster: Json = {
            "name": name,
            "type": "ORIGINAL_DST",
            "lb_policy": "CLUSTER_PROVIDED",
            "connect_timeout": "1s",
        }
        cluster["upstream_bind_config"] = {
            "source_address": {"address": "127.0.0.6", "port_value": 0}
        }
    else:
        cluster = static_cluster(name, [("127.0.0.1", declared.target_port)])
    cluster["typed_extension_protocol_options"] = upstream_http(http2=http2)
    return cluster


# ---------------------------------------------------------------- listeners


def inspectors() -> list[Json]:
    """The listener filters of a port that is looked into: TLS first, then HTTP."""
    return [
        extension(
            "envoy.filters.listener.tls_inspector",
            LISTENER_FILTER + "tls_inspector.v3.TlsInspector",
        ),
        extension(
            "envoy.filters.listener.http_inspector",
            LISTENER_FILTER + "http_inspector.v3.HttpInspector",
        ),
    ]


def waiting(release: Release) -> Json:
    """How long the inspectors wait for the client's first bytes; 0s is for ever."""
    return {
        "listener_filters_timeout": release.detection_timeout,
        "continue_on_listener_filters_timeout": True,
    }


def outbound_http_chain(sidecar: Sidecar, declared: Declared, alpns: Sequence[str]) -> Json:
    """The HTTP chain of an outbound port; no ALPNs: it takes everything."""
    http2 = sidecar.handling(declared)[0] is Handling.HTTP2 or list(alpns) == ["h2c"]
    cluster = f"outbound|{declared.port}|{'http2' if http2 else 'http1'}|{declared.host}"
    label = f"outbound {declared.service}:{declared.port}"
    chain: Json = {"filters": [http_manager(label, outbound_routes(sidecar, declared, cluster))]}
    if alpns:
        chain["filter_chain_match"] = {"application_protocols": list(alpns)}
        if sidecar.release.inspection_needs_clear_text:
            chain["filter_chain_match"]["transport_protocol"] = "raw_buffer"
    return chain


def sniffed_http_chains(sidecar: Sidecar, declared: Declared) -> list[Json]:
    """HTTP chains of a sniffed port; two where the upstream follows the client's version."""
    release = sidecar.release
    alpns = [*release.sniffed_alpns]
    splits = (
        sidecar.handling(declared)[0] is Handling.SNIFFED
        and release.sniffed_port_keeps_http_version
    )
    if splits and "h2c" in alpns:
        alpns.remove("h2c")
        return [
            outbound_http_chain(sidecar, declared, alpns),
            outbound_http_chain(sidecar, declared, ["h2c"]),
        ]
    return [outbound_http_chain(sidecar, declared, alpns)]


def outbound_listener(sidecar: Sidecar, declared: Declared) -> Json:
    """The listener of one port: on its Service's address, or shared by all HTTP of that number."""
    release, handling = sidecar.release, sidecar.handling(declared)[0]
    label = f"outbound {declared.service}:{declared.port}"
    opaque = f"outbound|{declared.port}|opaque|{declared.host}"
    is_http = handling in {Handling.HTTP, Handling.HTTP2}
    address = "0.0.0.0" if is_http else declared.cluster_ip  # noqa: S104 - Istio's shared listener
    listener: Json = {
        "name": f"{address}_{declared.port}",
        "address": at(address, declared.port),
        "bind_to_port": False,
        "traffic_direction": "OUTBOUND",
    }
    if handling is Handling.OPAQUE:
        listener["filter_chains"] = [{"filters": [tcp_proxy(label, opaque)]}]
    elif is_http and not release.inspects_declared_http:
        listener["filter_chains"] = [outbound_http_chain(sidecar, declared, ())]
    else:
        otherwise = tcp_proxy(f"{label} not http", PASSTHROUGH if is_http else opaque)
        listener |= waiting(release)
        listener["listener_filters"] = inspectors()
        listener["filter_chains"] = sniffed_http_chains(sidecar, declared)
        listener["default_filter_chain"] = {"filters": [otherwise]}
    return listener


def virtual_outbound() -> Json:
    """What iptables redirects to: hands over to the listener of the address that was dialled."""
    return {
        "name": "virtualOutbound",
        "address": at("0.0.0.0", 15001),  # noqa: S104 - as Istio has it
        "use_original_dst": True,
        "traffic_direction": "OUTBOUND",
        "filter_chains": [{"filters": [tcp_proxy("passthrough", PASSTHROUGH)]}],
    }


def inbound_filter(
    sidecar: Sidecar, declared: Declared, handling: Handling, *, http2: bool
) -> Json:
    """HTTP connection manager or TCP proxy towards the application."""
    cluster = f"inbound|{declared.port}|{'http2' if http2 else 'http1'}|{declared.host}"
    label = f"inbound {declared.service}:{declared.port}"
    if handling is Handling.OPAQUE:
        return tcp_proxy(label, cluster)
    details: Json = {"forward_client_cert_details": "APPEND_FORWARD"} if sidecar.identity else {}
    if sidecar.identity:
        details["set_current_client_cert_details"] = {"subject": True, "dns": True, "uri": True}
    routes = inbound_routes(sidecar, declared, cluster)
    return http_manager(label, routes, server_name="istio-envoy", **details)


def inbound_choices(declared: Handling) -> list[tuple[Handling, bool, list[str]]]:
    """(handling, HTTP/2 upstream, ALPNs of the inspector that lead there); no ALPNs: the rest."""
    if declared is not Handling.SNIFFED:
        return [(declared, declared is Handling.HTTP2, [])]
    return [
        (Handling.HTTP, False, ["http/1.1"]),
        (Handling.HTTP2, True, ["h2c"]),
        (Handling.OPAQUE, False, []),
    ]


def inbound_plain_chains(sidecar: Sidecar, declared: Declared) -> list[Json]:
    """Chains for bytes in clear."""
    chains = []
    for handling, http2, alpns in inbound_choices(sidecar.handling(declared)[1]):
        match: Json = {"destination_port": declared.target_port}
        if sidecar.identity and handling is not Handling.OPAQUE:
            match["transport_protocol"] = "raw_buffer"
        if alpns:
            match["application_protocols"] = alpns
        filters = [inbound_filter(sidecar, declared, handling, http2=http2)]
        chains.append(
            {
                "name": f"plain-{handling}-{declared.port}",
                "filter_chain_match": match,
                "filters": filters,
            }
        )
    return chains


def inbound_tls_choices(declared: Handling) -> list[tuple[Handling, bool, list[str]]]:
    """(handling, HTTP/2 upstream, ALPNs offered): sniffed ports believe the client's ALPN."""
    if declared is not Handling.SNIFFED:
        return [(declared, declared is Handling.HTTP2, ISTIO_ALPNS)]
    return [
        (Handling.HTTP, False, ["istio-http/1.0", "istio-http/1.1"]),
        (Handling.HTTP2, True, ["istio-h2"]),
        (Handling.OPAQUE, False, ["istio", "istio-peer-exchange"]),
    ]


def inbound_tls_chains(sidecar: Sidecar, declared: Declared) -> list[Json]:
    """Chains for mutual TLS from another sidecar."""
    identity, release = sidecar.identity, sidecar.release
    if identity is None:
        return []
    chains = []
    for handling, http2, alpns in inbound_tls_choices(sidecar.handling(declared)[1]):
        context = {
            "common_tls_context": secrets(identity, release.accepted_alpn(handling), release),
            "require_client_certificate": True,
        }
        chains.append(
            {
                "name": f"mtls-{handling}-{declared.port}",
                "filter_chain_match": {
                    "destination_port": declared.target_port,
                    "transport_protocol": "tls",
                    "application_protocols": alpns,
                },
                "transport_socket": extension(
                    "envoy.transport_sockets.tls", TLS + "DownstreamTlsContext", **context
                ),
                "filters": [inbound_filter(sidecar, declared, handling, http2=http2)],
            },
        )
    return chains


def by_target_port(services: Sequence[Declared]) -> list[Declared]:
    """The Service that decides for each pod port: the oldest, as since Istio 1.4."""
    winners: dict[int, Declared] = {}
    for declared in sorted(services, key=lambda one: (one.created, one.host)):
        winners.setdefault(declared.target_port, declared)
    return list(winners.values())


def inbound_listeners(sidecar: Sidecar) -> list[Json]:
    """One virtual inbound listener (1.3 and later), or one listener per pod port (1.1)."""
    release = sidecar.release
    mine = by_target_port(
        [declared for declared in sidecar.services if sidecar.pod in declared.pods]
    )
    chains = [
        chain
        for declared in mine
        for chain in (
            *inbound_tls_chains(sidecar, declared),
            *inbound_plain_chains(sidecar, declared),
        )
    ]
    looked_into = any(sidecar.handling(declared)[1] is Handling.SNIFFED for declared in mine)
    filters = inspectors() if looked_into else inspectors()[:1] if sidecar.identity else []
    fields: Json = {"traffic_direction": "INBOUND", **waiting(release)}
    if release.inbound_port == 15001:
        address = POD_ADDRESS[sidecar.pod]
        return [
            {
                "name": f"{address}_{declared.target_port}",
                "address": at(address, declared.target_port),
                "bind_to_port": False,
                "listener_filters": filters,
                "filter_chains": [
                    chain
                    for chain in chains
                    if chain["filter_chain_match"]["destination_port"] == declared.target_port
                ],
                **fields,
            }
            for declared in mine
        ]
    original = extension(
        "envoy.filters.listener.original_dst", LISTENER_FILTER + "original_dst.v3.OriginalDst"
    )
    return [
        {
            "name": "virtualInbound",
            "address": at("0.0.0.0", release.inbound_port),  # noqa: S104 - as Istio has it
            "listener_filters": [original, *filters],
            "filter_chains": chains,
            **fields,
        },
    ]


# ---------------------------------------------------------------- files


def resources(sidecar: Sidecar) -> tuple[list[Json], list[Json]]:
    """Listeners and clusters of one sidecar."""
    passthrough = {
        "name": PASSTHROUGH,
        "type": "ORIGINAL_DST",
        "lb_policy": "CLUSTER_PROVIDED",
        "connect_timeout": "1s",
    }
    clusters = [passthrough, static_cluster("zipkin", [])]
    listeners = [virtual_outbound()]
    if sidecar.pod == CLIENT_POD:
        for declared in sidecar.services:
            listeners.append(outbound_listener(sidecar, declared))
            clusters += outbound_clusters(sidecar, declared)
    else:
        listeners += inbound_listeners(sidecar)
        for declared in sidecar.services:
            clusters += [inbound_cluster(sidecar, declared, http2=http2) for http2 in (False, True)]
    return listeners, clusters


def discovery(kind: str, what: Sequence[Json]) -> str:
    """A discovery response as Envoy reads it from a file."""
    return json.dumps({"resources": [{"@type": TYPE + kind, **one} for one in what]}, indent=1)


def replace(path: Path, text: str) -> None:
    """Put a file in place by a move, which is what Envoy watches for."""
    fresh = path.with_suffix(".fresh")
    fresh.write_text(text, encoding="utf-8")
    fresh.chmod(0o644)
    fresh.rename(path)


def push(folder: Path, sidecar: Sidecar) -> None:
    """Write (or replace, as a push of the control plane does) what one sidecar is configured as."""
    listeners, clusters = resources(sidecar)
    replace(
        folder / f"{sidecar.pod}-cds.json", discovery("envoy.config.cluster.v3.Cluster", clusters)
    )
    replace(
        folder / f"{sidecar.pod}-lds.json",
        discovery("envoy.config.listener.v3.Listener", listeners),
    )


def watched(folder: Path, sidecar: Sidecar, kind: str) -> Json:
    """A file that Envoy reads its listeners or clusters from, and reads again when replaced."""
    path = str(folder / f"{sidecar.pod}-{kind}.json")
    return {"resource_api_version": "V3", "path_config_source": {"path": path}}


def bootstrap(folder: Path, sidecar: Sidecar) -> str:
    """Envoy's bootstrap, given on the command line."""
    return json.dumps(
        {
            "node": {"id": f"sidecar~{POD_ADDRESS[sidecar.pod]}", "cluster": sidecar.pod},
            "admin": {"address": at("127.0.0.1", 15000)},
            "dynamic_resources": {
                "lds_config": watched(folder, sidecar, "lds"),
                "cds_config": watched(folder, sidecar, "cds"),
            },
        },
    )
