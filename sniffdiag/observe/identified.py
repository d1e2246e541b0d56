"""`IdentifiedFlows`: what every flow is observed to be, and the details of those looked at closely.

Most flows are settled by columns: what their first segments look like, nominated for all segments
at once, leaves one answer. Only the others, and the few that a report quotes, are reassembled and
shown to the detectors, so a million one-request flows do not cost a million probes.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sniffdiag.flows.flow import Flow, Flows, Orientation, Stream
from sniffdiag.identify.resolve import identify
from sniffdiag.identify.tls_clear import HELLOS_REMEMBERED, hello_facts
from sniffdiag.identify.verdict import Heads, Identification, Reason, Sample, Side
from sniffdiag.model import Transport
from sniffdiag.nominate.settled import EXCHANGES, settled
from sniffdiag.nominate.tags import Tag

_SETTLED = {
    ("http", True, True): Identification(
        "http", "HTTP/1 request lines answered by HTTP/1 status lines", confidence=1.0
    ),
    ("http", True, False): Identification(
        "http", "HTTP/1 request lines; no answer was captured", confidence=0.95
    ),
    ("http", False, True): Identification(
        "http", "HTTP/1 status lines; no request was captured", confidence=0.9
    ),
    ("tls", True, True): Identification(
        "tls", "TLS ClientHello answered by a ServerHello", confidence=1.0
    ),
    ("dns", True, True): Identification(
        "dns", "DNS question answered with the question in it", confidence=1.0
    ),
}
"""What columns settle: protocol, and which sides sent payload that was captured."""
_NO_PAYLOAD = Identification(
    "unknown", "no payload was captured", confidence=0.0, reason=Reason.NO_PAYLOAD
)
_NO_HEAD = Identification(
    "unknown",
    "bytes were not kept: the capture holds more flows than the memory ceiling allows to look at",
    confidence=0.0,
    reason=Reason.TOO_SHORT,
)
_KNOWN_BY_HANDSHAKE = (Orientation.SYN, Orientation.SYN_ACK)


Spread = Callable[[Callable[[int], Identification], list[int]], list[Identification]]


def _here(probe: Callable[[int], Identification], rows: list[int]) -> list[Identification]:
    return list(map(probe, rows))


class IdentifiedFlows:
    """Protocol of each row of `flows`, with `Identification`s made on demand and kept."""

    def __init__(self, flows: Flows, spread: Spread | None = _here) -> None:
        """Settles what columns settle and probes the rest; may reorient `flows` by protocol.

        `spread` maps a function over rows, in this process or in several; without it the rest is
        left to `probe`.
        """
        self.flows = flows
        self.names: list[str] = []
        """Protocol id of each code; flows settled by columns have codes of their own."""
        self._codes: dict[str, int] = {}
        self._shared: dict[int, Identification] = {}
        self._known: dict[int, Identification] = {}
        self._by_hello: dict[int, Identification] = {}
        """By `id` of the facts, which equal hellos share."""
        self.code: npt.NDArray[np.int32] = np.full(flows.rows, -1, dtype=np.int32)
        """Index into `names`, shape `(n,)`."""
        self._settle_in_columns()
        if spread is not None:
            self.probe(slice(0, flows.rows), spread)

    def speak(
        self, protocols: Container[str], rows: npt.NDArray[np.int64] | slice = slice(None)
    ) -> npt.NDArray[np.bool_]:
        """Which of `rows` are of these protocols."""
        # `np.isin` would load numpy.ma: 12 ms, as much as all else that is done to a small capture.
        return np.array([name in protocols for name in self.names], np.bool_)[self.code[rows]]

    def of(self, row: int) -> Identification:
        """The identification of one flow, with all facts its kept bytes give."""
        known = self._known.get(row)
        if known is None:
            known = self._look(row)
            self._known[row] = known
        return known

    def detailed(self, row: int) -> Identification:
        """As `brief`, with all that the kept bytes tell a report that shows it."""
        from sniffdiag.identify import details  # noqa: PLC0415 - most listings need none

        found = self.brief(row)
        found = self._with_what_was_cut(row, found)
        if found.protocol not in details.DETAILS:
            return found
        by_columns = row not in self._known and found.protocol == "http"
        return details.detailed(found, self._beginnings(row) if by_columns else self.heads(row))

    def _with_what_was_cut(self, row: int, found: Identification) -> Identification:
        cut = int(self.flows.cut_segments[row].sum())
        if not cut:
            return found
        segments = "segment is" if cut == 1 else "segments are"
        return replace(found, why=f"{found.why}; {cut} {segments} cut by the snapshot length")

    def ja4(self, row: int) -> str | None:
        """The fingerprint of the flow's TLS client, if it has one that can be read."""
        from sniffdiag.identify import ja4  # noqa: PLC0415 - on request only

        protocol = self.names[int(self.code[row])]
        return ja4.ja4(protocol, self.heads(row)) if protocol in ja4.CLIENTS else None

    def _beginnings(self, row: int) -> Heads:
        """As `heads`, cheaper: for flows of which the first segments are enough."""
        client, server = self.flows.beginning(row), self.flows.beginning(row, of_server=True)
        return Heads(Side(client, from_start=True), Side(server, from_start=True))

    def heads(self, row: int) -> Heads:
        """What the detectors are shown of a flow."""
        return heads_of(self.flows.flow(row))

    def brief(self, row: int) -> Identification:
        """As `of`, looking at no more bytes than a ClientHello's where columns settled the flow."""
        known = self._known.get(row)
        if known is not None:
            return known
        shared = self._shared[int(self.code[row])]
        if shared.protocol != "tls":
            return shared
        facts = hello_facts(self.flows.beginning(row))
        same = self._by_hello.get(id(facts))
        if same is None or same.facts is not facts:
            if len(self._by_hello) > HELLOS_REMEMBERED:
                self._by_hello.clear()
            same = self._by_hello[id(facts)] = replace(shared, facts=facts)
        return same

    def _look(self, row: int) -> Identification:
        flow = self.flows.flow(row)
        found = identify(
            heads_of(flow), flow.transport, oriented=flow.oriented_by in _KNOWN_BY_HANDSHAKE
        )
        shared = self._shared.get(int(self.code[row]))
        if found.protocol == "unknown" and shared is not None:
            return shared  # no bytes were kept; what the columns counted still stands
        return replace(found, swap=False)

    def _settle_in_columns(self) -> None:
        flows = self.flows
        empty = flows.captured_bytes.sum(axis=1) == 0
        self._share(empty, _NO_PAYLOAD)
        has_heads = flows.has_heads()
        gap_bytes = flows.gap_bytes
        for exchange in EXCHANGES:
            rows, backward = settled(exchange, flows.transport, flows.first_tag, gap_bytes)
            if exchange.protocol == "http":
                rows &= ~self._need_a_look(rows)
            self._settle(rows, backward, exchange.protocol)
        self._share((self.code < 0) & ~has_heads, _NO_HEAD)

    def _need_a_look(self, rows: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Those of `rows` with fields that tell more; answers are read where requests cannot be."""
        flows = self.flows
        asked = flows.first_tag == Tag.HTTP1_REQUEST
        readable = asked & (flows.cut_segments == 0)
        among = asked | ~readable.any(axis=1, keepdims=True)
        return flows.heads_contain(_NEEDS_A_LOOK, among & rows[:, np.newaxis])

    def _settle(
        self, rows: npt.NDArray[np.bool_], backward: npt.NDArray[np.bool_], protocol: str
    ) -> None:
        """Rows that need no look, oriented by what the columns say unless a handshake does."""
        flows = self.flows
        handshake = np.isin(flows.oriented_by, [int(o) for o in _KNOWN_BY_HANDSHAKE])
        rows = rows & ~(backward & handshake)
        flows.reorient(rows & backward, Orientation.PROTOCOL)
        flows.oriented_by[rows & ~handshake] = int(Orientation.PROTOCOL)
        sent = flows.first_tag != Tag.EMPTY
        for (of_protocol, *sides), identification in _SETTLED.items():
            if of_protocol == protocol:
                self._share(rows & (sent == sides).all(axis=1), identification)

    def _share(self, rows: npt.NDArray[np.bool_], identification: Identification) -> None:
        if not rows.any():
            return
        code = len(self.names)
        self.names.append(identification.protocol)
        self._shared[code] = identification
        self.code[rows] = code

    def probe(self, part: slice, spread: Spread = _here) -> None:
        """Show the flows of `part` that are not settled to the detectors; may reorient them."""
        flows = self.flows
        rows = np.arange(*part.indices(flows.rows))[self.code[part] < 0]
        found = spread(self._probe, rows.tolist())
        handshake = np.isin(flows.oriented_by[rows], [int(o) for o in _KNOWN_BY_HANDSHAKE])
        says = [each.protocol not in _SAYS_NOTHING_OF_SIDES for each in found]
        swapped = np.array([each.swap for each in found], dtype=np.bool_)
        flows.reorient(rows[swapped], Orientation.PROTOCOL)
        flows.oriented_by[rows[~handshake & np.array(says, dtype=np.bool_)]] = Orientation.PROTOCOL
        self.code[rows] = [self._code_of(each.protocol) for each in found]
        self._known.update(zip(rows.tolist(), found, strict=True))

    def _probe(self, row: int) -> Identification:
        flow = self.flows.flow(row)
        oriented = flow.oriented_by in _KNOWN_BY_HANDSHAKE
        return identify(heads_of(flow), flow.transport, oriented=oriented)

    def _code_of(self, protocol: str) -> int:
        code = self._codes.get(protocol)
        if code is None:
            code = self._codes[protocol] = len(self.names)
            self.names.append(protocol)
        return code


_NEEDS_A_LOOK = (b"pgrade:", b"PGRADE:", b"application/grpc")
"""What makes a flow that columns call HTTP/1 worth a look: WebSocket, h2c and gRPC-Web."""
_SAYS_NOTHING_OF_SIDES = frozenset({"unknown", *(t.label for t in Transport)})


def heads_of(flow: Flow) -> Heads:
    """Both sides as detectors and marks see them."""
    return Heads(_side(flow.from_client), _side(flow.from_server))


def _side(stream: Stream) -> Side:
    return Side(
        stream.head,
        from_start=stream.from_start,
        complete=stream.complete,
        gap=stream.gap,
        samples=tuple(Sample(s.at, s.data, s.whole) for s in stream.segments),
    )
