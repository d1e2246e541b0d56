"""`sniffdiag ports`: what the mesh will do with every declared port, without a capture."""

from __future__ import annotations

from sniffdiag.cli import options
from sniffdiag.cli.output import write


def ports(  # noqa: PLR0913 - one parameter an option is how typer reads a command
    *,
    services: options.Services,
    mesh: options.Mesh = "istio",
    mesh_version: options.MeshVersion = "auto",
    settings: options.Settings = None,
    namespace: options.Namespace = None,
    all_namespaces: options.AllNamespaces = False,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    output: options.ReportOutput = options.ReportFormat.TEXT,
) -> None:
    """Show how a mesh treats the declared ports, and why.

    Examples:
      sniffdiag ports -s services.yaml --mesh istio --mesh-version 1.20
      sniffdiag ports -s cluster -n shop --mesh auto
      kubectl get svc -A -o json | sniffdiag ports -s - --mesh linkerd --mesh-version 2.18
    """
    from sniffdiag.catalog.api import Access  # noqa: PLC0415 - --help stays fast
    from sniffdiag.cli.declarations import load_catalog  # noqa: PLC0415 - as above
    from sniffdiag.pipeline.diagnosis import MeshChoice, list_ports  # noqa: PLC0415 - as above
    from sniffdiag.report.formats import FORMATS  # noqa: PLC0415 - as above

    catalog = load_catalog(services, Access(context, kubeconfig, namespace, all_namespaces))
    report = list_ports(catalog, MeshChoice(mesh, mesh_version, tuple(settings or ()), namespace))
    write([FORMATS[output](report)])
