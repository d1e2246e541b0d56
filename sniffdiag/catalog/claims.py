"""Objects other than the Service that say how its ports are to be handled, as `Claim`s.

Annotations of Namespaces and Pods, and the resources of meshes and gateways, each reduced to one
value about some ports. What a value means is for a mesh's policy to tell: nothing here knows one
mesh from another. Fields follow the custom resource definitions: linkerd2 policy.linkerd.io
Server; consul-k8s ServiceDefaults, ProxyDefaults; aws-app-mesh-controller VirtualNode; cilium
CiliumNetworkPolicy; gateway-api routes; networking.k8s.io Ingress; Traefik IngressRoute.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from sniffdiag.catalog.fields import Fields, is_number
from sniffdiag.catalog.services import Stated
from sniffdiag.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_Id: TypeAlias = tuple[str, str]
Pairs: TypeAlias = frozenset[tuple[str, str]]

_SPEAKS_OF_PORTS = re.compile(
    r"config\.linkerd\.io/(?:opaque-ports|skip-inbound-ports"
    r"|proxy-disable-inbound-protocol-detect-timeout)"
    r"|\d{1,5}\.service\.kuma\.io/protocol"
    r"|istio\.io/(?:dataplane-mode|use-waypoint)"
    r"|traefik\.ingress\.kubernetes\.io/service\.serversscheme"
)
"""Annotations and labels that a policy reads; others may be long and are not kept."""
_BACKEND_PROTOCOL = "nginx.ingress.kubernetes.io/backend-protocol"


@dataclass(frozen=True, slots=True)
class Claim:
    """One statement, and which declared ports it is about."""

    stated: Stated
    namespace: str
    """Empty: of all namespaces."""
    service: str | None = None
    """Name of the Service; None: of whichever `pods` says."""
    pods: Pairs | None = None
    """Labels of the pods behind the port; None: not told by pods."""
    port: int | str | None = None
    """Number or name; None: every port."""
    of_pod: bool = False
    """`port` is the pod's and not the Service's."""


def speaking(kind: str, own: _Id, *keyed: dict[str, str]) -> tuple[Stated, ...]:
    """What the annotations and labels of an object state about ports."""
    found = {key: value for pairs in keyed for key, value in pairs.items() if _speaks_of_ports(key)}
    of = own[1] if kind == "Namespace" else "/".join(own)
    return tuple(Stated(f"{kind} {key}", found[key], of) for key in sorted(found))


@lru_cache(maxsize=65_536)
def _speaks_of_ports(key: str) -> bool:
    return _SPEAKS_OF_PORTS.fullmatch(key) is not None


def _namespace(fields: Fields, own: _Id) -> Iterator[Claim]:
    metadata = fields.mapping("metadata")
    for stated in speaking(
        "Namespace", own, metadata.pairs("labels"), metadata.pairs("annotations")
    ):
        yield Claim(stated, own[1])


def _linkerd_server(fields: Fields, own: _Id) -> Iterator[Claim]:
    spec = fields.mapping("spec")
    protocol = spec.text("proxyProtocol") or "unknown"
    stated = Stated("Server proxyProtocol", protocol, "/".join(own))
    pods = _labels(spec.mapping("podSelector"))
    yield Claim(stated, own[0], pods=pods, port=_port(spec, "port"), of_pod=True)


def _service_defaults(fields: Fields, own: _Id) -> Iterator[Claim]:
    protocol = fields.mapping("spec").text("protocol")
    if protocol:
        stated = Stated("ServiceDefaults protocol", protocol, "/".join(own))
        yield Claim(stated, own[0], service=own[1])


def _proxy_defaults(fields: Fields, own: _Id) -> Iterator[Claim]:
    protocol = fields.mapping("spec").mapping("config").text("protocol")
    if protocol:
        yield Claim(Stated("ProxyDefaults protocol", protocol, own[1]), "")


def _virtual_node(fields: Fields, own: _Id) -> Iterator[Claim]:
    spec = fields.mapping("spec")
    for listener in spec.each("listeners"):
        mapping = listener.mapping("portMapping")
        protocol, port = mapping.text("protocol"), _port(mapping, "port")
        pods = _labels(spec.mapping("podSelector"))
        if protocol and port is not None and pods:  # without a selector, a node selects no Pods
            stated = Stated("VirtualNode protocol", protocol, "/".join(own))
            yield Claim(stated, own[0], pods=pods, port=port, of_pod=True)


def _cilium_policy(fields: Fields, own: _Id) -> Iterator[Claim]:
    specs = [fields.mapping("spec"), *fields.each("specs")]
    everywhere = fields.raw("kind") == "CiliumClusterwideNetworkPolicy"
    name = own[1] if everywhere else "/".join(own)
    for spec in specs:
        labels = _labels(spec.mapping("endpointSelector"))
        pods = frozenset((_without_source(key), value) for key, value in labels)
        for rule in (rule for each in spec.each("ingress") for rule in each.each("toPorts")):
            for protocol in ("http", "kafka", "dns"):
                if rule.mapping("rules").raw(protocol) is None:
                    continue
                stated = Stated("CiliumNetworkPolicy rules", protocol, name)
                for port in rule.each("ports"):
                    text = port.raw("port")
                    number = int(text) if isinstance(text, str) and text.isdecimal() else text
                    if isinstance(number, int | str):
                        namespace = "" if everywhere else own[0]
                        yield Claim(stated, namespace, pods=pods, port=number, of_pod=True)


def _without_source(label: str) -> str:
    """Cilium writes where a label comes from before it: "k8s:app", "any:app"."""
    return re.sub(r"^(?:k8s|any)[:.]", "", label)


def _ingress(fields: Fields, own: _Id) -> Iterator[Claim]:
    spec = fields.mapping("spec")
    protocol = fields.mapping("metadata").pairs("annotations").get(_BACKEND_PROTOCOL, "")
    paths = [path for rule in spec.each("rules") for path in rule.mapping("http").each("paths")]
    backends = [spec.mapping("defaultBackend"), *(path.mapping("backend") for path in paths)]
    for service in (backend.mapping("service") for backend in backends):
        name = service.text("name")
        if not name:
            continue
        port = service.mapping("port")
        number = port.port("number") or port.text("name")
        stated = [Stated("Ingress backend", "http", "/".join(own))]
        if protocol:
            stated.append(Stated(f"Ingress {_BACKEND_PROTOCOL}", protocol, "/".join(own)))
        yield from (Claim(each, own[0], service=name, port=number) for each in stated)


def _ingress_route(fields: Fields, own: _Id) -> Iterator[Claim]:
    for service in _traefik_services(fields):
        stated = [Stated("IngressRoute service", "http", "/".join(own))]
        scheme = service.text("scheme")
        if scheme:
            stated.append(Stated("IngressRoute scheme", scheme, "/".join(own)))
        yield from _about_service(service, own, stated)


def _ingress_route_tcp(fields: Fields, own: _Id) -> Iterator[Claim]:
    for service in _traefik_services(fields):
        yield from _about_service(
            service, own, [Stated("IngressRouteTCP service", "tcp", "/".join(own))]
        )


def _traefik_services(fields: Fields) -> list[Fields]:
    routes = fields.mapping("spec").each("routes")
    return [service for route in routes for service in route.each("services")]


def _route(fields: Fields, own: _Id) -> Iterator[Claim]:
    kind = fields.text("kind") or ""
    for rule in fields.mapping("spec").each("rules"):
        for backend in rule.each("backendRefs"):
            if backend.text("kind") in (None, "Service"):
                yield from _about_service(backend, own, [Stated("Route kind", kind, "/".join(own))])


def _about_service(service: Fields, own: _Id, stated: Iterable[Stated]) -> Iterator[Claim]:
    name, namespace = service.text("name"), service.text("namespace") or own[0]
    port = _port(service, "port")
    if name:
        yield from (Claim(each, namespace, service=name, port=port) for each in stated)


def _labels(selector: Fields) -> Pairs:
    """`matchLabels`; expressions are not evaluated, they can only narrow."""
    return frozenset(selector.pairs("matchLabels").items())


def _port(fields: Fields, key: str) -> int | str | None:
    value = fields.raw(key)
    if is_number(value):
        return fields.port(key)
    return fields.text(key) or None


_GATEWAY_API = "gateway.networking.k8s.io"
CLAIMING: dict[str, tuple[str, Callable[[Fields, _Id], Iterator[Claim]]]] = {
    "Namespace": ("", _namespace),
    "Server": ("policy.linkerd.io", _linkerd_server),
    "ServiceDefaults": ("consul.hashicorp.com", _service_defaults),
    "ProxyDefaults": ("consul.hashicorp.com", _proxy_defaults),
    "VirtualNode": ("appmesh.k8s.aws", _virtual_node),
    "CiliumNetworkPolicy": ("cilium.io", _cilium_policy),
    "CiliumClusterwideNetworkPolicy": ("cilium.io", _cilium_policy),
    "Ingress": ("networking.k8s.io", _ingress),
    "IngressRoute": ("traefik.io", _ingress_route),
    "IngressRouteTCP": ("traefik.io", _ingress_route_tcp),
    "HTTPRoute": (_GATEWAY_API, _route),
    "GRPCRoute": (_GATEWAY_API, _route),
    "TLSRoute": (_GATEWAY_API, _route),
    "TCPRoute": (_GATEWAY_API, _route),
}
"""Kind to its API group and what it claims."""
