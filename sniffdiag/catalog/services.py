"""`Catalog`: the declared Service ports, and which addresses lead to them. No packets, no policy."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from sniffdiag.model import Transport


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
    annotations: tuple[tuple[str, str], ...] = ()
    """The Service's mesh-relevant annotations, sorted."""
    created_ns: int | None = None
    """creationTimestamp, for conflicts that are settled by age."""
    labels_differ: bool = False
    origin: str = ""
    """"file:line" or "-s" text, for messages."""

    @property
    def key(self) -> tuple[str, str, int, int]:
        """Sort and identity key: namespace, service, transport, port."""
        return (self.namespace, self.service, int(self.transport), self.port)

    @property
    def full_name(self) -> str:
        """"namespace/service"."""
        return f"{self.namespace}/{self.service}"


class Via(StrEnum):
    """By which kind of address a packet's endpoint leads to a declared port, in order of preference."""

    CLUSTER_IP = "clusterIP"
    EXTERNAL = "load balancer or external IP"
    NODE_PORT = "nodePort"
    POD = "pod IP and targetPort"
    HOST = "host IP and port"
    LOOPBACK = "loopback and targetPort"
    """127.0.0.1 inside a pod: only the port number speaks, so several Services may claim it."""


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


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Several declared ports that lead to one pod port and say different things."""

    address: str
    port: int
    claims: tuple[ServicePort, ...]
    """Sorted by creation time where known, then by key: Istio inbound takes the first."""


@dataclass(slots=True)
class Catalog:
    """All declared ports and the addresses that lead to them.

    Built by `catalog.manifests.load`; looked up by `matches`.
    """

    ports: list[ServicePort] = field(default_factory=list)
    """Sorted by key."""
    summary: CatalogSummary = field(default_factory=CatalogSummary)
    mesh_versions: tuple[str, ...] = ()
    """Versions read from `istio-proxy` images of Pods, sorted, for `--mesh-version auto`."""
    by_address: dict[tuple[str, int, int], list[Match]] = field(default_factory=dict)
    """(canonical address, port, transport) to matches in order of preference."""
    by_node_port: dict[tuple[int, int], list[Match]] = field(default_factory=dict)
    """(nodePort, transport); valid on any address in `node_addresses` or, if that is empty, on any."""
    by_target_port: dict[tuple[int, int], list[Match]] = field(default_factory=dict)
    """(targetPort number, transport) of Services with pods, for loopback legs inside a pod."""
    by_host: dict[tuple[str, int], ServicePort] = field(default_factory=dict)
    """("service.namespace", port) for SNI and Host lookups."""
    node_addresses: frozenset[str] = frozenset()
    pods: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Pod IP to (namespace, name)."""
    meshed_pods: frozenset[str] = frozenset()
    """IPs of pods with an `istio-proxy` (or linkerd-proxy) container."""
    excluded_inbound: dict[str, frozenset[int]] = field(default_factory=dict)
    """Pod IP to ports named in traffic.sidecar.istio.io/excludeInboundPorts."""

    def matches(self, address: str, port: int, transport: Transport) -> list[Match]:
        """Every declared port that `address:port` may belong to, most specific way first.

        All candidates are returned, never a pick (several Services may select one pod port).
        """
        raise NotImplementedError

    def contradictions(self) -> list[Contradiction]:
        """Pod ports that several declared ports claim with different name prefix or appProtocol."""
        raise NotImplementedError
