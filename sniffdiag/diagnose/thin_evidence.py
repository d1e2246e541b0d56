"""Too little was captured to judge.

## What it sees

A declared port whose connections carry no readable payload (empty, joined in the middle,
encrypted by the mesh itself), or to whose pods nothing but tunnels of an ambient mesh lead (HBONE,
port 15008), and a capture that lost packets, ends in the middle of a record, or
holds no traffic of any declared port.

## Why it matters

"Nothing found" must not be read as "nothing wrong".

## Example

A capture on `eth0` of a pod under mutual TLS shows only the mesh's own encryption.

## How to fix

Capture where the bytes are readable: with `-i any` (or on `lo`) inside a pod, with full packets
(`-s 0`) and a larger buffer (`-B 16384`), while requests flow.

## When it is wrong

Never: it accuses no port.
"""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.diagnose.finding import Finding, Fix
from sniffdiag.diagnose.rule import CaptureHealth, Rule
from sniffdiag.diagnose.wording import counted, port_title
from sniffdiag.model import Leg, PortVerdict, Severity
from sniffdiag.observe.port_observation import PortObservation

_CAPTURE_AGAIN = Fix(
    "Capture inside a pod of the Service while requests flow, with whole packets.",
    "tcpdump -i any -s 0 -B 16384 -w web.pcap",
)


def check(seen: PortObservation) -> Iterator[Finding]:
    """Connections to the port, but none that says what it speaks."""
    if seen.judged or not seen.flows:
        return
    reasons = [f"{counted(u.flows, 'connection')}: {u.reason}" for u in seen.undecided]
    if seen.mesh_mtls_flows:
        reasons.append(f"{counted(seen.mesh_mtls_flows, 'connection')}: the mesh's own mutual TLS")
    if seen.tunnelled_flows:
        reasons.append(
            f"{counted(seen.tunnelled_flows, 'connection')} to its pods: {_tunnels(seen)}, which "
            "hides port and protocol"
        )
    message = f"nothing readable was observed on {port_title(seen)} ({'; '.join(reasons)})"
    yield RULE.finding(seen, message, fix=_CAPTURE_AGAIN)


def _tunnels(seen: PortObservation) -> str:
    hbone = any(leg.leg is Leg.HBONE for leg in seen.legs)
    return "HBONE, an ambient mesh's tunnel" if hbone else "TLS to the proxy's own port"


def check_capture(health: CaptureHealth) -> Iterator[Finding]:
    """What the capture as a whole lacks."""
    if health.dropped:
        yield RULE.finding(
            None,
            f"the capturing host dropped {counted(health.dropped, 'packet')}",
            fix=_CAPTURE_AGAIN,
        )
    if health.cut_short or health.corrupt_records:
        yield RULE.finding(None, _damage(health))
    if health.undecodable_frames:
        yield RULE.finding(
            None, f"headers of {counted(health.undecodable_frames, 'frame')} could not be read"
        )
    if health.declared_ports and health.flows and not health.matched_flows:
        yield RULE.finding(
            None,
            f"none of the {counted(health.flows, 'flow')} belongs to any of the "
            f"{counted(health.declared_ports, 'declared port')}: the capture and the declarations "
            "may be of different clusters, or Endpoints and Pods are missing from the declarations",
            fix=Fix(
                "Give the addresses as well.", "kubectl get services,endpointslices,pods -A -o yaml"
            ),
        )


def _damage(health: CaptureHealth) -> str:
    parts = ["ends in the middle of a record"] if health.cut_short else []
    if health.corrupt_records:
        parts.append(f"holds {counted(health.corrupt_records, 'corrupt record')}")
    return f"the capture {' and '.join(parts)}; what could be read was analysed"


RULE = Rule(
    id="SD001",
    name="thin-evidence",
    severity=Severity.INFO,
    verdict=PortVerdict.UNKNOWN,
    summary="Too little was captured to judge",
    check=check,
    check_capture=check_capture,
    yields_to=("silent-connections", "connection-refused"),
)
