"""A scenario at one release: what it is called, who has a sidecar, how each port is handled."""

from __future__ import annotations

from dataclasses import dataclass, replace

from meshlab import envoy
from meshlab.certificates import Authority
from meshlab.cluster import CLIENT_POD, SECOND_POD, SERVER_POD
from meshlab.declared import NAMESPACE, Declared
from meshlab.release import RELEASES, Handling, Release
from meshlab.scenario import DIALLED, Expectation, Scenario

ACCOUNTS = {CLIENT_POD: "frontend", SERVER_POD: "reviews", SECOND_POD: "reviews"}

FULLY_CAPTURED = "1.3.6"
ESSENTIAL_POINTS = frozenset({"c-any", "s1-lo"})


@dataclass(frozen=True, slots=True)
class Case:
    """A scenario at one release, with or without mutual TLS."""

    scenario: Scenario
    release: Release
    mtls: bool

    @property
    def version(self) -> str:
        """The release as folders are named: 1.20, 1.20-mtls."""
        return self.release.version + ("-mtls" if self.mtls else "")

    @property
    def folder(self) -> str:
        """Where it goes below the output folder."""
        return f"{self.scenario.name}/{self.version}"

    @property
    def points(self) -> tuple[str, ...]:
        """Where it is captured; what `c-any` shows as well is kept for one release only."""
        if self.mtls or self.release.version == FULLY_CAPTURED:
            return self.scenario.points
        return tuple(point for point in self.scenario.points if point in ESSENTIAL_POINTS) or (
            self.scenario.points
        )

    @property
    def expectation(self) -> Expectation:
        """What sniffdiag must say."""
        return self.scenario.expected[self.release.version]

    @property
    def dialled(self) -> Declared:
        """The Service that the client calls."""
        return self.scenario.services[DIALLED]

    @property
    def server_pods(self) -> tuple[str, ...]:
        """Every pod behind one of the Services."""
        pods = dict.fromkeys(pod for declared in self.scenario.services for pod in declared.pods)
        return tuple(pods)

    @property
    def services_at_first(self) -> tuple[Declared, ...]:
        """The declarations that the proxies start with: before the rename, if there is one."""
        if not self.scenario.renamed_from:
            return self.scenario.services
        return tuple(
            replace(declared, name=self.scenario.renamed_from)
            for declared in self.scenario.services
        )

    def sidecars(
        self, services: tuple[Declared, ...], authority: Authority
    ) -> tuple[envoy.Sidecar, ...]:
        """The client's sidecar and one for every server pod, where there is one."""
        return tuple(
            envoy.Sidecar(
                pod,
                self.release,
                services,
                authority.workload(NAMESPACE, ACCOUNTS[pod]) if self.mtls else None,
                self.scenario.routed_to,
            )
            for pod in (CLIENT_POD, *self.server_pods)
            if pod not in self.scenario.unmeshed
        )

    def handling(self, declared: Declared) -> tuple[str, str]:
        """How the client's and the server's sidecar handle a port; `none` where there is none."""
        release, unmeshed = self.release, self.scenario.unmeshed
        outbound = release.handling(declared.name, declared.app_protocol, declared.port)[0]
        decides = next(
            one
            for one in envoy.by_target_port(self.scenario.services)
            if one.target_port == declared.target_port
        )
        inbound = release.handling(decides.name, decides.app_protocol, decides.port)[1]
        return (
            "none" if CLIENT_POD in unmeshed else outbound.value,
            "none" if set(declared.pods) <= set(unmeshed) else inbound.value,
        )

    @property
    def converts(self) -> bool:
        """The client's sidecar speaks another version of HTTP to the server than the client."""
        handling = self.release.handling(
            self.dialled.name, self.dialled.app_protocol, self.dialled.port
        )
        wrong = {Handling.HTTP: {"http2", "grpc"}, Handling.HTTP2: {"http"}}
        return self.scenario.application.protocol in wrong.get(handling[0], set())


def cases(scenario: Scenario) -> list[Case]:
    """All releases a scenario is run at."""
    plain = [Case(scenario, RELEASES[version], mtls=False) for version in scenario.plain]
    return plain + [Case(scenario, RELEASES[version], mtls=True) for version in scenario.mtls]
