"""A Service reduced to its ports and the addresses that it has by itself (core/v1)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sniffdiag.catalog.claims import speaking
from sniffdiag.catalog.fields import MAX_PORT, Fields, is_number, nanoseconds, transport_of
from sniffdiag.catalog.history import History
from sniffdiag.catalog.services import ServicePort
from sniffdiag.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable

_HEADLESS = "None"


@dataclass(frozen=True, slots=True)
class ServiceObject:
    """One Service."""

    ports: tuple[ServicePort, ...]
    cluster_ips: tuple[str, ...] = ()
    external_ips: tuple[str, ...] = ()
    """External IPs and those of load balancers."""
    selector: tuple[tuple[str, str], ...] = ()
    """Sorted; empty where endpoints are made by hand."""


def service_object(fields: Fields, own: tuple[str, str], origin: str) -> ServiceObject:
    """Read one; `own` is its namespace and name."""
    spec, metadata = fields.mapping("spec"), fields.mapping("metadata")
    if fields.raw("spec") is None:
        fields.complain("has no spec")
    annotations = metadata.pairs("annotations")
    external_name = spec.raw("type") == "ExternalName"
    shell = ServicePort(
        *own,
        port=0,
        headless=spec.raw("clusterIP") == _HEADLESS,
        external_name=external_name,
        stated=speaking("Service", own, metadata.pairs("labels"), annotations),
        created_ns=_created_ns(metadata),
        origin=origin,
    )
    external = [] if external_name else _external_ips(fields, spec)
    internal = [] if external_name or shell.headless else _cluster_ips(spec)
    return ServiceObject(
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
    """`shell` is what the ports of one Service have in common."""
    seen = set()
    for port in spec.each("ports"):
        number = port.port("port")
        transport = transport_of(port)
        if port.raw("port") is None:
            port.complain("a port without a number")
        if number is None or transport is None:
            continue
        if (number, transport) in seen:
            port.complain(f"port {number} declared twice; the first declaration is used")
            continue
        seen.add((number, transport))
        name, app_protocol = port.text("name"), port.text("appProtocol")
        yield replace(
            shell,
            port=number,
            name=name or "",
            app_protocol=app_protocol,
            transport=transport,
            target_port=_target_port(port),
            node_port=port.number("nodePort", 0, MAX_PORT) or None,
            edits=history.edits((number, transport.name), name, app_protocol),
        )


def _target_port(port: Fields) -> int | str | None:
    """A number or a name; 0 and nothing mean `port` itself."""
    value = port.raw("targetPort")
    if is_number(value):
        return port.number("targetPort", 0, MAX_PORT) or None
    return port.text("targetPort") or None


def _created_ns(metadata: Fields) -> int | None:
    text = metadata.text("creationTimestamp")
    created = nanoseconds(text)
    if text and created is None:
        metadata.complain("metadata.creationTimestamp is no time")
    return created
