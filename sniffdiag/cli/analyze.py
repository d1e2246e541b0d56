"""`sniffdiag analyze`: the main job."""

from __future__ import annotations

import sys

import typer

from sniffdiag.cli import options
from sniffdiag.cli.exits import FailOn, exit_code
from sniffdiag.cli.output import write
from sniffdiag.cli.processes import processes
from sniffdiag.cli.progress import ProgressLine
from sniffdiag.errors import UsageError


def analyze(  # noqa: PLR0913 - one parameter an option is how typer reads a command
    captures: options.Captures = None,
    *,
    services: options.ServicesIfAny = None,
    read: options.ReadFile = None,
    mesh: options.Mesh = "istio",
    mesh_version: options.MeshVersion = "auto",
    settings: options.Settings = None,
    namespace: options.Namespace = None,
    all_namespaces: options.AllNamespaces = False,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    output: options.ReportOutput = options.ReportFormat.TEXT,
    fail_on: options.FailOnSeverity = FailOn.ERROR,
) -> None:
    """Diagnose declared ports from captured packets.

    Prints for each declared port how it is declared and treated, what was observed, what proxies
    have shown, and the verdict; then the findings with the frames that prove them and the fix.

    Examples:
      sniffdiag analyze web.pcap -s services.yaml --mesh istio --mesh-version 1.3.6
      sniffdiag analyze web.pcap -s cluster -A --mesh auto
      sniffdiag analyze captures/ -s shop/reviews:8080/tcp-web=10.96.0.50 -o json
      tcpdump -i any -U -w - | sniffdiag analyze - -s cluster.json --fail-on warning
    """
    from sniffdiag.catalog.api import Access  # noqa: PLC0415 - --help stays fast
    from sniffdiag.cli.declarations import load_catalog  # noqa: PLC0415 - as above
    from sniffdiag.pipeline.diagnosis import MeshChoice, analyze_captures  # noqa: PLC0415 - as above
    from sniffdiag.report.formats import FORMATS  # noqa: PLC0415 - as above

    names = options.named_captures(captures, read)
    options.refuse_one_stream_for_two(names, services or [])
    access = Access(context, kubeconfig, namespace, all_namespaces)
    catalog = load_catalog(services or [], access)
    choice = MeshChoice(mesh, mesh_version, tuple(settings or ()), namespace)
    with ProgressLine() as line:
        report = analyze_captures(
            names, catalog, choice, stdin=sys.stdin.buffer, watcher=line, processes=processes()
        )
    if not services and not report.ports:
        raise UsageError(
            "no declarations were given, and no mesh TLS in the capture names a Service",
            hint="add -s services.yaml, from `kubectl get svc,endpointslices,pods -A -o yaml`",
        )
    code = exit_code(report, fail_on)
    write([FORMATS[output](report)], code)
    raise typer.Exit(code)
