"""Which of all `Claim`s are about one declared port: the join of statements and Services."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from sniffdiag.catalog.services import ServicePort, Stated

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sniffdiag.catalog.claims import Claim, Pairs
    from sniffdiag.catalog.pod_objects import PodObject
    from sniffdiag.catalog.service_objects import ServiceObject


class Statements:
    """All claims and the Pods that state something, found by Service."""

    def __init__(self, claims: Sequence[Claim], pods: Iterable[PodObject]) -> None:
        self._of_service: dict[tuple[str, str], list[Claim]] = defaultdict(list)
        self._of_namespace: dict[str, list[Claim]] = defaultdict(list)
        self._named: dict[str, list[PodObject]] = defaultdict(list)
        self._stating: dict[str, list[PodObject]] = defaultdict(list)
        self._by_pods: dict[tuple[str, Pairs], tuple[Stated, ...]] = {}
        for claim in claims:
            if claim.service is not None:
                self._of_service[claim.namespace, claim.service].append(claim)
            else:
                self._of_namespace[claim.namespace].append(claim)
        by_pod_port = any(c.of_pod for c in claims)
        for pod in pods:
            if pod.stated:
                self._stating[pod.namespace].append(pod)
            if by_pod_port and pod.named_ports:
                self._named[pod.namespace].append(pod)

    def added_to(self, service: ServiceObject, port: ServicePort) -> ServicePort:
        """The port with everything that is stated about it, in the order of the sources."""
        own = (port.namespace, port.service)
        claims = [
            *self._of_service.get(own, ()),
            *self._of_namespace.get(port.namespace, ()),
            *self._of_namespace.get("", ()),
        ]
        labels = frozenset(service.selector)
        found = [c.stated for c in claims if self._is_about(c, port, labels)]
        if labels:
            found += self._stated_by_pods(port.namespace, labels)
        if not found:
            return port
        return replace(port, stated=_sorted((*port.stated, *found)))

    def _stated_by_pods(self, namespace: str, labels: Pairs) -> tuple[Stated, ...]:
        """One statement for each value; pods of one workload say the same."""
        known = self._by_pods.get((namespace, labels))
        if known is None:
            said: dict[tuple[str, str], Stated] = {}
            for pod in self._stating.get(namespace, ()):
                if labels <= pod.labels:
                    for each in pod.stated:
                        said.setdefault((each.source, each.value), each)
            known = self._by_pods[namespace, labels] = tuple(said.values())
        return known

    def _is_about(self, claim: Claim, port: ServicePort, labels: Pairs) -> bool:
        if claim.pods and not _may_be_the_same_pods(claim.pods, labels):
            return False
        if claim.port is None:
            return True
        if not claim.of_pod:
            return claim.port in (port.port, port.name or None)
        target = port.target_port or port.port
        if claim.port == target:
            return True
        return not self._numbers(claim.port, port, labels).isdisjoint(
            self._numbers(target, port, labels)
        )

    def _numbers(self, wanted: int | str, port: ServicePort, labels: Pairs) -> set[int]:
        """Numbers that the pods behind the Service mean by a number or a name."""
        if isinstance(wanted, int):
            return {wanted}
        pods = (p for p in self._named.get(port.namespace, ()) if labels <= p.labels)
        found = (p.named_ports.get((wanted, port.transport)) for p in pods)
        return {number for number in found if number is not None}


def _may_be_the_same_pods(selector: Pairs, labels: Pairs) -> bool:
    """One selector narrows the other: two that only overlap may select different pods."""
    return bool(labels) and (selector <= labels or labels <= selector)


def _sorted(stated: Iterable[Stated]) -> tuple[Stated, ...]:
    return tuple(sorted(dict.fromkeys(stated), key=lambda s: (s.source, s.value, s.of)))
