"""`sniffdiag pod`: the live diagnosis of what tcpdump sees inside a pod."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from sniffdiag.cli import live_options, options
from sniffdiag.cli.exits import FailOn, exit_code
from sniffdiag.cli.live_options import LiveFormat
from sniffdiag.cli.showing import Showing, say
from sniffdiag.errors import UsageError

_KINDS = ("pod", "pods")
_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?")
"""RFC 1123, as Kubernetes names pods; nothing that kubectl could take for an option."""

Pod = Annotated[
    str,
    typer.Argument(
        metavar="[NAMESPACE/]POD", help="Where to capture. The namespace may be given by -n, too."
    ),
]
DeclaredBy = Annotated[
    list[str] | None,
    typer.Option(
        "--services",
        "-s",
        metavar="MANIFESTS",
        help="As in analyze; the cluster itself if not given.",
        show_default=False,
    ),
]
Container = Annotated[
    str | None,
    typer.Option(
        "--container",
        "-c",
        metavar="NAME",
        help="Share the processes of this container, too; the network is the pod's in any case.",
        show_default=False,
    ),
]
Image = Annotated[str, typer.Option("--image", help="What to capture with: has sh and tcpdump.")]
Profile = Annotated[
    str, typer.Option("--profile", help="Of kubectl debug: netadmin or, for more, sysadmin.")
]
AsRoot = Annotated[
    bool, typer.Option("--root", help="Run as root though the pod's securityContext says not to.")
]
Interface = Annotated[
    str, typer.Option("--interface", "-i", metavar="NAME", help="Of the pod; any is all of them.")
]


def pod(  # noqa: PLR0913 - one parameter an option is how typer reads a command
    pod_name: Pod,
    filter_words: live_options.Filter = None,
    *,
    container: Container = None,
    services: DeclaredBy = None,
    mesh: options.Mesh = "istio",
    mesh_version: options.MeshVersion = "auto",
    settings: options.Settings = None,
    namespace: options.Namespace = None,
    all_namespaces: options.AllNamespaces = False,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    image: Image = "nicolaka/netshoot",
    profile: Profile = "netadmin",
    as_root: AsRoot = False,
    interface: Interface = "any",
    snaplen: live_options.Snaplen = 262_144,
    written: live_options.WriteFile = None,
    duration: live_options.Duration = None,
    until_verdict: live_options.UntilVerdict = False,
    output: live_options.LiveOutput = LiveFormat.TEXT,
    fail_on: options.FailOnSeverity = FailOn.ERROR,
) -> None:
    """Diagnose declared ports while packets come, inside a pod.

    Starts an ephemeral debug container in the pod through kubectl, runs tcpdump in it and reads
    what it captures, until Ctrl-C, SIGTERM or a limit. The container is ended then; it stays in
    the pod's description, as every ephemeral container does, until the pod is replaced.

    Examples:
      kubectl sniffdiag pod shop/reviews-v1-6d8c5b7f4-7hq2m --mesh istio --duration 60
      sniffdiag pod reviews-v1-6d8c5b7f4-7hq2m -n shop -w reviews.pcapng port 8080
    """
    from sniffdiag.catalog.api import Access  # noqa: PLC0415 - --help stays fast
    from sniffdiag.cli.declarations import declared_live  # noqa: PLC0415 - as above
    from sniffdiag.pipeline import capturing  # noqa: PLC0415 - as above
    from sniffdiag.pipeline.diagnosis import MeshChoice  # noqa: PLC0415 - as above
    from sniffdiag.pipeline.in_pod import PodOptions, capture_in_pod  # noqa: PLC0415 - as above
    from sniffdiag.pipeline.live import Limits, LiveRun  # noqa: PLC0415 - as above

    where, name = _place(pod_name, namespace)
    given = services or ["cluster"]
    access = Access(context, kubeconfig, where, all_namespaces)
    if "cluster" not in given:  # kubectl is told all the same which cluster the pod is in
        access = Access()
    choice = MeshChoice(mesh, mesh_version, tuple(settings or ()), namespace)
    declared = declared_live(given, access, choice)
    wanted = PodOptions(
        where,
        name,
        target=container,
        image=image,
        profile=profile,
        as_root=as_root,
        interface=interface,
        snaplen=snaplen,
        filter=tuple(filter_words or ()),
    )
    showing = Showing(output)
    place = f"pod {where}/{name}"
    say(f"starting a debug container of {image} in {place}")
    with capture_in_pod(wanted, context, kubeconfig) as (source, debug_container):
        say(f"capturing in container {debug_container} of {place}")
        files = capturing.open_files(capturing.Written(written), source) if written else None
        run = LiveRun(source, declared, Limits(duration, until_verdict=until_verdict), files)
        report = showing.conduct(run, declared.watch)
    code = exit_code(report, fail_on)
    showing.give(report, code)
    raise typer.Exit(code)


def _place(text: str, namespace: str | None) -> tuple[str, str]:
    """Namespace and name. kubectl prints a pod as `pod/NAME`, and so it may be given."""
    parts = [part for part in text.split("/") if part not in _KINDS]
    if len(parts) == 1 and namespace:
        parts = [namespace, *parts]
    match parts:
        case [where, name] if _NAME.fullmatch(where) and _NAME.fullmatch(name):
            return where, name
    raise UsageError(
        f'"{text}" names no pod', hint="write NAMESPACE/POD, or give the namespace by -n"
    )
