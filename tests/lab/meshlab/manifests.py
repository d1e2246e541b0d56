"""The cluster's objects as `kubectl get -o yaml` prints them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

import yaml

from meshlab.cluster import CLIENT_POD, NODE_ADDRESS, POD_ADDRESS
from meshlab.declared import NAMESPACE, POD_NAME, Declared

Json = dict[str, Any]
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class Kinds(Enum):
    """Which objects a user happened to export besides the Services."""

    ALL = auto()
    """EndpointSlices and Pods."""
    ENDPOINTS = auto()
    """The older Endpoints only."""
    PODS = auto()
    """Pods only: addresses come from the selector."""


@dataclass(frozen=True, slots=True)
class Rename:
    """A port's earlier name, and who changed it when."""

    earlier: str
    manager: str
    applied_at: str
    changed_at: str


def port_entry(declared: Declared) -> Json:
    """One item of `spec.ports` with the fields in kubectl's order."""
    entry: Json = {}
    if declared.app_protocol is not None:
        entry["appProtocol"] = declared.app_protocol
    if declared.name:
        entry["name"] = declared.name
    return entry | {"port": declared.port, "protocol": "TCP", "targetPort": declared.target_port}


def service(declared: Declared, rename: Rename | None = None) -> Json:
    """A Service; one that a console renamed still carries what `kubectl apply` had said."""
    metadata: Json = {
        "creationTimestamp": declared.created,
        "labels": {"app": declared.service},
        "name": declared.service,
        "namespace": NAMESPACE,
        "resourceVersion": "184213",
        "uid": f"6b1f0c52-8f3e-4a53-9d57-{declared.port:012d}",
    }
    if rename:
        metadata |= renamed(declared, rename)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {
            "clusterIP": declared.cluster_ip,
            "clusterIPs": [declared.cluster_ip],
            "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "ports": [port_entry(declared)],
            "selector": {"app": "reviews"},
            "sessionAffinity": "None",
            "type": "ClusterIP",
        },
        "status": {"loadBalancer": {}},
    }


def renamed(declared: Declared, rename: Rename) -> Json:
    """Annotation and managedFields of a port applied under one name and edited to another."""
    before = port_entry(declared) | {"name": rename.earlier}
    applied = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "annotations": {},
            "labels": {"app": declared.service},
            "name": declared.service,
            "namespace": NAMESPACE,
        },
        "spec": {"ports": [before], "selector": {"app": "reviews"}},
    }
    owned_metadata: Json = {
        "f:annotations": {".": {}, f"f:{LAST_APPLIED}": {}},
        "f:labels": {".": {}, "f:app": {}},
    }
    return {
        "annotations": {LAST_APPLIED: json.dumps(applied, separators=(",", ":")) + "\n"},
        "managedFields": [
            {
                "apiVersion": "v1",
                "fieldsType": "FieldsV1",
                "fieldsV1": {
                    "f:metadata": owned_metadata,
                    "f:spec": {"f:selector": {}, "f:type": {}},
                },
                "manager": "kubectl-client-side-apply",
                "operation": "Update",
                "time": rename.applied_at,
            },
            {
                "apiVersion": "v1",
                "fieldsType": "FieldsV1",
                "fieldsV1": {"f:spec": {"f:ports": {}}},
                "manager": rename.manager,
                "operation": "Update",
                "time": rename.changed_at,
            },
        ],
    }


def endpoint_slice(declared: Declared) -> Json:
    """The EndpointSlice of a Service."""
    port: Json = {"name": declared.name, "port": declared.target_port, "protocol": "TCP"}
    if declared.app_protocol is not None:
        port["appProtocol"] = declared.app_protocol
    return {
        "addressType": "IPv4",
        "apiVersion": "discovery.k8s.io/v1",
        "endpoints": [
            {
                "addresses": [POD_ADDRESS[pod]],
                "conditions": {"ready": True, "serving": True, "terminating": False},
                "nodeName": "node2",
                "targetRef": {"kind": "Pod", "name": POD_NAME[pod], "namespace": NAMESPACE},
            }
            for pod in declared.pods
        ],
        "kind": "EndpointSlice",
        "metadata": {
            "labels": {"kubernetes.io/service-name": declared.service},
            "name": f"{declared.service}-x7k2p",
            "namespace": NAMESPACE,
        },
        "ports": [port],
    }


def endpoints(declared: Declared) -> Json:
    """The older Endpoints of a Service."""
    port: Json = {"name": declared.name} if declared.name else {}
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": declared.service, "namespace": NAMESPACE},
        "subsets": [
            {
                "addresses": [
                    {"ip": address, "nodeName": "node2"} for address in declared.endpoints
                ],
                "ports": [port | {"port": declared.target_port, "protocol": "TCP"}],
            },
        ],
    }


def pod_object(pod: str, target_port: int, proxy_tag: str) -> Json:
    """A Pod, with its sidecar if it has one."""
    app = "frontend" if pod == CLIENT_POD else "reviews"
    version = "v2" if pod == "second" else "v1"
    container: Json = {"image": f"registry.shop.example/{app}:{version}", "name": app}
    if pod != CLIENT_POD:
        container["ports"] = [{"containerPort": target_port, "protocol": "TCP"}]
    containers, annotations = [container], {}
    if proxy_tag:
        image = f"docker.io/istio/proxyv2:{proxy_tag}"
        containers.append({"image": image, "name": "istio-proxy"})
        annotations["sidecar.istio.io/status"] = '{"containers":["istio-proxy"]}'
    node = "node1" if pod == CLIENT_POD else "node2"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "annotations": annotations,
            "labels": {"app": app, "version": version},
            "name": POD_NAME[pod],
            "namespace": NAMESPACE,
        },
        "spec": {"containers": containers, "nodeName": node},
        "status": {
            "hostIP": NODE_ADDRESS[node],
            "phase": "Running",
            "podIP": POD_ADDRESS[pod],
            "podIPs": [{"ip": POD_ADDRESS[pod]}],
        },
    }


@dataclass(frozen=True, slots=True)
class Export:
    """What there is to export."""

    services: tuple[Declared, ...]
    proxy_tag: str
    unmeshed: tuple[str, ...] = ()
    rename: Rename | None = None


def exported(export: Export, kinds: Kinds) -> list[Json]:
    """What the chosen export holds, in kubectl's order of kinds."""
    services = export.services
    items = [service(declared, export.rename) for declared in services]
    if kinds is Kinds.ENDPOINTS:
        return items + [endpoints(declared) for declared in services]
    if kinds is Kinds.ALL:
        items += [endpoint_slice(declared) for declared in services]
    pods = dict.fromkeys(pod for declared in services for pod in declared.pods)
    return items + [
        pod_object(pod, services[0].target_port, "" if pod in export.unmeshed else export.proxy_tag)
        for pod in (CLIENT_POD, *pods)
    ]


def routing(declared: Declared) -> list[Json]:
    """A VirtualService that keeps all HTTP requests on v1 while v2 is being tried."""
    kind = "networking.istio.io/v1alpha3"
    metadata = {"name": declared.service, "namespace": NAMESPACE}
    to_v1 = {"destination": {"host": declared.service, "subset": "v1"}}
    subsets = [{"labels": {"version": version}, "name": version} for version in ("v1", "v2")]
    virtual = {"hosts": [declared.service], "http": [{"route": [to_v1]}]}
    rule = {"host": declared.service, "subsets": subsets}
    return [
        {"apiVersion": kind, "kind": "VirtualService", "metadata": metadata, "spec": virtual},
        {"apiVersion": kind, "kind": "DestinationRule", "metadata": metadata, "spec": rule},
    ]


class KubectlDumper(yaml.SafeDumper):
    """Keys sorted, several lines as a literal block: what kubectl's YAML looks like."""

    def ignore_aliases(self, data: object) -> bool:
        """Write every value out."""
        del data
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    )


KubectlDumper.add_representer(str, _text)


def write(path: Path, items: list[Json]) -> None:
    """One List, as `kubectl get a,b,c -o yaml` prints it."""
    whole = {
        "apiVersion": "v1",
        "items": items,
        "kind": "List",
        "metadata": {"resourceVersion": ""},
    }
    path.write_text(yaml.dump(whole, Dumper=KubectlDumper, width=1000), encoding="utf-8")
