"""The declared side of the pipeline, and where both sides meet: a report of every declared port."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import BinaryIO

from sniffdiag.catalog.services import Catalog, ServicePort, not_given
from sniffdiag.decode.headers import DecodeStatus
from sniffdiag.diagnose.diagnose import diagnose_capture, diagnose_port, ordered, verdict
from sniffdiag.diagnose.finding import Finding
from sniffdiag.diagnose.rule import CaptureHealth
from sniffdiag.mesh.detect import detected_mesh, gateways_shown, versions_shown
from sniffdiag.mesh.policy import VersionPolicy, load_policy
from sniffdiag.mesh.settings import parse_settings
from sniffdiag.mesh.treat import newest_older_opaque, treated
from sniffdiag.mesh.treated import Cause, DirectionTreatment, Treated
from sniffdiag.mesh.versions import AUTO, detected_version
from sniffdiag.model import Treatment
from sniffdiag.observe.assignment import ports_named
from sniffdiag.observe.observe import NONE_LEFT, Observations, observe
from sniffdiag.observe.port_observation import PortObservation
from sniffdiag.observe.sealed_early import AssignedEarly
from sniffdiag.pipeline.capture import Capture, load_detectors, sealed, status_text
from sniffdiag.pipeline.reading import ReadingPlan, Watcher, read
from sniffdiag.records import dataclass
from sniffdiag.report.listing import CaptureReport
from sniffdiag.report.report import PortReport, Report

_UNREADABLE = (DecodeStatus.HEADERS_CUT, DecodeStatus.UNSUPPORTED_LINK, DecodeStatus.MALFORMED)


@dataclass(frozen=True, slots=True)
class MeshChoice:
    """The mesh to judge by, as the user gave it."""

    mesh: str = "istio"
    """One of `mesh.policy.MESHES`, or `auto`."""
    version: str = AUTO
    settings: tuple[str, ...] = ()
    namespace: str | None = None
    """Judge only Services of this namespace; addresses of the others are still known."""


def analyze_captures(  # noqa: PLR0913 - what is read, judged by what, how
    captures: Sequence[str],
    catalog: Catalog,
    choice: MeshChoice = MeshChoice(),
    *,
    stdin: BinaryIO | None = None,
    watcher: Watcher | None = None,
    processes: int = 1,
) -> Report:
    """Diagnose every declared port from the captures that the names stand for.

    Raises:
        SourceError: No capture can be read.
        PolicyError: Mesh, version or setting are unknown.
    """
    _policy(choice, catalog)  # what is wrong with it shows before a long capture is read
    plan = ReadingPlan(processes, meanwhile=load_detectors)
    reading = read(captures, stdin=stdin, watcher=watcher, plan=plan)
    return diagnose(sealed(reading, processes), catalog, choice)


def diagnose(capture: Capture, catalog: Catalog, choice: MeshChoice = MeshChoice()) -> Report:
    """Diagnose every declared port from what was captured.

    Raises:
        PolicyError: Mesh, version or setting are unknown.
    """
    policy = _policy(choice, catalog)
    if not _is_given(catalog):
        catalog = not_given(ports_named(capture.flows))
    early = AssignedEarly(capture.early, catalog) if capture.early is not None else None
    left = early.tallies(capture.flows) if early is not None else NONE_LEFT
    seen = observe(capture.flows, catalog, _treatments(policy, catalog, choice), left)
    seen = seen if early is None else early.counted_in(seen)
    return _report(_notes(policy, catalog, choice), policy, catalog, capture.report, seen)


def list_ports(catalog: Catalog, choice: MeshChoice = MeshChoice()) -> Report:
    """What the mesh will do with every declared port, without a capture.

    Raises:
        PolicyError: Mesh, version or setting are unknown.
    """
    policy = _policy(choice, catalog)
    ports, findings = _judged(
        PortObservation(port, treated)
        for port, treated in _treatments(policy, catalog, choice).items()
    )
    return Report(
        mesh=policy.mesh,
        mesh_version=policy.version,
        notes=_notes(policy, catalog, choice),
        catalog=catalog.summary,
        ports=ports,
        findings=ordered(findings),
    )


def _judged(
    observed: Iterable[PortObservation],
) -> tuple[tuple[PortReport, ...], list[Finding]]:
    ports, findings = [], []
    for seen in observed:
        about_port = diagnose_port(seen)
        findings += about_port
        ports.append(PortReport(seen, verdict(seen, about_port)))
    return tuple(ports), findings


def _policy(choice: MeshChoice, catalog: Catalog) -> VersionPolicy:
    detected = detected_mesh(catalog.traces, catalog.pods_read) if choice.mesh == AUTO else None
    mesh = load_policy(detected.mesh if detected else choice.mesh)
    version = choice.version
    if version == AUTO and mesh.versions:
        version = (
            detected_version(versions_shown(mesh.mesh, catalog.traces))
            if _is_given(catalog)
            else mesh.versions[-1]
        )
    policy = mesh.at(version, parse_settings(choice.settings))
    if not _is_given(catalog):
        return replace(policy, note=_NOTHING_GIVEN.format(policy.title))
    if detected is None:
        return policy
    chosen = f"judged by {policy.title}: {detected.because}"
    gateways = gateways_shown(catalog.traces)
    if gateways:
        chosen += f"; for the gateway's side give --mesh {' or '.join(gateways)}"
    return replace(policy, note="; ".join(filter(None, (chosen, policy.note))))


_NOTHING_GIVEN = (
    "no declarations were given: ports are those that the mesh's own TLS names, and fixes are "
    "written for {}; give --services for all others"
)


def _is_given(catalog: Catalog) -> bool:
    """Somebody declared something, were it nothing usable."""
    return bool(catalog.ports or catalog.summary.sources)


def _treatments(
    policy: VersionPolicy, catalog: Catalog, choice: MeshChoice
) -> dict[ServicePort, Treated]:
    wanted = (p for p in catalog.ports if choice.namespace in (None, p.namespace))
    return {port: _treatment(policy, port) for port in wanted}


_NOT_GIVEN = DirectionTreatment(
    Treatment.UNKNOWN, "no declaration of the port was given", Cause.NOT_GIVEN
)


def _treatment(policy: VersionPolicy, port: ServicePort) -> Treated:
    here = treated(policy, port)
    if not port.given:
        return replace(here, outbound=_NOT_GIVEN, inbound=_NOT_GIVEN)
    if applied := port.before_edits():
        here = replace(here, before_edits=treated(policy, applied))
    if Treatment.SNIFFED not in (here.outbound.as_, here.inbound.as_):
        return here
    older = newest_older_opaque(policy, port, "http")
    return replace(here, opaque_before=older.title if older else "")


def _notes(policy: VersionPolicy, catalog: Catalog, choice: MeshChoice) -> tuple[str, ...]:
    known = {port.namespace for port in catalog.ports}
    elsewhere = f"no Service of namespace {choice.namespace} is declared"
    missing = choice.namespace is not None and choice.namespace not in known
    return tuple(note for note in (policy.note, elsewhere if missing else "") if note)


def _report(
    notes: tuple[str, ...],
    policy: VersionPolicy,
    catalog: Catalog,
    capture: CaptureReport,
    seen: Observations,
) -> Report:
    ports, findings = _judged(seen.ports)
    findings += diagnose_capture(_health(capture, seen))
    return Report(
        mesh=policy.mesh,
        mesh_version=policy.version,
        notes=notes,
        catalog=catalog.summary,
        ports=ports,
        findings=ordered(findings),
        capture=capture,
        unmatched=seen.unmatched,
        unmatched_flows=seen.unmatched_flows,
    )


def _health(capture: CaptureReport, seen: Observations) -> CaptureHealth:
    statuses = dict(capture.statuses)
    return CaptureHealth(
        frames=capture.frames,
        dropped=capture.dropped,
        cut_short=any(s.cut_short for s in capture.sources),
        corrupt_records=sum(s.corrupt_records for s in capture.sources),
        undecodable_frames=sum(statuses.get(status_text(s), 0) for s in _UNREADABLE),
        matched_flows=capture.flows - seen.unmatched_flows,
        flows=capture.flows,
        declared_ports=len(seen.ports),
    )
