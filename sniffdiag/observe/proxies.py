"""Where proxies of a mesh are known to be, by other means than marks in the bytes of a flow."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt

from sniffdiag.addresses import address_text
from sniffdiag.catalog.services import Catalog, ServicePort, Via
from sniffdiag.flows.flow import Flows
from sniffdiag.model import Leg
from sniffdiag.observe.legs import LEGS


class Proxies:
    """By the legs that were captured, and by what is declared of the pods."""

    def __init__(self, flows: Flows, leg: npt.NDArray[np.uint8], catalog: Catalog) -> None:
        """Clients that were seen to talk to a sidecar of their own, and pods declared with one."""
        self._meshed = catalog.meshed_pods
        self._without = catalog.pods_without_proxy
        own = np.flatnonzero(leg == LEGS.index(Leg.APP_TO_PROXY))
        self._clients = _addresses(flows, own, "client")
        handed_on = np.flatnonzero(leg == LEGS.index(Leg.PROXY_TO_APP))
        self._own_legs = self._clients | _addresses(flows, handed_on, "server")
        hbone = np.flatnonzero(leg == LEGS.index(Leg.HBONE))
        self._ambient = _addresses(flows, hbone, "client") | _addresses(flows, hbone, "server")
        self._pods: dict[ServicePort, set[str]] = defaultdict(set)
        self._ports: dict[str, dict[ServicePort, None]] = defaultdict(dict)
        self._fronts: set[str] = set()
        for (address, _, _), matches in catalog.by_address.items():
            for match in matches:
                if match.via in (Via.POD, Via.HOST):
                    self._pods[match.service_port].add(address)
                    self._ports[address][match.service_port] = None
                else:
                    self._fronts.add(address)

    def of_client(self, address: str) -> bool:
        """The client at this address has a sidecar."""
        return address in self._clients or address in self._meshed

    def is_declared(self, address: str) -> bool:
        """The pod at this address is declared with a sidecar."""
        return address in self._meshed

    def has_own_leg(self, address: str) -> bool:
        """A leg between the pod at this address and a proxy of its own was captured."""
        return address in self._own_legs and not self.in_ambient(address)

    def of_server(self, address: str) -> bool:
        """The pod at this address has a sidecar."""
        return address in self._meshed

    def serve(self, port: ServicePort) -> bool:
        """All pods known of this declared port have a sidecar."""
        pods = self._pods.get(port, set())
        return bool(pods) and pods <= self._meshed

    def in_ambient(self, address: str) -> bool:
        """A tunnel of an ambient mesh begins or ends there."""
        return address in self._ambient

    def is_without(self, address: str) -> bool:
        """The pod at this address is declared, and has no sidecar."""
        return address in self._without

    def is_front(self, address: str) -> bool:
        """A Service's own address, behind which any of its pods may be."""
        return address in self._fronts

    def ports_at(self, address: str) -> tuple[ServicePort, ...]:
        """Declared ports that the pod at this address serves."""
        return tuple(self._ports.get(address, ()))


def _addresses(flows: Flows, rows: npt.NDArray[np.int64], side: str) -> set[str]:
    hi, lo = getattr(flows, f"{side}_hi")[rows], getattr(flows, f"{side}_lo")[rows]
    pairs = set(zip(hi.tolist(), lo.tolist(), strict=True))
    return {address_text(*pair) for pair in pairs}
