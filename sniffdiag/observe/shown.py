"""What marks show of both proxies on one flow, looked at once.

Bytes that no HTTP filter has touched are `opaque` only where it is known by other means that a
proxy is there (`Proxies`); else they are `unknown`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sniffdiag.flows.flow import Flow, Stream
from sniffdiag.identify.exchanges import exchanges
from sniffdiag.identify.verdict import Identification
from sniffdiag.marks.families import read_marks
from sniffdiag.marks.mark import Mark, Reply, Says, Weight, glimpse
from sniffdiag.marks.tls_records import Contents, Spoken, contents, messages, records, turns
from sniffdiag.model import HTTP2_PROTOCOLS, Direction, Leg, Shown
from sniffdiag.observe.hops import Trace, trace
from sniffdiag.observe.identified import IdentifiedFlows, heads_of
from sniffdiag.observe.legs import LEGS
from sniffdiag.observe.proxies import Proxies
from sniffdiag.records import dataclass

_DECISIVE = {
    Says.HTTP: Shown.HTTP,
    Says.OPAQUE: Shown.OPAQUE,
    Says.TLS_PASSTHROUGH: Shown.TLS_PASSTHROUGH,
}


@dataclass(frozen=True, slots=True)
class Sign:
    """What one flow shows of one proxy, and the mark that says so."""

    as_: Shown = Shown.UNKNOWN
    because: str = ""
    frame: int = 0
    weight: Weight = Weight.HEADERS
    untouched: bool = False
    if_there: Shown = Shown.OPAQUE
    """What an untouched flow comes to once a proxy is known to be there."""


NO_SIGN = Sign()


class Inside(NamedTuple):
    """What the mesh's own TLS of one flow carries, how that is known and how well."""

    protocol: str
    inferred: str
    confidence: float
    server_first: bool = False


@dataclass(frozen=True, slots=True)
class FlowShown:
    """What one flow shows of both proxies."""

    outbound: Sign = NO_SIGN
    inbound: Sign = NO_SIGN
    reply: tuple[Reply, Direction, int] | None = None
    """A proxy's own answer, whose, and its frame."""
    sealed: bool = False
    """The mesh's own TLS."""
    inside: Inside | None = None
    """What that carries, where it can be told."""

    def of(self, direction: Direction) -> Sign:
        """One direction."""
        return self.outbound if direction is Direction.OUTBOUND else self.inbound

    def told(self, direction: Direction, sign: Sign) -> FlowShown:
        """The same with another sign of one direction, if that weighs as much."""
        known = self.of(direction)
        if known.because and known.weight > sign.weight:
            return self
        if direction is Direction.OUTBOUND:
            return replace(self, outbound=sign)
        return replace(self, inbound=sign)


class ShownFlows:
    """What each flow shows, read when asked for and kept."""

    def __init__(
        self, identified: IdentifiedFlows, leg: npt.NDArray[np.uint8], proxies: Proxies
    ) -> None:
        self.identified = identified
        self.flows = identified.flows
        self.proxies = proxies
        self._leg = leg
        self._known: dict[int, FlowShown] = {}

    def of(self, row: int) -> FlowShown:
        """What one flow shows of the client's and of the server's proxy."""
        known = self._known.get(row)
        if known is None:
            known = self._known[row] = self._read(row)
        return known

    def _read(self, row: int) -> FlowShown:
        flow = self.flows.flow(row)
        leg = LEGS[int(self._leg[row])]
        found = self._identified(row)
        marks = read_marks(glimpse(leg, heads_of(flow), found))
        if not marks:
            return FlowShown()
        sealed = any(mark.weight is Weight.HANDSHAKE for mark in marks)
        replied = next((m for m in marks if m.reply is not None), None)
        return FlowShown(
            outbound=self._sign(marks, Direction.OUTBOUND, leg, flow),
            inbound=self._sign(marks, Direction.INBOUND, leg, flow),
            reply=(replied.reply, replied.about, _frame(flow, replied))
            if replied is not None and replied.reply is not None
            else None,
            sealed=sealed,
            inside=inside(flow, found, marks) if sealed else None,
        )

    def _identified(self, row: int) -> Identification:
        """Where columns settled a flow, only of TLS is more needed than its protocol."""
        found = self.identified.brief(row)
        return self.identified.of(row) if found.protocol == "tls" else found

    def trace(self, row: int) -> Trace:
        """What is compared of one flow with flows of other legs."""
        sealed = self.of(row).sealed
        is_1_3 = sealed and self.identified.of(row).facts.tls_version == "1.3"
        protocol = self.identified.names[int(self.identified.code[row])]
        flow = self.flows.flow(row)
        return trace(row, flow, protocol=protocol, sealed=sealed, is_1_3=is_1_3)

    def turns(self, row: int) -> int:
        """How often the client asked on a connection whose requests are not counted in columns."""
        found = self.identified.brief(row)
        if found.protocol in HTTP2_PROTOCOLS:
            return len(list(exchanges(self.identified.heads(row))))
        if not self.of(row).sealed:
            return 1
        return turns(self.trace(row).sealed or ())

    def _sign(self, marks: Sequence[Mark], about: Direction, leg: Leg, flow: Flow) -> Sign:
        mine = [mark for mark in marks if mark.about is about]
        if not mine:
            return NO_SIGN
        best = max(mine, key=lambda mark: mark.weight)
        shown = _DECISIVE.get(best.says, Shown.UNKNOWN)
        if best.says is Says.UNTOUCHED and self._is_there(about, leg, flow):
            shown = best.if_there
        return Sign(
            shown,
            best.why,
            _frame(flow, best),
            best.weight,
            untouched=best.says is Says.UNTOUCHED and shown is Shown.UNKNOWN,
            if_there=best.if_there,
        )

    def _is_there(self, about: Direction, leg: Leg, flow: Flow) -> bool:
        """A proxy of that side is known to be on the way of this flow."""
        if about is Direction.OUTBOUND:
            return leg is Leg.WIRE and self.proxies.of_client(flow.client.address)
        return leg is Leg.WIRE and self.proxies.of_server(flow.server.address)


def inside(flow: Flow, found: Identification, marks: Sequence[Mark]) -> Inside | None:
    """By the ALPN, where that says HTTP, else by sizes and turns."""
    if any(m.about is Direction.OUTBOUND and m.says is Says.HTTP for m in marks):
        protocol = "http2" if _H2 in found.facts.alpn_offered else "http"
        return Inside(protocol, "its ALPN tells", BY_ALPN)
    sides = (Spoken(s.head, s.head_frames) for s in (flow.from_client, flow.from_server))
    said = messages(records(*sides), is_1_3=found.facts.tls_version == "1.3")
    return _BY_CONTENTS.get(contents(said))


_H2 = "istio-h2"
BY_ALPN = 0.95
_SIZES = "sizes and turns of its records tell"
_BY_CONTENTS = {
    Contents.HTTP1: Inside("http", _SIZES, 0.6),
    Contents.HTTP2: Inside("http2", _SIZES, 0.8),
    Contents.TLS: Inside("tls", _SIZES, 0.7),
    Contents.SERVER_FIRST: Inside("tcp", _SIZES, 0.8, server_first=True),
    Contents.OTHER: Inside("tcp", _SIZES, 0.8),
}
"""Sizes exclude HTTP better than they show it."""


def _frame(flow: Flow, mark: Mark) -> int:
    """The frame that bears the mark."""
    stream: Stream = flow.from_client if mark.by_client else flow.from_server
    frames = [frame for at, frame in stream.head_frames if at <= mark.at]
    return frames[-1] if frames else flow.first_frame
