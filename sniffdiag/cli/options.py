"""Options that several commands share, spelled and explained once."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from sniffdiag.cli.exits import FailOn
from sniffdiag.errors import UsageError


def named(text: str | None) -> str | None:
    """A name that may be left out, but not empty: `-n "$NAMESPACE"` would select nothing.

    Raises:
        UsageError: It is empty.
    """
    if text is not None and not text.strip():
        raise UsageError("an option has an empty value", hint="is a shell variable unset?")
    return text


Captures = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="CAPTURE...",
        help="pcap or pcapng files (plain, gzip, zstd, lz4, xz), directories of them, or - for "
        "standard input. Several are one capture, in order of time.",
        show_default=False,
    ),
]
ReadFile = Annotated[
    list[str] | None,
    typer.Option("-r", metavar="CAPTURE", help="Another way to name a capture, as in tcpdump."),
]
_SERVICES = (
    "Kubernetes YAML or JSON: a file, a directory, - for standard input, or one declaration as "
    "ns/name:port/portname=ip[,ip], or the word cluster to read the cluster itself. Best: cluster "
    "-A, or kubectl get svc,endpointslices,pods -A -o json --show-managed-fields."
)
Services = Annotated[
    list[str],
    typer.Option("--services", "-s", metavar="MANIFESTS", help=_SERVICES, show_default=False),
]
ServicesIfAny = Annotated[
    list[str] | None,
    typer.Option(
        "--services",
        "-s",
        metavar="MANIFESTS",
        help=f"{_SERVICES} Without any, ports are those that the mesh's own TLS names.",
        show_default=False,
    ),
]
Mesh = Annotated[
    str,
    typer.Option(
        "--mesh",
        help="Whose reading of the declarations to apply: istio, linkerd, kuma, consul, osm, "
        "app-mesh, cilium; a gateway's, envoy-gateway, traefik or ingress-nginx; none for plain "
        "Kubernetes; auto for what the Pods, labels and API groups show.",
    ),
]
MeshVersion = Annotated[
    str,
    typer.Option(
        "--mesh-version",
        metavar="VERSION",
        help="Such as 1.3, 1.3.6 or edge-25.3.3; auto reads it from the images of the mesh's "
        "proxies in the Pods.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="A non-default mesh setting, such as sniff-inbound=true. May be repeated.",
    ),
]
Namespace = Annotated[
    str | None,
    typer.Option(
        "--namespace",
        "-n",
        callback=named,
        help="Only Services of this namespace; with -s cluster, nothing else is read unless -A.",
        show_default=False,
    ),
]
Context = Annotated[
    str | None,
    typer.Option(
        "--context",
        callback=named,
        metavar="NAME",
        help="With -s cluster: another context than the current one.",
    ),
]
Kubeconfig = Annotated[
    str | None,
    typer.Option(
        "--kubeconfig",
        callback=named,
        metavar="FILE",
        help="With -s cluster: another file than KUBECONFIG says.",
    ),
]
AllNamespaces = Annotated[
    bool,
    typer.Option(
        "-A",
        "--all-namespaces",
        help="With -s cluster: read all namespaces, not only that of -n or of the context.",
    ),
]


class ReportFormat(StrEnum):
    """Names of `report.formats.FORMATS`, known without importing what makes them."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


class FlowFormat(StrEnum):
    """Names of `report.flow_formats.FLOW_FORMATS`."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


FailOnSeverity = Annotated[
    FailOn, typer.Option("--fail-on", help="Exit with 1 from this severity on.")
]
ReportOutput = Annotated[ReportFormat, typer.Option("-o", "--output", help="Format of the report.")]


def named_captures(arguments: list[str] | None, read: list[str] | None) -> list[str]:
    """Captures from both ways of naming them.

    Raises:
        UsageError: None is named.
    """
    names = [*(arguments or ()), *(read or ())]
    if not names:
        raise UsageError(
            "no capture given",
            hint="name a pcap or pcapng file, or - to read `tcpdump -w -` from standard input",
        )
    return names


def refuse_one_stream_for_two(captures: list[str], services: list[str]) -> None:
    """Standard input cannot be both.

    Raises:
        UsageError: It is named as both.
    """
    if "-" in captures and "-" in services:
        raise UsageError(
            "standard input cannot be the capture and the manifests at once",
            hint="write one of them to a file first",
        )
