"""`PortTally`: what the connections of one declared port are observed to be, grouped by shape."""

from __future__ import annotations

from collections import Counter, defaultdict

from sniffdiag.flows.flow import Flows
from sniffdiag.identify.detectors import DETECTORS
from sniffdiag.identify.verdict import Identification, Reason
from sniffdiag.marks.families import mesh_tls
from sniffdiag.model import Leg
from sniffdiag.observe.assignment import LOOKED_AT_PER_PORT, Assignment
from sniffdiag.observe.legs import LEGS
from sniffdiag.observe.port_observation import Exemplar, Shape, Sighting, Undecided

EXEMPLARS = 5
"""Frames quoted for one sighting."""
BAD_REQUEST = 400
_HANDSHAKE_BYTES = 16_384
"""A chain of certificates and all around it."""
_SERVER_FIRST = frozenset(d.protocol for d in DETECTORS if d.server_first)


class PortTally:
    """Connections of one declared port, grouped by shape."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._looked_at = 0
        self._flows: Counter[Shape] = Counter()
        self._requests: Counter[Shape] = Counter()
        self._confidence: dict[Shape, float] = {}
        self._exemplars: dict[Shape, list[Exemplar]] = defaultdict(list)
        self._undecided: Counter[str] = Counter()
        self.mesh_mtls = 0

    def readable(self, row: int) -> bool:
        """The row's bytes are a service's own and of a known protocol."""
        identified = self._assignment.identified
        if identified.names[int(identified.code[row])] == "unknown":
            return False
        found = identified.brief(row)
        return not self._is_mesh_tls(row, found) and self._undecidable(row, found) is None

    def contradicts(self, row: int) -> bool:
        """The server answered in another protocol than it was spoken to in."""
        return self._assignment.identified.brief(row).answered is not None

    def add(self, row: int) -> None:
        """Counts one connection."""
        found = self._identification(row)
        if self._is_mesh_tls(row, found):
            self.mesh_mtls += 1
        elif (reason := self._undecidable(row, found)) is not None:
            self._undecided[reason] += 1
        else:
            self._sight(row, found)

    def _undecidable(self, row: int, found: Identification) -> str | None:
        """Why the bytes do not tell what the service speaks; None where they do."""
        if found.protocol == "unknown":
            return (found.reason or Reason.TOO_SHORT).value
        if self._may_be_mesh_tls(row, found):
            return "TLS without its ClientHello: the mesh's or the application's"
        if _only_refused(found):
            return "only a 400 was captured, which a proxy gives to any bytes"
        return None

    def _identification(self, row: int) -> Identification:
        identified = self._assignment.identified
        self._looked_at += 1
        if self._looked_at > LOOKED_AT_PER_PORT:
            return identified.brief(row)
        return identified.of(row)

    def _is_mesh_tls(self, row: int, found: Identification) -> bool:
        on_wire = self._assignment.leg[row] == LEGS.index(Leg.WIRE)
        is_tls = found.protocol == "tls"
        return is_tls and bool(on_wire) and mesh_tls(found.facts) is not None

    def _may_be_mesh_tls(self, row: int, found: Identification) -> bool:
        on_wire = self._assignment.leg[row] == LEGS.index(Leg.WIRE)
        hello_seen = found.facts.sni or found.facts.alpn_offered or found.facts.tls_version
        return found.protocol == "tls" and bool(on_wire) and not hello_seen

    def _sight(self, row: int, found: Identification) -> None:
        flows = self._assignment.flows
        if found.protocol == "tls" and self._may_have_failed(row):
            found = self._assignment.identified.detailed(row)
        shape = _shape(row, found, flows)
        self._flows[shape] += 1
        self._requests[shape] += int(self._assignment.requests[row])
        self._confidence[shape] = min(found.confidence, self._confidence.get(shape, 1.0))
        if len(self._exemplars[shape]) < EXEMPLARS:
            self._exemplars[shape].append(self._exemplar(row))

    def _may_have_failed(self, row: int) -> bool:
        """Too few bytes for more than a handshake, so that an alert in it matters."""
        few = int(self._assignment.flows.payload_bytes[row].sum()) <= _HANDSHAKE_BYTES
        return few and self._looked_at <= LOOKED_AT_PER_PORT

    def _exemplar(self, row: int) -> Exemplar:
        flows = self._assignment.flows
        side = 0 if flows.first_payload_frame[row, 0] else 1
        return self._assignment.quote(
            row,
            int(flows.first_payload_frame[row, side]),
            int(flows.first_payload_ts_ns[row, side]),
            what_of(self._assignment.identified.detailed(row)),
        )

    def sightings(self) -> tuple[Sighting, ...]:
        """Most connections first; ties by the earliest frame."""
        found = [
            Sighting(
                shape,
                flows,
                self._requests[shape],
                self._confidence[shape],
                tuple(sorted(self._exemplars[shape], key=lambda e: e.frame)),
            )
            for shape, flows in self._flows.items()
        ]
        return tuple(sorted(found, key=lambda s: (-s.flows, s.exemplars[0].frame)))

    def undecided(self) -> tuple[Undecided, ...]:
        """Most connections first."""
        ordered = sorted(self._undecided.items(), key=lambda item: (-item[1], item[0]))
        return tuple(Undecided(reason, flows) for reason, flows in ordered)


def _only_refused(found: Identification) -> bool:
    """HTTP by nothing but a 400: what HTTP filters say to bytes that are not HTTP."""
    return (
        found.protocol == "http"
        and found.facts.method is None
        and found.facts.status == BAD_REQUEST
    )


def _shape(row: int, found: Identification, flows: Flows) -> Shape:
    facts = found.facts
    first_c, first_s = flows.first_payload_ts_ns[row].tolist()
    spoke_first = first_s >= 0 and (first_c < 0 or first_s < first_c)
    is_http1 = found.protocol == "http"
    content_type = (facts.content_type or "").lower()
    return Shape(
        protocol=found.protocol,
        http_1_0=is_http1 and facts.http_version in {"0.9", "1.0"},
        grpc_over_http1=is_http1
        and content_type.startswith("application/grpc")
        and not content_type.startswith("application/grpc-web"),
        prelude=facts.prelude,
        answered=found.answered,
        alpn_http=found.protocol == "tls" and "http/1.1" in facts.alpn_offered,
        server_first=found.protocol in _SERVER_FIRST or bool(spoke_first and not is_http1),
        unusual_method=is_http1 and facts.method is not None and facts.method not in _METHODS,
        alert=next((a.description for a in facts.alerts if a.level == "fatal"), None),
    )


_METHODS = frozenset(
    [
        "ACL",
        "BASELINE-CONTROL",
        "BIND",
        "CHECKIN",
        "CHECKOUT",
        "CONNECT",
        "COPY",
        "DELETE",
        "GET",
        "HEAD",
        "LABEL",
        "LINK",
        "LOCK",
        "M-SEARCH",
        "MERGE",
        "MKACTIVITY",
        "MKCALENDAR",
        "MKCOL",
        "MKREDIRECTREF",
        "MKWORKSPACE",
        "MOVE",
        "NOTIFY",
        "OPTIONS",
        "ORDERPATCH",
        "PATCH",
        "POST",
        "PRI",
        "PROPFIND",
        "PROPPATCH",
        "PURGE",
        "PUT",
        "REBIND",
        "REPORT",
        "SEARCH",
        "SOURCE",
        "SUBSCRIBE",
        "TRACE",
        "UNBIND",
        "UNCHECKOUT",
        "UNLINK",
        "UNLOCK",
        "UNSUBSCRIBE",
        "UPDATE",
        "UPDATEREDIRECTREF",
        "VERSION-CONTROL",
    ]
)
"""IANA's registry of methods and what http_parser knows beyond it."""


def what_of(found: Identification) -> str:
    """What a quoted frame shows, in a few words."""
    facts = found.facts
    if facts.method:
        version = f" HTTP/{facts.http_version}" if facts.http_version else ""
        failed = f", grpc-status {facts.grpc_status}" if facts.grpc_status else ""
        return f"{facts.method} {facts.target or ''}{version}{failed}".strip()
    if facts.status is not None:
        return f"HTTP/{facts.http_version or '1.1'} {facts.status}"
    if not facts.sni:
        return found.why
    fatal = next((alert for alert in facts.alerts if alert.level == "fatal"), None)
    refused = f", {fatal.by}'s alert {fatal.description}" if fatal else ""
    return f"{found.protocol.upper()} ClientHello{refused}, SNI {facts.sni}"
