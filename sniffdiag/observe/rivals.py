"""Declared ports that get in each other's way: on one pod port, or on one number of listeners."""

from __future__ import annotations

from collections import defaultdict

from sniffdiag.catalog.services import Catalog, ServicePort
from sniffdiag.mesh.treated import Treated
from sniffdiag.model import Transport, Treatment


def contradictions(
    catalog: Catalog, treated: dict[ServicePort, Treated]
) -> dict[ServicePort, tuple[ServicePort, ...]]:
    """Declared ports on one pod port that this mesh would treat in different ways."""
    found: dict[ServicePort, tuple[ServicePort, ...]] = {}
    for contradicting in catalog.contradictions():
        claims = [c for c in contradicting if c in treated]
        for port in claims:
            others = [c for c in claims if _ways(treated[c]) != _ways(treated[port])]
            found[port] = tuple(dict.fromkeys((*found.get(port, ()), *others)))
    return found


def neighbours_of(
    treated: dict[ServicePort, Treated],
) -> dict[ServicePort, tuple[ServicePort, ...]]:
    """For ports that clients' proxies pass on unread: others on that number that they read.

    Listeners of clients' proxies may be bound to 0.0.0.0 and a port number (headless Services,
    Services without an address), and then catch the connections to every Service of that number.
    """
    readers: dict[int, list[ServicePort]] = defaultdict(list)
    for port, ways in treated.items():
        if port.transport is Transport.TCP and ways.outbound.as_ in READING:
            readers[port.port].append(port)
    by_number = {number: tuple(ports) for number, ports in readers.items()}
    return {
        port: by_number[port.port]
        for port, ways in treated.items()
        if ways.outbound.as_ is Treatment.OPAQUE and port.port in by_number
    }


READING = (Treatment.HTTP, Treatment.HTTP2)


def _ways(treated: Treated) -> tuple[Treatment, Treatment]:
    return treated.outbound.as_, treated.inbound.as_
