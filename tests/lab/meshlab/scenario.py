"""What a scenario is; the list of them is in scenarios.py."""

from __future__ import annotations

from dataclasses import dataclass

from meshlab.cluster import SECOND_POD
from meshlab.declared import Declared
from meshlab.manifests import Kinds

DIALLED = 0
"""The client dials the first Service of a scenario; what is expected is said about that one."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What `sniffdiag analyze` must say where the service's bytes are readable."""

    verdict: str
    rules: tuple[str, ...] = ()
    """Rule names that must be found."""
    allowed: tuple[str, ...] = ()
    """Rule names that may be found as well."""
    or_verdicts: tuple[str, ...] = ()
    """Verdicts that are as good, where the packets cannot decide."""


@dataclass(frozen=True, slots=True)
class Application:
    """A server and a client, by the names that the runner and apps/ know, and what they speak."""

    server: str
    client: str
    protocol: str
    """In sniffdiag's protocol ids."""
    second_server: str = ""
    """What runs in the second pod, if something else."""

    def serving(self, pod: str) -> str:
        """The server that runs in a pod."""
        return self.second_server if self.second_server and pod == SECOND_POD else self.server


@dataclass(frozen=True, slots=True)
class Scenario:
    """An application, its declaration, and what that leads to at each release."""

    name: str
    story: str
    services: tuple[Declared, ...]
    application: Application
    expected: dict[str, Expectation]
    plain: tuple[str, ...] = ("1.1", "1.3.6", "1.20")
    """Releases that are run without mutual TLS."""
    mtls: tuple[str, ...] = ()
    """Releases that are run with mutual TLS as well."""
    points: tuple[str, ...] = ("c-any", "s1-eth0", "s1-lo")
    only: str = ""
    """Appended to tcpdump's filter, for one-sided captures."""
    manifests: Kinds = Kinds.ALL
    unmeshed: tuple[str, ...] = ()
    """Pods without a sidecar."""
    renamed_from: str = ""
    """The port's name until the client pauses; then the new one reaches the running proxies."""
    routed_to: tuple[str, ...] = ()
    """Pods to which a VirtualService's HTTP route sends everything."""
