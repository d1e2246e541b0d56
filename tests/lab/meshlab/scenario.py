"""What a scenario is; the list of them is in scenarios.py."""

from __future__ import annotations

from dataclasses import dataclass, field

from meshlab.declared import Declared
from meshlab.manifests import Kinds

DIALLED = 0
"""The client dials the first Service of a scenario."""


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
class Scenario:
    """An application, its declaration, and what that leads to at each release."""

    name: str
    story: str
    services: tuple[Declared, ...]
    server: str
    client: str
    protocol: str
    """What the application speaks, in sniffdiag's protocol ids."""
    expected: dict[str, Expectation]
    plain: tuple[str, ...] = ("1.1", "1.3.6", "1.20")
    """Releases that are run without mutual TLS."""
    mtls: tuple[str, ...] = ()
    """Releases that are run with mutual TLS as well."""
    points: tuple[str, ...] = ("c-any", "s1-eth0", "s1-lo")
    only: str = ""
    """Appended to tcpdump's filter, for one-sided captures."""
    manifests: Kinds = field(default=Kinds.ALL)
