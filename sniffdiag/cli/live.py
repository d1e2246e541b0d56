"""`sniffdiag live`: the diagnosis while packets come."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from sniffdiag.cli import live_options, options
from sniffdiag.cli.exits import FailOn, exit_code
from sniffdiag.cli.live_options import Engine, LiveFormat
from sniffdiag.cli.showing import Showing, say
from sniffdiag.errors import UsageError

if TYPE_CHECKING:
    from sniffdiag.pipeline.capturing import Wanted
    from sniffdiag.pipeline.live import LiveSource


def live(  # noqa: PLR0913 - one parameter an option is how typer reads a command
    filter_words: live_options.Filter = None,
    *,
    services: options.Services,
    interface: live_options.Interface = None,
    read: live_options.ReadPipe = None,
    mesh: options.Mesh = "istio",
    mesh_version: options.MeshVersion = "auto",
    settings: options.Settings = None,
    namespace: options.Namespace = None,
    all_namespaces: options.AllNamespaces = False,
    context: options.Context = None,
    kubeconfig: options.Kubeconfig = None,
    written: live_options.WriteFile = None,
    megabytes: live_options.Megabytes = 0,
    seconds: live_options.Seconds = 0,
    files: live_options.Files = 0,
    duration: live_options.Duration = None,
    count: live_options.Count = None,
    max_bytes: live_options.MaxBytes = None,
    until_verdict: live_options.UntilVerdict = False,
    snaplen: live_options.Snaplen = 262_144,
    buffer_kib: live_options.Buffer = 131_072,
    max_flows: live_options.MaxFlows = 200_000,
    promiscuous: live_options.Promiscuous = False,
    engine: live_options.CaptureEngine = Engine.AUTO,
    user: live_options.User = "",
    metrics: live_options.Metrics = None,
    output: live_options.LiveOutput = LiveFormat.TEXT,
    fail_on: options.FailOnSeverity = FailOn.ERROR,
) -> None:
    """Diagnose declared ports while packets come.

    They come from interfaces or through a pipe. Shows how each declared port stands, and at the
    end (Ctrl-C, SIGTERM or a limit) gives the report that analyze gives. Interfaces need
    CAP_NET_RAW; rights are given up before any packet is read.

    Examples:
      sudo sniffdiag live -i any -s services.yaml --mesh istio -w /tmp/incident.pcapng
      sudo sniffdiag live -i eth0 -s cluster -A --duration 60 port 8080 and host 10.0.0.7
      sudo sniffdiag live -s services.yaml --until-verdict -o ndjson
      ssh node tcpdump -i any -U -w - | sniffdiag live -r - -s cluster.json
    """
    from sniffdiag.catalog.api import Access  # noqa: PLC0415 - --help stays fast
    from sniffdiag.cli.declarations import declared_live  # noqa: PLC0415 - as above
    from sniffdiag.pipeline import capturing  # noqa: PLC0415 - as above
    from sniffdiag.pipeline.diagnosis import MeshChoice  # noqa: PLC0415 - as above
    from sniffdiag.pipeline.live import Limits, LiveRun  # noqa: PLC0415 - as above

    _refuse_contradictions(interface, filter_words, read, written)
    if written is None and (megabytes or seconds or files):
        raise UsageError("-C, -G and -W divide what -w writes: add -w FILE")
    options.refuse_one_stream_for_two([read or ""], services)
    choice = MeshChoice(mesh, mesh_version, tuple(settings or ()), namespace)
    access = Access(context, kubeconfig, namespace, all_namespaces)
    declared = declared_live(services, access, choice)
    wanted = capturing.Wanted(
        interfaces=tuple(interface or ("any",)),
        filter=" ".join(filter_words or ()),
        snaplen=snaplen,
        ring_kib=buffer_kib,
        promiscuous=promiscuous,
        scapy=engine is Engine.SCAPY,
    )
    showing = Showing(output, metrics)
    source = _opened(wanted, read)
    target = capturing.Written(written, megabytes, seconds, files) if written else None
    capture_files = capturing.open_files(target, source) if target else None
    limits = Limits(duration, count, max_bytes, until_verdict)
    run = LiveRun(source, declared, limits, capture_files, max_flows)
    showing.rehearse(run)
    if kept := capturing.give_up_rights(capture_files, user):
        say(kept)
    if not sys.stderr.isatty() or output is LiveFormat.NDJSON:
        say(
            f"reading {read}" if read is not None else f"capturing on {','.join(wanted.interfaces)}"
        )
    report = showing.conduct(run, declared.watch)
    code = exit_code(report, fail_on)
    showing.give(report, code)
    raise typer.Exit(code)


def _refuse_contradictions(
    interface: list[str] | None, words: list[str] | None, read: str | None, written: str | None
) -> None:
    if read is not None and (interface or words):
        raise UsageError("-r reads what was captured elsewhere: neither -i nor a filter applies")
    if written in {"-", ""}:
        raise UsageError("-w needs a file: standard output is the report's")


def _opened(wanted: Wanted, read: str | None) -> LiveSource:
    from sniffdiag.pipeline import capturing  # noqa: PLC0415 - as above

    if read is not None:
        return capturing.open_pipe(read, sys.stdin.buffer)
    return capturing.open_interfaces(wanted)
