"""`--services cluster`: the objects that lead to declared ports, listed from the API server.

Read-only, and only what the catalog uses. A list comes in pages (`limit`, `continue`); each page is
one document for the same reader that reads manifests.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from sniffdiag.catalog.api import (
    FORBIDDEN,
    GONE,
    NOT_FOUND,
    UNAUTHORIZED,
    Access,
    ApiError,
    ApiServer,
    UnreachableError,
    connect,
)
from sniffdiag.catalog.documents import CLUSTER, Document, Problem
from sniffdiag.catalog.fields import Fields
from sniffdiag.errors import CatalogError
from sniffdiag.records import dataclass

PAGE = 500
"""Objects a page, as kubectl asks for them."""
_SECONDS = 60.0
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Resource:
    """One list of the API."""

    prefix: str
    """`/api/v1`, or `/apis/GROUP/VERSION`."""
    plural: str
    what: str
    """For messages: "EndpointSlices"."""
    lost: str = ""
    """What a report lacks without it; empty: nothing can be said without it."""
    of_cluster: bool = False
    """In no namespace."""
    instead: Resource | None = None
    """For API servers that do not know it yet."""
    may_be_unknown: bool = False
    """Nothing is missing where the API server does not know it."""

    @property
    def group(self) -> str:
        """As RBAC names it."""
        return self.prefix.split("/")[2] if self.prefix.startswith("/apis/") else ""

    def path(self, namespace: str | None, **query: str | int) -> str:
        """Where to GET it; namespace None means all of them."""
        within = f"/namespaces/{namespace}" if namespace and not self.of_cluster else ""
        return f"{self.prefix}{within}/{self.plural}?{urlencode(query)}"


_ENDPOINTS = Resource(
    "/api/v1", "endpoints", "Endpoints", "pods are found by the Services' selectors alone"
)
SERVICES = Resource("/api/v1", "services", "Services")
ENDPOINT_SLICES = Resource(
    "/apis/discovery.k8s.io/v1",
    "endpointslices",
    "EndpointSlices",
    "pods are found by the Services' selectors alone",
    instead=Resource(  # Kubernetes 1.17 to 1.20
        "/apis/discovery.k8s.io/v1beta1",
        "endpointslices",
        "EndpointSlices",
        _ENDPOINTS.lost,
        instead=_ENDPOINTS,
    ),
)
PODS = Resource(
    "/api/v1", "pods", "Pods", "the mesh's version, pod names and who has a sidecar are not known"
)
NODES = Resource(
    "/api/v1", "nodes", "Nodes", "NodePorts are matched on any address", of_cluster=True
)
NAMESPACES = Resource(
    "/api/v1",
    "namespaces",
    "Namespaces",
    "what they say of all ports in them is not known",
    of_cluster=True,
)
CLAIMING = (
    ("policy.linkerd.io", "servers", "Linkerd's Servers"),
    ("consul.hashicorp.com", "servicedefaults", "ServiceDefaults"),
    ("consul.hashicorp.com", "proxydefaults", "ProxyDefaults"),
    ("appmesh.k8s.aws", "virtualnodes", "VirtualNodes"),
    ("cilium.io", "ciliumnetworkpolicies", "CiliumNetworkPolicies"),
    ("networking.k8s.io", "ingresses", "Ingresses"),
    ("traefik.io", "ingressroutes", "IngressRoutes"),
    ("traefik.io", "ingressroutetcps", "IngressRouteTCPs"),
    ("gateway.networking.k8s.io", "httproutes", "HTTPRoutes"),
    ("gateway.networking.k8s.io", "grpcroutes", "GRPCRoutes"),
    ("gateway.networking.k8s.io", "tlsroutes", "TLSRoutes"),
    ("gateway.networking.k8s.io", "tcproutes", "TCPRoutes"),
)
"""API group, plural and name of what claims things about ports (`catalog.claims`)."""
CLAIMING_OF_CLUSTER = (
    ("cilium.io", "ciliumclusterwidenetworkpolicies", "CiliumClusterwideNetworkPolicies"),
)
_CLAIMS_LOST = "what they say of ports is not known"


@dataclass(frozen=True, slots=True)
class Page:
    """Some objects of one list."""

    resource: Resource
    """The one that the server knows, which may be an older one than was asked for."""
    value: Json
    """As decoded."""
    afresh: bool = False
    """It holds the whole list: forget the pages before it."""

    @property
    def items(self) -> list[Json]:
        """Its objects; they lack kind and apiVersion, which the list says once."""
        items = self.value.get("items")
        return [i for i in items if isinstance(i, dict)] if isinstance(items, list) else []

    @property
    def objects(self) -> Iterator[Json]:
        """Its objects, each saying what it is."""
        kind = str(self.value.get("kind") or "").removesuffix("List")
        for item in self.items:
            yield {"kind": kind, "apiVersion": self.value.get("apiVersion"), **item}

    @property
    def version(self) -> str:
        """The resourceVersion from which a watch goes on."""
        return str(mapping_of(self.value, "metadata").get("resourceVersion") or "")

    @property
    def following(self) -> str:
        """The token for the next page; empty on the last."""
        return str(mapping_of(self.value, "metadata").get("continue") or "")


@dataclass(frozen=True, slots=True)
class Cluster:
    """An API server and how much of it is read."""

    server: ApiServer
    namespace: str | None
    """None: all."""

    @property
    def title(self) -> str:
        """For reports: `cluster (context "prod", namespace shop)`."""
        within = f"namespace {self.namespace}" if self.namespace else "all namespaces"
        return f"{CLUSTER} ({self.server.title}, {within})"

    def resources(self) -> list[Resource]:
        """What is read. What is in no namespace needs rights on the whole cluster, so only there.

        Raises:
            UnreachableError: There is no answer.
        """
        own = [SERVICES, ENDPOINT_SLICES, PODS]
        claiming = list(CLAIMING)
        if self.namespace is None:
            own += [NODES, NAMESPACES]
            claiming += CLAIMING_OF_CLUSTER
        groups = self._groups()
        for group, plural, what in claiming:
            found: Resource | None = None
            for version in reversed(groups.get(group, ())):
                found = Resource(
                    f"/apis/{group}/{version}",
                    plural,
                    what,
                    _CLAIMS_LOST,
                    of_cluster=(group, plural, what) in CLAIMING_OF_CLUSTER,
                    instead=found,
                    may_be_unknown=True,
                )
            own += [found] if found else []
        return own

    def _groups(self) -> dict[str, list[str]]:
        """API groups that the server knows, with their versions, preferred first."""
        try:
            known = self._page("/apis")
        except ApiError:
            return {}  # whoever may not ask may not list them either
        groups = Fields(known, "", []).each("groups")
        return {
            group.text("name") or "": [v.text("version") or "" for v in group.each("versions")]
            for group in groups
        }

    def documents(self) -> Iterator[Document | Problem]:
        """Every page of every resource; a resource that may be missing is a problem line.

        Raises:
            CatalogError: There is no answer, or the Services may not be read.
        """
        for resource in self.resources():
            try:
                for page in _each_object_once(self.pages(resource)):
                    yield Document(f"{CLUSTER} {resource.plural}", page)
            except ApiError as error:
                if line := self.done_without(resource, error):
                    yield Problem(line)

    def pages(self, resource: Resource) -> Iterator[Page]:
        """The pages of one list.

        Raises:
            ApiError: The server refuses.
            UnreachableError: It does not answer.
        """
        query: dict[str, str | int] = {"limit": PAGE}
        while True:
            try:
                page = Page(resource, self._page(resource.path(self.namespace, **query)))
            except ApiError as error:
                if error.code == NOT_FOUND and resource.instead:
                    yield from self.pages(resource.instead)
                    return
                if error.code == GONE and "continue" in query:  # too slow for its snapshot
                    whole = self._page(resource.path(self.namespace))
                    yield Page(resource, whole, afresh=True)
                    return
                raise
            yield page
            if not page.following:
                return
            query = {"limit": PAGE, "continue": page.following}

    def _page(self, path: str) -> Json:
        with self.server.lines(path, _SECONDS) as answer:
            body = b"\n".join(answer)
        try:
            page = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise UnreachableError(f"{self.server.title}: {path} is answered by no JSON") from error
        if not isinstance(page, dict):
            raise UnreachableError(f"{self.server.title}: {path} is answered by no list")
        return page

    def done_without(self, resource: Resource, error: ApiError) -> str:
        """That a resource cannot be listed, as a problem line; empty where that is none.

        Raises:
            CatalogError: It is needed.
        """
        if error.code == NOT_FOUND and resource.may_be_unknown:
            return ""
        explained = self.explained(resource, "list", error)
        if not resource.lost or error.code == UNAUTHORIZED:
            raise explained from error
        return f"{explained}: {resource.lost}"

    def explained(self, resource: Resource, verb: str, error: ApiError) -> CatalogError:
        """The refusal with the right that is missing."""
        within = f"namespace {self.namespace}" if self.namespace else "all namespaces"
        where = "" if resource.of_cluster else f" in {within}"
        if error.code == FORBIDDEN:
            group = f" of API group {resource.group}" if resource.group else ""
            elsewhere = "" if self.namespace or resource.of_cluster else ", or -n NAMESPACE"
            return CatalogError(
                f"not allowed to {verb} {resource.what}{where}",
                hint=f'needs the RBAC verb "{verb}" on {resource.plural}{group}{elsewhere}: '
                "docs/deploy/rbac.yaml grants what sniffdiag reads",
            )
        if error.code == UNAUTHORIZED:
            return CatalogError(
                f"{self.server.title}: the API server does not accept these credentials",
                hint="they may have expired: log in again, and try kubectl get services",
            )
        return CatalogError(f"cannot {verb} {resource.what}{where}: {error}")


def open_cluster(access: Access) -> Cluster:
    """Find out which cluster; nothing is read yet.

    Raises:
        CatalogError: Nothing says which, or there is no way to ask it.
    """
    server = connect(access)
    if access.all_namespaces:
        return Cluster(server, None)
    return Cluster(server, access.namespace or server.namespace)


def _each_object_once(pages: Iterator[Page]) -> Iterator[Json]:
    """The pages as decoded, a page that begins afresh without what came before it."""
    seen: set[str] = set()
    for page in pages:
        if page.afresh:
            page.value["items"] = [item for item in page.items if _identity(item) not in seen]
        seen.update(map(_identity, page.items))
        yield page.value


def _identity(item: Json) -> str:
    metadata = mapping_of(item, "metadata")
    return f"{metadata.get('namespace')}/{metadata.get('name')}"


def mapping_of(value: Json, key: str) -> Json:
    """A nested object; empty where it is none."""
    found = value.get(key)
    return found if isinstance(found, dict) else {}
