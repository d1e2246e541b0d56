"""Kubernetes objects reduced to what leads from an address to a declared port.

Follows the core/v1 and discovery.k8s.io/v1 API types. Objects of other kinds are counted; nothing
is joined here (see `addresses`).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import field
from functools import lru_cache
from typing import TYPE_CHECKING

from sniffdiag.catalog.claims import CLAIMING, Claim, speaking
from sniffdiag.catalog.fields import Fields, clean, is_number, nanoseconds
from sniffdiag.catalog.history import History
from sniffdiag.catalog.services import ServicePort, Stated
from sniffdiag.model import Transport
from sniffdiag.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_MAX_PORT = 65_535
_TRANSPORTS = {transport.name: transport for transport in Transport}
_DEFAULT_NAMESPACE = "default"
_HEADLESS = "None"
_FINISHED = frozenset({"Succeeded", "Failed"})
_ENDED_LIST = "List"
_ERROR = "Status"
"""Kind of what the API server answers when it refuses (metav1.Status)."""

_SERVICE_NAME_LABEL = "kubernetes.io/service-name"
_EXCLUDED_INBOUND = "traffic.sidecar.istio.io/excludeInboundPorts"
_PROXY_CONTAINERS = frozenset(
    {
        "istio-proxy",
        "linkerd-proxy",
        "kuma-sidecar",
        "consul-dataplane",
        "consul-connect-envoy-sidecar",
        "envoy-sidecar",
    }
)
_TRACED_KEY = re.compile(
    r"(?:.*\.)?(?:istio\.io|linkerd\.io|kuma\.io|consul\.hashicorp\.com|openservicemesh\.io"
    r"|appmesh\.k8s\.aws)/.+|istio-injection|osm-proxy-uuid"
)
"""Annotations and labels by whose presence a mesh may be known."""


@dataclass(frozen=True, slots=True)
class ServiceObject:
    """One Service."""

    ports: tuple[ServicePort, ...]
    cluster_ips: tuple[str, ...] = ()
    external_ips: tuple[str, ...] = ()
    """External IPs and those of load balancers."""
    selector: tuple[tuple[str, str], ...] = ()
    """Sorted; empty where endpoints are made by hand."""


@dataclass(frozen=True, slots=True)
class EndpointPort:
    """One port of an EndpointSlice or of a subset of Endpoints."""

    name: str
    number: int
    transport: Transport


@dataclass(frozen=True, slots=True)
class EndpointSet:
    """An EndpointSlice, or one subset of Endpoints: every address has every port."""

    addresses: tuple[str, ...]
    ports: tuple[EndpointPort, ...]
    pods: tuple[tuple[str, str], ...] = ()
    """(address, pod name) where the endpoint says so."""


@dataclass(frozen=True, slots=True)
class HostPort:
    """A container port that is also open on the node."""

    number: int
    transport: Transport
    host_number: int
    host_ips: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PodObject:
    """One Pod that can receive traffic."""

    namespace: str
    name: str
    ips: tuple[str, ...]
    labels: frozenset[tuple[str, str]]
    host_network: bool
    named_ports: dict[tuple[str, Transport], int]
    host_ports: tuple[HostPort, ...]
    meshed: bool
    stated: tuple[Stated, ...]
    excluded_inbound: frozenset[int]


@dataclass(slots=True)
class Objects:
    """Everything that was read."""

    services: dict[tuple[str, str], ServiceObject] = field(default_factory=dict)
    slices: dict[tuple[str, str], list[EndpointSet]] = field(default_factory=dict)
    endpoints: dict[tuple[str, str], list[EndpointSet]] = field(default_factory=dict)
    pods: list[PodObject] = field(default_factory=list)
    node_addresses: set[str] = field(default_factory=set)
    claims: list[Claim] = field(default_factory=list)
    traces: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(sort, text) as in `services.Trace`."""
    ignored_kinds: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def add_document(self, origin: str, value: object) -> None:
        """Read one document: an object, a List of objects, or a JSON array of either."""
        if value is None:
            return
        if not isinstance(value, list):
            self._add_object_or_list(origin, value)
            return
        for at, item in enumerate(value):
            self._add_object_or_list(f"{origin} [{at}]", item)

    def merge(self, other: Objects) -> None:
        """Add what another one read; of a Service that both have, the other's stays."""
        self.services.update(other.services)
        for own, theirs in ((self.slices, other.slices), (self.endpoints, other.endpoints)):
            for service_id, sets in theirs.items():
                own.setdefault(service_id, []).extend(sets)
        self.pods += other.pods
        self.node_addresses |= other.node_addresses
        self.claims += other.claims
        self.traces.update(other.traces)
        self.ignored_kinds.update(other.ignored_kinds)
        self.problems += other.problems

    def _add_object_or_list(self, origin: str, value: object) -> None:
        if not isinstance(value, dict):
            self.problems.append(
                f"{origin}: not a Kubernetes object, which is a mapping with a kind"
            )
            return
        fields = Fields(value, origin, self.problems)
        kind = fields.text("kind")
        if kind is None or not kind.endswith(_ENDED_LIST):
            self._add_object(fields, kind, fields.text("apiVersion"), origin)
            return
        # Items of a typed list as the API server sends it have neither kind nor apiVersion.
        api_version = fields.text("apiVersion")
        for at, item in enumerate(fields.each("items")):
            where = f"{origin} items[{at}]"
            item.moved(where)
            own = item.text("kind") or kind.removesuffix(_ENDED_LIST) or None
            self._add_object(item, own, item.text("apiVersion") or api_version, where)

    def _add_object(
        self, fields: Fields, kind: str | None, api_version: str | None, origin: str
    ) -> None:
        if not kind:
            fields.complain("not a Kubernetes object: it has no kind")
            return
        if kind == _ERROR:
            fields.complain(f"no object but an error of the API server: {fields.text('message')}")
            return
        group = (api_version or "").rpartition("/")[0]
        if group.count("."):
            self.traces["group", group] += 1
        reader = _READERS.get(kind) or CLAIMING.get(kind)
        if reader is None or (api_version and reader[0] != group):
            self.ignored_kinds[kind] += 1
            return
        metadata = fields.mapping("metadata")
        name = metadata.text("name")
        if not name:
            fields.complain(f"{kind} without metadata.name")
            return
        namespace = metadata.text("namespace") or _DEFAULT_NAMESPACE
        fields.named(kind, f"{namespace}/{name}")
        own = (namespace, name)
        if kind in _READERS:
            _READERS[kind][1](self, fields, own, origin)
        else:
            self.claims += CLAIMING[kind][1](fields, own)
        if kind in _TRACED_KINDS:
            self._trace_keys(metadata)

    def _trace_keys(self, metadata: Fields) -> None:
        for sort in ("annotation", "label"):
            pairs = metadata.raw(f"{sort}s")
            for key in pairs if isinstance(pairs, dict) else ():
                if isinstance(key, str) and _is_traced(key):
                    self.traces[sort, clean(key)] += 1


_TRACED_KINDS = frozenset({"Service", "Namespace", "Pod"})


@lru_cache(maxsize=65_536)
def _is_traced(key: str) -> bool:
    return _TRACED_KEY.fullmatch(key) is not None


def _read_service(found: Objects, fields: Fields, own: tuple[str, str], origin: str) -> None:
    spec = fields.mapping("spec")
    if fields.raw("spec") is None:
        fields.complain("has no spec")
    metadata = fields.mapping("metadata")
    annotations = metadata.pairs("annotations")
    cluster_ip = spec.raw("clusterIP")
    external_name = spec.raw("type") == "ExternalName"
    shell = ServicePort(
        *own,
        port=0,
        headless=cluster_ip == _HEADLESS,
        external_name=external_name,
        stated=speaking("Service", own, metadata.pairs("labels"), annotations),
        created_ns=_created_ns(metadata),
        origin=origin,
    )
    if own in found.services:
        fields.complain("declared again; the last declaration is used")
    external = [] if external_name else _external_ips(fields, spec)
    internal = [] if external_name or shell.headless else _cluster_ips(spec)
    found.services[own] = ServiceObject(
        tuple(_service_ports(spec, shell, History(metadata, annotations))),
        tuple(dict.fromkeys(internal)),
        tuple(dict.fromkeys(external)),
        tuple(sorted(spec.pairs("selector").items())) if not external_name else (),
    )


def _cluster_ips(spec: Fields) -> list[str]:
    return spec.address("clusterIP") + spec.addresses("clusterIPs")


def _external_ips(fields: Fields, spec: Fields) -> list[str]:
    found = spec.addresses("externalIPs") + spec.address("loadBalancerIP")
    for ingress in fields.mapping("status").mapping("loadBalancer").each("ingress"):
        found += ingress.address("ip")
    return found


def _service_ports(spec: Fields, shell: ServicePort, history: History) -> Iterable[ServicePort]:
    seen = set()
    for port in spec.each("ports"):
        number = port.number("port", 1, _MAX_PORT)
        transport = _transport(port)
        if port.raw("port") is None:
            port.complain("a port without a number")
        if number is None or transport is None:
            continue
        if (number, transport) in seen:
            port.complain(f"port {number} declared twice; the first declaration is used")
            continue
        seen.add((number, transport))
        name, app_protocol = port.text("name"), port.text("appProtocol")
        yield ServicePort(
            shell.namespace,
            shell.service,
            number,
            name=name or "",
            app_protocol=app_protocol,
            transport=transport,
            target_port=_target_port(port),
            node_port=port.number("nodePort", 0, _MAX_PORT) or None,
            headless=shell.headless,
            external_name=shell.external_name,
            stated=shell.stated,
            edits=history.edits((number, transport.name), name, app_protocol),
            created_ns=shell.created_ns,
            origin=shell.origin,
        )


def _target_port(port: Fields) -> int | str | None:
    """A number or a name; 0 and nothing mean `port` itself."""
    value = port.raw("targetPort")
    if is_number(value):
        return port.number("targetPort", 0, _MAX_PORT) or None
    return port.text("targetPort") or None


def _transport(port: Fields) -> Transport | None:
    name = port.text("protocol") or Transport.TCP.name
    transport = _TRANSPORTS.get(name)
    if transport is None:
        port.complain(f'protocol "{name}" is none of {", ".join(_TRANSPORTS)}')
    return transport


def _created_ns(metadata: Fields) -> int | None:
    text = metadata.text("creationTimestamp")
    created = nanoseconds(text)
    if text and created is None:
        metadata.complain("metadata.creationTimestamp is no time")
    return created


def _read_slice(found: Objects, fields: Fields, own: tuple[str, str], _origin: str) -> None:
    service = fields.mapping("metadata").mapping("labels").text(_SERVICE_NAME_LABEL)
    if service is None or fields.raw("addressType") == "FQDN":
        return
    addresses, pods = [], []
    for endpoint in fields.each("endpoints"):
        # kube-proxy uses the first address only (discovery/v1 Endpoint.addresses).
        first = endpoint.addresses("addresses")[:1]
        addresses += first
        pods += _target_pod(endpoint, first)
    known = EndpointSet(tuple(addresses), _endpoint_ports(fields), tuple(pods))
    found.slices.setdefault((own[0], service), []).append(known)


def _read_endpoints(found: Objects, fields: Fields, own: tuple[str, str], _origin: str) -> None:
    sets = found.endpoints.setdefault(own, [])
    for subset in fields.each("subsets"):
        addresses, pods = [], []
        for endpoint in subset.each("addresses") + subset.each("notReadyAddresses"):
            ip = endpoint.address("ip")
            addresses += ip
            pods += _target_pod(endpoint, ip)
        sets.append(EndpointSet(tuple(addresses), _endpoint_ports(subset), tuple(pods)))


def _target_pod(endpoint: Fields, addresses: list[str]) -> list[tuple[str, str]]:
    target = endpoint.mapping("targetRef")
    name = target.text("name")
    is_pod = target.raw("kind") == "Pod" and name
    return [(address, name) for address in addresses] if is_pod and name else []


def _endpoint_ports(fields: Fields) -> tuple[EndpointPort, ...]:
    found = []
    for port in fields.each("ports"):
        number = port.number("port", 1, _MAX_PORT)
        transport = _transport(port)
        if number is not None and transport is not None:
            found.append(EndpointPort(port.text("name") or "", number, transport))
    return tuple(found)


def _read_pod(found: Objects, fields: Fields, own: tuple[str, str], _origin: str) -> None:
    spec, status, metadata = (fields.mapping(key) for key in ("spec", "status", "metadata"))
    if status.raw("phase") in _FINISHED:
        return
    ips = status.address("podIP") + [
        ip for each in status.each("podIPs") for ip in each.address("ip")
    ]
    containers = spec.each("containers")
    sidecars = [c for c in spec.each("initContainers") if c.raw("restartPolicy") == "Always"]
    proxies = [c for c in containers + sidecars if c.text("name") in _PROXY_CONTAINERS]
    found.traces.update(
        ("container", f"{proxy.text('name')} {proxy.text('image') or ''}") for proxy in proxies
    )
    labels = metadata.pairs("labels")
    found.pods.append(
        PodObject(
            *own,
            ips=tuple(dict.fromkeys(ips)),
            labels=frozenset(labels.items()),
            host_network=spec.flag("hostNetwork"),
            named_ports=_named_ports(containers + sidecars),
            host_ports=_host_ports(containers + sidecars, tuple(status.address("hostIP"))),
            meshed=bool(proxies),
            stated=speaking("Pod", own, labels, metadata.pairs("annotations")),
            excluded_inbound=_excluded_inbound(metadata),
        )
    )


def _named_ports(containers: list[Fields]) -> dict[tuple[str, Transport], int]:
    """Regular containers before native sidecars, the first of a name wins (FindPort)."""
    found: dict[tuple[str, Transport], int] = {}
    for port in (port for container in containers for port in container.each("ports")):
        name, transport = port.text("name"), _transport(port)
        number = port.number("containerPort", 1, _MAX_PORT)
        if name and transport and number is not None:
            found.setdefault((name, transport), number)
    return found


def _host_ports(containers: list[Fields], host_ips: tuple[str, ...]) -> tuple[HostPort, ...]:
    found = []
    for port in (port for container in containers for port in container.each("ports")):
        number, host_number = port.raw("containerPort"), port.raw("hostPort")
        if is_number(number) and is_number(host_number) and host_number:
            own = tuple(port.address("hostIP"))
            transport = _TRANSPORTS.get(port.text("protocol") or Transport.TCP.name)
            if transport is not None:
                found.append(HostPort(number, transport, host_number, own or host_ips))
    return tuple(found)


def _excluded_inbound(metadata: Fields) -> frozenset[int]:
    text = metadata.mapping("annotations").text(_EXCLUDED_INBOUND) or ""
    words = [word.strip() for word in text.split(",")]
    return frozenset(int(w) for w in words if w.isascii() and w.isdigit() and int(w) <= _MAX_PORT)


def _read_node(found: Objects, fields: Fields, _own: tuple[str, str], _origin: str) -> None:
    for address in fields.mapping("status").each("addresses"):
        if address.raw("type") in ("InternalIP", "ExternalIP"):
            found.node_addresses.update(address.address("address"))


_READERS: dict[str, tuple[str, Callable[[Objects, Fields, tuple[str, str], str], None]]] = {
    "Service": ("", _read_service),
    "EndpointSlice": ("discovery.k8s.io", _read_slice),
    "Endpoints": ("", _read_endpoints),
    "Pod": ("", _read_pod),
    "Node": ("", _read_node),
}
"""Kind to its API group and reader. Knative has a kind Service of its own."""
