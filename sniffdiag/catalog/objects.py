"""Kubernetes objects, each reduced to what leads from an address to a declared port.

One kind is read in one place (`_READERS`, `claims.CLAIMING`); others are counted. Nothing is joined
here (see `addresses`).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import field
from functools import lru_cache
from typing import TYPE_CHECKING

from sniffdiag.catalog.claims import CLAIMING, Claim
from sniffdiag.catalog.endpoint_objects import EndpointSet, slice_of, subsets_of
from sniffdiag.catalog.fields import DEFAULT_NAMESPACE, Fields, clean
from sniffdiag.catalog.pod_objects import PodObject, pod_object
from sniffdiag.catalog.service_objects import ServiceObject, service_object
from sniffdiag.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

_ENDED_LIST = "List"
_ERROR = "Status"
"""Kind of what the API server answers when it refuses (metav1.Status)."""

_TRACED_KEY = re.compile(
    r"(?:.*\.)?(?:istio\.io|linkerd\.io|kuma\.io|consul\.hashicorp\.com|openservicemesh\.io"
    r"|appmesh\.k8s\.aws)/.+|istio-injection|osm-proxy-uuid"
)
"""Annotations and labels by whose presence a mesh may be known."""


@dataclass(slots=True)
class Objects:
    """Everything that was read."""

    services: dict[tuple[str, str], ServiceObject] = field(default_factory=dict)
    slices: dict[tuple[str, str], list[EndpointSet]] = field(default_factory=dict)
    endpoints: dict[tuple[str, str], list[EndpointSet]] = field(default_factory=dict)
    pods: list[PodObject] = field(default_factory=list)
    node_addresses: set[str] = field(default_factory=set)
    claims: list[Claim] = field(default_factory=list)
    traces: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(sort, text) as in `services.Trace`."""
    ignored_kinds: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def add_document(self, origin: str, value: object) -> None:
        """Read one document: an object, a List of objects, or a JSON array of either."""
        if value is None:
            return
        if not isinstance(value, list):
            self._add_object_or_list(origin, value)
            return
        for at, item in enumerate(value):
            self._add_object_or_list(f"{origin} [{at}]", item)

    def merge(self, other: Objects) -> None:
        """Add what another one read; of a Service that both have, the other's stays."""
        self.services.update(other.services)
        for own, theirs in ((self.slices, other.slices), (self.endpoints, other.endpoints)):
            for service_id, sets in theirs.items():
                own.setdefault(service_id, []).extend(sets)
        self.pods += other.pods
        self.node_addresses |= other.node_addresses
        self.claims += other.claims
        self.traces.update(other.traces)
        self.ignored_kinds.update(other.ignored_kinds)
        self.problems += other.problems

    def _add_object_or_list(self, origin: str, value: object) -> None:
        if not isinstance(value, dict):
            self.problems.append(
                f"{origin}: not a Kubernetes object, which is a mapping with a kind"
            )
            return
        fields = Fields(value, origin, self.problems)
        kind = fields.text("kind")
        if kind is None or not kind.endswith(_ENDED_LIST):
            self._add_object(fields, kind, fields.text("apiVersion"), origin)
            return
        # Items of a typed list as the API server sends it have neither kind nor apiVersion.
        api_version = fields.text("apiVersion")
        for at, item in enumerate(fields.each("items")):
            where = f"{origin} items[{at}]"
            item.moved(where)
            own = item.text("kind") or kind.removesuffix(_ENDED_LIST) or None
            self._add_object(item, own, item.text("apiVersion") or api_version, where)

    def _add_object(
        self, fields: Fields, kind: str | None, api_version: str | None, origin: str
    ) -> None:
        if not kind:
            fields.complain("not a Kubernetes object: it has no kind")
            return
        if kind == _ERROR:
            fields.complain(f"no object but an error of the API server: {fields.text('message')}")
            return
        group = (api_version or "").rpartition("/")[0]
        if group.count("."):
            self.traces["group", group] += 1
        reader = _READERS.get(kind) or CLAIMING.get(kind)
        if reader is None or (api_version and reader[0] != group):
            self.ignored_kinds[kind] += 1
            return
        metadata = fields.mapping("metadata")
        name = metadata.text("name")
        if not name:
            fields.complain(f"{kind} without metadata.name")
            return
        namespace = metadata.text("namespace") or DEFAULT_NAMESPACE
        fields.named(kind, f"{namespace}/{name}")
        own = (namespace, name)
        if kind in _READERS:
            _READERS[kind][1](self, fields, own, origin)
        else:
            self.claims += CLAIMING[kind][1](fields, own)
        if kind in _TRACED_KINDS:
            self._trace_keys(metadata)

    def _trace_keys(self, metadata: Fields) -> None:
        for sort in ("annotation", "label"):
            pairs = metadata.raw(f"{sort}s")
            for key in pairs if isinstance(pairs, dict) else ():
                if isinstance(key, str) and _is_traced(key):
                    self.traces[sort, clean(key)] += 1


_TRACED_KINDS = frozenset({"Service", "Namespace", "Pod"})


@lru_cache(maxsize=65_536)
def _is_traced(key: str) -> bool:
    return _TRACED_KEY.fullmatch(key) is not None


def _read_service(found: Objects, fields: Fields, own: tuple[str, str], origin: str) -> None:
    if own in found.services:
        fields.complain("declared again; the last declaration is used")
    found.services[own] = service_object(fields, own, origin)


def _read_slice(found: Objects, fields: Fields, own: tuple[str, str], _origin: str) -> None:
    known = slice_of(fields)
    if known is not None:
        service, endpoints = known
        found.slices.setdefault((own[0], service), []).append(endpoints)


def _read_endpoints(found: Objects, fields: Fields, own: tuple[str, str], _origin: str) -> None:
    found.endpoints.setdefault(own, []).extend(subsets_of(fields))


def _read_pod(found: Objects, fields: Fields, own: tuple[str, str], _origin: str) -> None:
    pod = pod_object(fields, own)
    if pod is not None:
        found.pods.append(pod)
        found.traces.update(("container", proxy) for proxy in pod.proxies)


def _read_node(found: Objects, fields: Fields, _own: tuple[str, str], _origin: str) -> None:
    for address in fields.mapping("status").each("addresses"):
        if address.raw("type") in ("InternalIP", "ExternalIP"):
            found.node_addresses.update(address.address("address"))


_READERS: dict[str, tuple[str, Callable[[Objects, Fields, tuple[str, str], str], None]]] = {
    "Service": ("", _read_service),
    "EndpointSlice": ("discovery.k8s.io", _read_slice),
    "Endpoints": ("", _read_endpoints),
    "Pod": ("", _read_pod),
    "Node": ("", _read_node),
}
"""Kind to its API group and reader. Knative has a kind Service of its own."""
