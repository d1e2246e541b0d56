"""Where each declared port was captured, and what stands at both ends, as table cells."""

from __future__ import annotations

from collections.abc import Iterator

from sniffdiag.model import Leg, MeshSide
from sniffdiag.observe.port_observation import HopShown, LegShown
from sniffdiag.report.phrases import port_label, ways_phrase
from sniffdiag.report.report import PortReport, Report

HEADERS = ("PORT", "LEG", "FLOWS", "CLIENT SIDE", "SERVER SIDE", "SHOWN")


def leg_rows(report: Report) -> list[list[str]]:
    """Cells under `HEADERS` for each leg; none where nothing on any of them tells of a mesh."""
    if not any(_tells(leg) for port in report.ports for leg in port.seen.legs):
        return []
    return [_row(port, leg) for port in report.ports for leg in port.seen.legs]


def hop_notes(report: Report) -> list[str]:
    """What became of connections that were captured on two legs, one sentence a hop."""
    return [
        f"{port_label(port.seen)}: {_what(hop)} between {hop.before} and {hop.after}"
        f" (frames {hop.frames[0]}, {hop.frames[1]})"
        for port in report.ports
        for hop in port.seen.hops
    ]


def _tells(leg: LegShown) -> bool:
    sides = {leg.client_side.as_, leg.server_side.as_}
    return leg.leg is not Leg.WIRE or sides != {MeshSide.UNKNOWN}


def _row(port: PortReport, leg: LegShown) -> list[str]:
    return [
        port_label(port.seen),
        leg.leg.value,
        f"{leg.flows:,}",
        _side(leg.client_side.as_),
        _side(leg.server_side.as_),
        ways_phrase(leg.outbound, leg.inbound),
    ]


def _side(as_: MeshSide) -> str:
    return "-" if as_ is MeshSide.UNKNOWN else as_.value


def _what(hop: HopShown) -> str:
    return " and ".join(_found(hop))


def _found(hop: HopShown) -> Iterator[str]:
    both = hop.same + hop.rewritten
    if hop.same:
        yield f"{hop.same:,} of {both:,} passed on unread"
    if hop.rewritten:
        yield f"{hop.rewritten:,} of {both:,} written anew by HTTP filters"
