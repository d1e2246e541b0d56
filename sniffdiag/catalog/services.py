"""`Catalog`: declared Service ports, and which addresses lead to them. No packets, no policy."""

from __future__ import annotations

from dataclasses import field, replace
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING

from sniffdiag.model import Transport
from sniffdiag.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable


class EditedField(StrEnum):
    """The fields of a port that say what it speaks, spelled as in a manifest."""

    NAME = "name"
    APP_PROTOCOL = "appProtocol"


@dataclass(frozen=True, slots=True)
class Edit:
    """That a port's declaration was changed after it was applied: the drift of one field."""

    field: EditedField
    before: str | None
    """None where the field was absent."""
    after: str | None
    """What it says now; None where it is absent."""
    manager: str = ""
    """Who owns the field now, by `metadata.managedFields`: "tke-apiserver"; empty if unknown."""
    at_ns: int | None = None
    """When that manager last wrote to the Service, so the edit may be older."""
    before_known: bool = True
    """False where only the change of owner is recorded."""


@dataclass(frozen=True, slots=True)
class Stated:
    """What something other than the port's own entry says about it."""

    source: str
    """Kind of object and what of it: "Service config.linkerd.io/opaque-ports"."""
    value: str
    of: str
    """Namespace and name of the object."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Something in the declarations that a mesh may be known by."""

    sort: str
    """"container", "annotation", "label" or "group" (of an API)."""
    text: str
    """Its name; of a container the name and the image, apart by a blank."""
    count: int


@dataclass(frozen=True, slots=True)
class ServicePort:
    """One entry of `spec.ports` of one Service, as declared."""

    namespace: str
    service: str
    port: int
    """`spec.ports[].port`, what clients dial on the ClusterIP."""
    name: str = ""
    """Port name; empty where the manifest has none."""
    app_protocol: str | None = None
    """`appProtocol`; None where absent (an empty string counts as present, as Istio reads it)."""
    transport: Transport = Transport.TCP
    target_port: int | str | None = None
    """As declared; None means equal to `port`."""
    node_port: int | None = None
    headless: bool = False
    external_name: bool = False
    stated: tuple[Stated, ...] = ()
    """What annotations, labels and other objects state about the port, sorted by source."""
    edits: tuple[Edit, ...] = ()
    """What is no longer declared as it was applied; one a field at most."""
    created_ns: int | None = None
    """creationTimestamp, for conflicts that are settled by age."""
    origin: str = ""
    """"file:line" or "-s" text, for messages."""
    given: bool = True
    """False: nobody gave a declaration; the mesh's own TLS named Service and port."""

    @property
    def key(self) -> tuple[str, str, int, int]:
        """Sort and identity key: namespace, service, transport, port."""
        return (self.namespace, self.service, int(self.transport), self.port)

    @property
    def full_name(self) -> str:
        """Namespace and name: "shop/reviews"."""
        return f"{self.namespace}/{self.service}"

    @property
    def said(self) -> dict[EditedField, str | None]:
        """What its own entry says that it speaks; None where a field is absent."""
        return {EditedField.NAME: self.name or None, EditedField.APP_PROTOCOL: self.app_protocol}

    def edited(self, field_name: EditedField) -> Edit | None:
        """The edit of that field."""
        return next((edit for edit in self.edits if edit.field == field_name), None)

    def before_edits(self) -> ServicePort | None:
        """The port as it was applied; None where nothing is known to have been different."""
        name = self.edited(EditedField.NAME)
        app_protocol = self.edited(EditedField.APP_PROTOCOL)
        if not any(edit and edit.before_known for edit in (name, app_protocol)):
            return None
        return replace(
            self,
            name=(name.before or "") if name and name.before_known else self.name,
            app_protocol=app_protocol.before
            if app_protocol and app_protocol.before_known
            else self.app_protocol,
            edits=(),
        )


@dataclass(frozen=True, slots=True)
class DeclarationChange:
    """That a port is declared otherwise than a moment ago, as a watch of the cluster saw it."""

    at_ns: int
    """When it was written, or seen where that is not recorded."""
    before: ServicePort | None
    """None where the port was not declared."""
    after: ServicePort | None
    """None where it no longer is."""
    manager: str = ""
    """Who wrote it; empty where that is not recorded."""

    @property
    def port(self) -> ServicePort:
        """The port as it is declared now, or was declared last."""
        port = self.after or self.before
        assert port is not None  # noqa: S101 - one of both is there
        return port


class Via(StrEnum):
    """By which kind of address an endpoint leads to a declared port, in order of preference."""

    CLUSTER_IP = "clusterIP"
    EXTERNAL = "load balancer or external IP"
    NODE_PORT = "nodePort"
    POD = "pod IP and targetPort"
    HOST = "host IP and port"
    LOOPBACK = "loopback and targetPort"
    """127.0.0.1 inside a pod: only the port number speaks, so several Services may claim it."""
    PORT_ALONE = "port number alone"
    """Nothing tells the Service's addresses, and no other Service claims the number."""


@dataclass(frozen=True, slots=True)
class Match:
    """A declared port that an endpoint may belong to."""

    service_port: ServicePort
    via: Via


@dataclass(frozen=True, slots=True)
class CatalogSummary:
    """What was read and what was not."""

    sources: tuple[str, ...] = ()
    documents: int = 0
    ignored_kinds: tuple[tuple[str, int], ...] = ()
    """Kinds that declare nothing here, with counts, sorted."""
    problems: tuple[str, ...] = ()
    """One line a malformed document or field: "file:line: what, what to do"."""


@dataclass(slots=True)
class Catalog:
    """All declared ports and the addresses that lead to them.

    Built by `catalog.manifests.load`; looked up by `matches`.
    """

    ports: list[ServicePort] = field(default_factory=list)
    """Sorted by key."""
    summary: CatalogSummary = field(default_factory=CatalogSummary)
    traces: tuple[Trace, ...] = ()
    """By what the mesh and its version may be known, sorted; for `auto`."""
    pods_read: int = 0
    by_address: dict[tuple[str, int, int], list[Match]] = field(default_factory=dict)
    """(canonical address, port, transport) to matches in order of preference."""
    by_node_port: dict[tuple[int, int], list[Match]] = field(default_factory=dict)
    """(nodePort, transport); valid on `node_addresses` or, if that is empty, on any address."""
    by_target_port: dict[tuple[int, int], list[Match]] = field(default_factory=dict)
    """(targetPort number, transport) of Services with pods, for loopback legs inside a pod."""
    by_port_alone: dict[tuple[int, int], list[Match]] = field(default_factory=dict)
    """(port or targetPort, transport) of Services whose addresses are unknown."""
    known_addresses: frozenset[str] = frozenset()
    """All in `by_address`: a port that none of their declarations names is not declared."""
    unresolved_claims: list[tuple[ServicePort, ...]] = field(default_factory=list)
    """Declared ports with one selector and one targetPort, where no pods were read."""
    by_host: dict[tuple[str, int], ServicePort] = field(default_factory=dict)
    """("service.namespace", port) for SNI and Host lookups."""
    node_addresses: frozenset[str] = frozenset()
    pods: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Pod IP to (namespace, name)."""
    meshed_pods: frozenset[str] = frozenset()
    """IPs of pods with a container that is a mesh's own proxy."""
    pods_without_proxy: frozenset[str] = frozenset()
    """IPs of pods that were read and have none; empty where all or some may be of an ambient
    mesh."""
    excluded_inbound: dict[str, frozenset[int]] = field(default_factory=dict)
    """Pod IP to ports named in traffic.sidecar.istio.io/excludeInboundPorts."""

    def matches(self, address: str, port: int, transport: Transport) -> list[Match]:
        """Every declared port that `address:port` may belong to, most specific way first.

        All candidates are returned, never a pick (several Services may select one pod port).
        """
        by_address = self.by_address.get((address, port, transport), ())
        by_node_port = self.by_node_port.get((port, transport), ())
        if by_node_port and self.node_addresses and address not in self.node_addresses:
            by_node_port = ()
        if by_address or by_node_port:
            return sorted((*by_address, *by_node_port), key=preference)
        if is_loopback(address):
            return list(self.by_target_port.get((port, transport), ()))
        alone = self.by_port_alone.get((port, transport), ())
        if len(alone) != 1 or address in self.known_addresses or is_public(address):
            return []
        return list(alone)

    def contradictions(self) -> list[tuple[ServicePort, ...]]:
        """Declared ports that lead to one pod port and have another name prefix or appProtocol.

        Each group once, however many pods it shares, sorted by creation time where known, then by
        key: Istio inbound takes the first.
        """
        groups = {
            _by_age(match.service_port for match in matches if match.via in _POD_PORTS)
            for matches in self.by_address.values()
        }
        groups.update(_by_age(claims) for claims in self.unresolved_claims)
        contradicting = (claims for claims in groups if _say_different_things(claims))
        return sorted(contradicting, key=lambda claims: [claim.key for claim in claims])


def host_key(host: str) -> str:
    """`reviews.shop` of `reviews.shop.svc.cluster.local`, as in `Catalog.by_host`."""
    return ".".join(host.split(".")[:2])


def not_given(named: Iterable[tuple[str, int]]) -> Catalog:
    """A catalog of Services that nobody declared, from their hosts and ports."""
    by_host: dict[tuple[str, int], ServicePort] = {}
    for host, number in named:
        service, _, rest = host.partition(".")
        namespace, _, suffix = rest.partition(".")
        if not suffix.startswith("svc"):
            service, namespace = host, ""
        by_host[host_key(host), number] = ServicePort(namespace, service, number, given=False)
    ports = sorted(set(by_host.values()), key=lambda port: port.key)
    return Catalog(ports=ports, by_host=by_host)


_POD_PORTS = frozenset({Via.POD, Via.HOST})
_ORDER = {via: place for place, via in enumerate(Via)}


def preference(match: Match) -> tuple[int, tuple[str, str, int, int]]:
    """Sort key: most specific way first, then by declared port."""
    return _ORDER[match.via], match.service_port.key


@lru_cache(maxsize=65_536)
def is_loopback(address: str) -> bool:
    """127.0.0.0/8 or ::1."""
    return ip_address(address).is_loopback


@lru_cache(maxsize=65_536)
def is_public(address: str) -> bool:
    """An address of the Internet, where a port number alone says nothing about a Service."""
    return ip_address(address).is_global


def _by_age(claims: Iterable[ServicePort]) -> tuple[ServicePort, ...]:
    def age(port: ServicePort) -> tuple[bool, int, tuple[str, str, int, int]]:
        return port.created_ns is None, port.created_ns or 0, port.key

    return tuple(sorted(dict.fromkeys(claims), key=age))


def _say_different_things(claims: tuple[ServicePort, ...]) -> bool:
    """By what the names alone say, or by what appProtocol says where there is one.

    Whether a mesh makes the same of both is for its policy to tell.
    """
    names = {port.name.partition("-")[0].lower() for port in claims}
    meanings = {
        port.name.partition("-")[0].lower() if port.app_protocol is None else port.app_protocol
        for port in claims
    }
    return len(names) > 1 or len(meanings) > 1
