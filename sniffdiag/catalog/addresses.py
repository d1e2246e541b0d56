"""Which addresses lead to which declared port: the join of Services, endpoints, Pods and Nodes.

Rules as of the Kubernetes endpoint controllers (pkg/controller/util/endpoint, FindPort) and
kube-proxy. Readiness is not looked at: a pod that is not ready or terminating still has traffic of
old connections. Where several Services select one pod port, all of them are kept.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeVar

from sniffdiag.catalog.services import Catalog, CatalogSummary, Match, Trace, Via, preference
from sniffdiag.catalog.stated import Statements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sniffdiag.catalog.endpoint_objects import EndpointSet
    from sniffdiag.catalog.inline import Declaration
    from sniffdiag.catalog.objects import Objects
    from sniffdiag.catalog.pod_objects import PodObject
    from sniffdiag.catalog.service_objects import ServiceObject
    from sniffdiag.catalog.services import ServicePort
    from sniffdiag.model import Transport

_Id = tuple[str, str]
_Key = TypeVar("_Key")
_DATAPLANE_MODE, _AMBIENT = "istio.io/dataplane-mode", "ambient"


def build_catalog(
    objects: Objects, declarations: Sequence[Declaration], summary: CatalogSummary
) -> Catalog:
    """Everything that was read, joined."""
    return _Build(objects).catalog(declarations, summary)


class _Build:
    """One join. Lists of matches grow in any order and are put in order at the end."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._pods = _PodIndex(objects.pods)
        self._knows_endpoints = bool(objects.slices or objects.endpoints or objects.pods)
        self._host_network_ips = {ip for p in objects.pods if p.host_network for ip in p.ips}
        self._by_address: dict[tuple[str, int, int], list[Match]] = defaultdict(list)
        self._by_node_port: dict[tuple[int, int], list[Match]] = defaultdict(list)
        self._by_target_port: dict[tuple[int, int], list[Match]] = defaultdict(list)
        self._by_port_alone: dict[tuple[int, int], list[Match]] = defaultdict(list)
        self._same_pods: dict[object, list[ServicePort]] = defaultdict(list)

    def catalog(self, declarations: Sequence[Declaration], summary: CatalogSummary) -> Catalog:
        """The finished catalog."""
        ports = []
        statements = Statements(self._objects.claims, self._objects.pods)
        for service_id, service in self._objects.services.items():
            for bare in service.ports:
                port = statements.added_to(service, bare)
                ports.append(port)
                if not port.external_name:
                    self._add_service_port(service_id, service, port)
        for declaration in declarations:
            ports.append(declaration.port)
            self._add_declaration(declaration)
        ports.sort(key=lambda port: (port.key, port.origin))
        return Catalog(
            ports=ports,
            summary=summary,
            traces=tuple(
                Trace(*known, count) for known, count in sorted(self._objects.traces.items())
            ),
            pods_read=len(self._objects.pods),
            by_address=_in_order(self._by_address),
            by_node_port=_in_order(self._by_node_port),
            by_target_port=_in_order(self._by_target_port),
            by_port_alone=_in_order(self._by_port_alone),
            known_addresses=frozenset(address for address, *_ in self._by_address),
            unresolved_claims=[tuple(c) for c in self._same_pods.values() if len(c) > 1],
            by_host={(f"{p.service}.{p.namespace}", p.port): p for p in reversed(ports)},
            node_addresses=frozenset(self._objects.node_addresses),
            pods=self._pod_names(),
            meshed_pods=frozenset(ip for p in self._objects.pods if p.meshed for ip in p.ips),
            pods_without_proxy=self._pods_without_proxy(),
            excluded_inbound={
                ip: pod.excluded_inbound
                for pod in self._objects.pods
                if pod.excluded_inbound
                for ip in pod.ips
            },
        )

    def _pods_without_proxy(self) -> frozenset[str]:
        """Pods of an ambient mesh have no proxy of their own and are in it nevertheless.

        Where no pod has one the mesh may be of that kind: its label is on Namespaces.
        """
        pods = self._objects.pods
        stated = [*(c.stated for c in self._objects.claims), *(s for p in pods for s in p.stated)]
        ambient = any(s.source.endswith(_DATAPLANE_MODE) and s.value == _AMBIENT for s in stated)
        if ambient or not any(pod.meshed for pod in pods):
            return frozenset()
        return frozenset(ip for p in pods if not (p.meshed or p.host_network) for ip in p.ips)

    def _add_service_port(self, service_id: _Id, service: ServiceObject, port: ServicePort) -> None:
        for address in service.cluster_ips:
            self._add(address, port.port, port, Via.CLUSTER_IP)
        for address in service.external_ips:
            self._add(address, port.port, port, Via.EXTERNAL)
        if port.node_port:
            match = Match(port, Via.NODE_PORT)
            self._by_node_port[port.node_port, port.transport].append(match)
        endpoints = list(self._endpoints(service_id, service, port))
        for address, number in endpoints:
            self._add_endpoint(address, number, port)
        if not self._knows_endpoints:
            self._add_without_endpoints(service, port)

    def _add_endpoint(self, address: str, number: int, port: ServicePort) -> None:
        via = Via.HOST if address in self._host_network_ips else Via.POD
        self._add(address, number, port, via)
        if port.headless:  # the client picks the port itself and may take either
            self._add(address, port.port, port, via)
        self._add_target_port(number, port)
        for host_address, host_number in self._pods.host_ports(address, number, port.transport):
            self._add(host_address, host_number, port, Via.HOST)

    def _add_without_endpoints(self, service: ServiceObject, port: ServicePort) -> None:
        """Nothing tells where the pods are; what is left is the port number."""
        number = _target_number(port)
        numbers = set() if number is None else {number}
        if number is not None:
            self._add_target_port(number, port)
        if not service.cluster_ips:
            numbers.add(port.port)
        for each in numbers:
            self._by_port_alone[each, port.transport].append(Match(port, Via.PORT_ALONE))
        if service.selector:
            target = port.target_port or port.port
            self._same_pods[port.namespace, service.selector, target, port.transport].append(port)

    def _add_declaration(self, declaration: Declaration) -> None:
        port = declaration.port
        number = _target_number(port) or port.port
        for address in declaration.addresses:
            self._add(address, number, port, Via.POD)
            if number != port.port:
                self._add(address, port.port, port, Via.CLUSTER_IP)
        self._add_target_port(number, port)
        if not declaration.addresses:
            for each in {number, port.port}:
                self._by_port_alone[each, port.transport].append(Match(port, Via.PORT_ALONE))

    def _add(self, address: str, number: int, port: ServicePort, via: Via) -> None:
        self._by_address[address, number, port.transport].append(Match(port, via))

    def _add_target_port(self, number: int, port: ServicePort) -> None:
        self._by_target_port[number, port.transport].append(Match(port, Via.LOOPBACK))

    def _endpoints(
        self, service_id: _Id, service: ServiceObject, port: ServicePort
    ) -> Iterable[tuple[str, int]]:
        """(address, port number) by EndpointSlices, else by Endpoints, else by the selector."""
        for sets in (self._objects.slices, self._objects.endpoints):
            known = sets.get(service_id, ())
            if any(each.addresses for each in known):
                return _endpoints_in(known, port)
        return self._pods.endpoints(service, port)

    def _pod_names(self) -> dict[str, _Id]:
        """Pod IPs by name; what runs on the node's own address has no address of its own."""
        names: dict[str, _Id] = {}
        for sets in (self._objects.endpoints, self._objects.slices):
            for (namespace, _), known in sets.items():
                for address, pod in (pair for endpoints in known for pair in endpoints.pods):
                    names[address] = (namespace, pod)
        for each in self._objects.pods:
            names.update(dict.fromkeys(each.ips, (each.namespace, each.name)))
        shared = self._host_network_ips | self._objects.node_addresses
        return {address: name for address, name in sorted(names.items()) if address not in shared}


def _endpoints_in(known: Iterable[EndpointSet], port: ServicePort) -> Iterator[tuple[str, int]]:
    """Ports of the same name; where the name is not there, those with the declared targetPort.

    A manifest that was edited after its EndpointSlices were printed still finds its pods that way.
    """
    sets = [
        (each.addresses, p) for each in known for p in each.ports if p.transport == port.transport
    ]
    matching = [(a, p) for a, p in sets if p.name == port.name]
    matching = matching or [(a, p) for a, p in sets if p.number == _target_number(port)]
    for addresses, endpoint_port in matching:
        for address in addresses:
            yield address, endpoint_port.number


class _PodIndex:
    """Pods by label and by address."""

    def __init__(self, pods: list[PodObject]) -> None:
        self._by_label: dict[tuple[str, str, str], list[PodObject]] = defaultdict(list)
        self._by_address: dict[str, list[PodObject]] = defaultdict(list)
        for pod in pods:
            for key, value in pod.labels:
                self._by_label[pod.namespace, key, value].append(pod)
            for ip in pod.ips:
                self._by_address[ip].append(pod)

    def endpoints(self, service: ServiceObject, port: ServicePort) -> Iterator[tuple[str, int]]:
        """(address, port number) of all pods that the Service selects."""
        if not service.selector:
            return
        wanted = frozenset(service.selector)
        rarest = min(
            (self._by_label.get((port.namespace, *pair), []) for pair in service.selector), key=len
        )
        for pod in rarest:
            number = self._number(pod, port)
            if wanted <= pod.labels and number is not None:
                for ip in pod.ips:
                    yield ip, number

    @staticmethod
    def _number(pod: PodObject, port: ServicePort) -> int | None:
        number = _target_number(port)
        if number is None:
            return pod.named_ports.get((str(port.target_port), port.transport))
        return number

    def host_ports(
        self, address: str, number: int, transport: Transport
    ) -> Iterator[tuple[str, int]]:
        """Where the pod's port is open on its node."""
        for pod in self._by_address.get(address, ()):
            for host_port in pod.host_ports:
                if (host_port.number, host_port.transport) == (number, transport):
                    for ip in host_port.host_ips:
                        yield ip, host_port.host_number


def _target_number(port: ServicePort) -> int | None:
    """The targetPort as a number; None where it is a name that only pods can tell."""
    target = port.target_port
    if isinstance(target, str):
        return int(target) if target.isascii() and target.isdigit() else None
    return target or port.port


def _in_order(found: dict[_Key, list[Match]]) -> dict[_Key, list[Match]]:
    """Each declared port once, by its most specific way."""
    ordered: dict[_Key, list[Match]] = {}
    for key, matches in found.items():
        if len(matches) > 1:
            matches.sort(key=preference)
            first: dict[int, Match] = {}
            for match in matches:
                first.setdefault(id(match.service_port), match)
            matches = list(first.values())  # noqa: PLW2901 - the list in order
        ordered[key] = matches
    return ordered
