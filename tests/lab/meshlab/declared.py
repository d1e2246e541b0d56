"""What a scenario declares: Service ports, pods, and the addresses between them."""

from __future__ import annotations

from dataclasses import dataclass

from meshlab.cluster import CLIENT_POD, POD_ADDRESS, SECOND_POD, SERVER_POD

NAMESPACE = "shop"
POD_NAME = {
    CLIENT_POD: "frontend-5f6b8d7c9-x2k4p",
    SERVER_POD: "reviews-v1-6d8c5b7f4-7hq2m",
    SECOND_POD: "reviews-v2-58d4f9c6b-tz9ws",
}
"""As a Deployment makes them."""


@dataclass(frozen=True, slots=True)
class Declared:
    """One Service with one port, and the pods behind it."""

    name: str
    """Port name; empty for an unnamed port."""
    port: int = 8080
    target_port: int = 8080
    app_protocol: str | None = None
    service: str = "reviews"
    cluster_ip: str = "10.96.0.50"
    created: str = "2026-03-02T09:14:07Z"
    pods: tuple[str, ...] = (SERVER_POD,)

    @property
    def host(self) -> str:
        """The Service's full DNS name."""
        return f"{self.service}.{NAMESPACE}.svc.cluster.local"

    @property
    def endpoints(self) -> list[str]:
        """Addresses of the pods behind the Service."""
        return [POD_ADDRESS[pod] for pod in self.pods]
