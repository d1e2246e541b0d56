"""EndpointSlices (discovery.k8s.io/v1) and Endpoints (core/v1) as addresses with their ports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sniffdiag.catalog.fields import transport_of
from sniffdiag.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sniffdiag.catalog.fields import Fields
    from sniffdiag.model import Transport

_SERVICE_NAME_LABEL = "kubernetes.io/service-name"


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


def slice_of(fields: Fields) -> tuple[str, EndpointSet] | None:
    """The name of the Service that an EndpointSlice belongs to, and its endpoints."""
    service = fields.mapping("metadata").mapping("labels").text(_SERVICE_NAME_LABEL)
    if service is None or fields.raw("addressType") == "FQDN":
        return None
    addresses, pods = [], []
    for endpoint in fields.each("endpoints"):
        # kube-proxy uses the first address only (discovery/v1 Endpoint.addresses).
        first = endpoint.addresses("addresses")[:1]
        addresses += first
        pods += _target_pod(endpoint, first)
    return service, EndpointSet(tuple(addresses), _ports(fields), tuple(pods))


def subsets_of(fields: Fields) -> Iterator[EndpointSet]:
    """The subsets of Endpoints, which are named like their Service."""
    for subset in fields.each("subsets"):
        addresses, pods = [], []
        for endpoint in subset.each("addresses") + subset.each("notReadyAddresses"):
            ip = endpoint.address("ip")
            addresses += ip
            pods += _target_pod(endpoint, ip)
        yield EndpointSet(tuple(addresses), _ports(subset), tuple(pods))


def _target_pod(endpoint: Fields, addresses: list[str]) -> list[tuple[str, str]]:
    target = endpoint.mapping("targetRef")
    name = target.text("name")
    is_pod = target.raw("kind") == "Pod" and name
    return [(address, name) for address in addresses] if is_pod and name else []


def _ports(fields: Fields) -> tuple[EndpointPort, ...]:
    found = []
    for port in fields.each("ports"):
        number = port.port("port")
        transport = transport_of(port)
        if number is not None and transport is not None:
            found.append(EndpointPort(port.text("name") or "", number, transport))
    return tuple(found)
