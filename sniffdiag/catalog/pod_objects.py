"""A Pod reduced to its addresses, its ports and what shows a mesh's proxy in it (core/v1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sniffdiag.catalog.claims import speaking
from sniffdiag.catalog.fields import MAX_PORT, Fields, is_number, transport_of
from sniffdiag.records import dataclass

if TYPE_CHECKING:
    from sniffdiag.catalog.services import Stated
    from sniffdiag.model import Transport

_FINISHED = frozenset({"Succeeded", "Failed"})
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
    proxies: tuple[str, ...]
    """Containers that are a mesh's own proxy: name and image, apart by a blank."""
    stated: tuple[Stated, ...]
    excluded_inbound: frozenset[int]

    @property
    def meshed(self) -> bool:
        """A mesh's own proxy runs beside the application."""
        return bool(self.proxies)


def pod_object(fields: Fields, own: tuple[str, str]) -> PodObject | None:
    """Read one; None of a Pod that has ended. `own` is its namespace and name."""
    spec, status, metadata = (fields.mapping(key) for key in ("spec", "status", "metadata"))
    if status.raw("phase") in _FINISHED:
        return None
    ips = status.address("podIP") + [
        ip for each in status.each("podIPs") for ip in each.address("ip")
    ]
    containers = spec.each("containers")
    sidecars = [c for c in spec.each("initContainers") if c.raw("restartPolicy") == "Always"]
    proxies = [c for c in containers + sidecars if c.text("name") in _PROXY_CONTAINERS]
    labels = metadata.pairs("labels")
    return PodObject(
        *own,
        ips=tuple(dict.fromkeys(ips)),
        labels=frozenset(labels.items()),
        host_network=spec.flag("hostNetwork"),
        named_ports=_named_ports(containers + sidecars),
        host_ports=_host_ports(containers + sidecars, tuple(status.address("hostIP"))),
        proxies=tuple(f"{each.text('name')} {each.text('image') or ''}" for each in proxies),
        stated=speaking("Pod", own, labels, metadata.pairs("annotations")),
        excluded_inbound=_excluded_inbound(metadata),
    )


def _named_ports(containers: list[Fields]) -> dict[tuple[str, Transport], int]:
    """Regular containers before native sidecars, the first of a name wins (FindPort)."""
    found: dict[tuple[str, Transport], int] = {}
    for port in (port for container in containers for port in container.each("ports")):
        name, transport = port.text("name"), transport_of(port)
        number = port.port("containerPort")
        if name and transport and number is not None:
            found.setdefault((name, transport), number)
    return found


def _host_ports(containers: list[Fields], host_ips: tuple[str, ...]) -> tuple[HostPort, ...]:
    found = []
    for port in (port for container in containers for port in container.each("ports")):
        number, host_number = port.raw("containerPort"), port.raw("hostPort")
        if is_number(number) and is_number(host_number) and host_number:
            own = tuple(port.address("hostIP"))
            transport = transport_of(port.unquestioned())
            if transport is not None:
                found.append(HostPort(number, transport, host_number, own or host_ips))
    return tuple(found)


def _excluded_inbound(metadata: Fields) -> frozenset[int]:
    text = metadata.mapping("annotations").text(_EXCLUDED_INBOUND) or ""
    words = [word.strip() for word in text.split(",")]
    return frozenset(int(w) for w in words if w.isascii() and w.isdigit() and int(w) <= MAX_PORT)
