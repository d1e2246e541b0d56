"""A small report made of observations, for tests of the formats."""

from __future__ import annotations

from sniffdiag.catalog.services import CatalogSummary
from sniffdiag.diagnose.diagnose import diagnose_port, ordered, verdict
from sniffdiag.model import Endpoint, Transport
from sniffdiag.observe.port_observation import PortObservation, UnmatchedEndpoint
from sniffdiag.report.listing import CaptureReport, SourceReport
from sniffdiag.report.report import PortReport, Report

SOURCE = SourceReport(
    name="web.pcap",
    format="pcap",
    first_frame=1,
    frames=9,
    cut_short=False,
    corrupt_records=0,
    skipped_bytes=0,
    dropped=0,
    notes=(),
)
CAPTURE = CaptureReport(
    sources=(SOURCE,),
    frames=9,
    bytes=900,
    flows=2,
    first_ts_ns=1_700_000_000_000_000_001,
    last_ts_ns=1_700_000_001_000_000_000,
    statuses=(("ok", 8), ("not ip", 1)),
)
STRAY = UnmatchedEndpoint(Endpoint("10.0.0.9", 53), Transport.UDP, 1, (("dns", 1),))


def report_of(*observations: PortObservation, capture: CaptureReport | None = CAPTURE) -> Report:
    """What the rules make of the observations."""
    about = [(seen, diagnose_port(seen)) for seen in observations]
    return Report(
        mesh="istio",
        mesh_version="1.3.6",
        notes=(),
        catalog=CatalogSummary(sources=("services.yaml",), documents=1),
        ports=tuple(PortReport(seen, verdict(seen, found)) for seen, found in about),
        findings=ordered([finding for _, found in about for finding in found]),
        capture=capture,
        unmatched=(STRAY,),
        unmatched_flows=1,
    )
