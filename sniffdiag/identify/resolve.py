"""From every detector's verdict to one answer: the only place where protocols meet.

The ladder, first rung that holds:

1. One protocol is certain by the client's bytes.
2. One is certain by the server's bytes, and the client's do not rule it out.
3. One alone is possible (low confidence), and the client's bytes do not rule it out.
4. Payload from the start, enough of it, and none of the above: `tcp`, `udp` or `sctp`.
5. `unknown`, with the reason.

On each rung a special case replaces what it refines (grpc over http2), also one that is only
possible; two unrelated protocols on one rung are AMBIGUOUS, never a pick. What the server spoke
where the client spoke otherwise is `answered`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sniffdiag.identify.candidates import candidates
from sniffdiag.identify.detectors import DETECTORS
from sniffdiag.identify.prelude import without_proxy
from sniffdiag.identify.sides import CLAIMS, SILENT
from sniffdiag.identify.verdict import (
    NO_FACTS,
    Answer,
    Detector,
    Facts,
    Heads,
    Identification,
    Reason,
    Side,
    Verdict,
)
from sniffdiag.model import Transport
from sniffdiag.records import dataclass

ENOUGH_BYTES = 24
"""The longest signature any detector waits for from a stream's start: the HTTP/2 preface."""

TLS = "tls"
CERTAIN_FROM_START, CERTAIN_MIDSTREAM = 1.0, 0.9
POSSIBLE_REFINEMENT, POSSIBLE_ALONE = 0.7, 0.6
NOTHING_FITS = 0.8
LESS_SURE = 0.95
"""Factor for bytes missing behind those that were recognised, and for a side that was not heard."""
NOT_KNOWN = 0.0


@dataclass(frozen=True, slots=True)
class Claim:
    """A detector that says this is it."""

    detector: Detector
    verdict: Verdict

    @property
    def protocol(self) -> str:
        """The protocol claimed."""
        return self.detector.protocol


def identify(heads: Heads, transport: Transport, *, oriented: bool) -> Identification:
    """What the flow is. `oriented=False`: who is the client is a guess, so both ways are tried."""
    as_given = _Reading(heads, transport)
    if oriented:
        return as_given.identification()
    swapped = _Reading(heads.swapped(), transport)
    if swapped.strength() > as_given.strength():
        return replace(swapped.identification(), swap=True)
    return as_given.identification()


class _Reading:
    """One guess of who is the client, and all that the detectors say then."""

    def __init__(self, heads: Heads, transport: Transport) -> None:
        self._prelude, self._heads, _ = without_proxy(heads)
        self._transport = transport
        self._claims = _claims(self._heads, transport)

    def strength(self) -> int:
        """How well this guess explains the bytes."""
        return max((_strength(claim.verdict) for claim in self._claims), default=0)

    def identification(self) -> Identification:
        """The ladder of this module's docstring."""
        by_client, by_server = self._certain()
        rungs = (by_client, self._allowed(by_server), self._allowed(self._possible()))
        for rung in rungs:
            if len(rung) == 1:
                return self._identified(rung[0], by_server)
            if rung:
                return self._unknown(Reason.AMBIGUOUS, _both_reasons(rung))
        return self._unclaimed(by_server)

    def _certain(self) -> tuple[list[Claim], list[Claim]]:
        certain = [c for c in self._claims if c.verdict.answer is Answer.CERTAIN]
        by_client = _most_special(c for c in certain if c.verdict.by_client)
        by_server = _most_special(c for c in certain if not c.verdict.by_client)
        return by_client, by_server

    def _possible(self) -> list[Claim]:
        return _most_special(c for c in self._claims if c.verdict.answer is Answer.POSSIBLE)

    def _allowed(self, claims: list[Claim]) -> list[Claim]:
        return [c for c in claims if c.verdict.by_client or not self._is_ruled_out(c)]

    def _is_ruled_out(self, claim: Claim) -> bool:
        """The client spoke, and what it said cannot be this protocol."""
        alone = claim.detector.probe(Heads(self._heads.client, SILENT))
        return bool(self._heads.client.head) and alone.answer is Answer.NO

    def _identified(self, claim: Claim, by_server: list[Claim]) -> Identification:
        base = claim
        claim = self._refined(claim)
        return Identification(
            protocol=claim.protocol,
            why=self._sentence(claim.verdict),
            confidence=self._confidence(base, claim),
            answered=_answered(claim, by_server),
            facts=self._facts(claim),
        )

    def _refined(self, claim: Claim) -> Claim:
        """A special case that is only possible stands on the certainty of what it refines."""
        special = [c for c in self._possible() if claim.protocol in c.detector.refines]
        return special[0] if len(special) == 1 else claim

    def _confidence(self, base: Claim, claim: Claim) -> float:
        side = self._side(claim.verdict)
        if base.verdict.answer is Answer.POSSIBLE:
            confidence = POSSIBLE_ALONE
        elif base is not claim:
            confidence = POSSIBLE_REFINEMENT
        else:
            confidence = CERTAIN_FROM_START if side.from_start else CERTAIN_MIDSTREAM
        doubts = [side.gap, not (_spoke(self._heads.client) and _spoke(self._heads.server))]
        return round(confidence * LESS_SURE ** sum(doubts), 2)

    def _side(self, verdict: Verdict) -> Side:
        """The side that a claim rests on."""
        return self._heads.client if verdict.by_client else self._heads.server

    def _facts(self, claim: Claim) -> Facts:
        facts = claim.verdict.facts
        for other in self._claims:
            same_side = other.verdict.by_client is claim.verdict.by_client
            if same_side and _is_special_case(claim.detector, other.detector):
                facts = facts.merged(other.verdict.facts)
        upgraded = claim.protocol in _UPGRADED and any(c.protocol == TLS for c in self._claims)
        facts = facts.merged(Facts(switched_to=TLS)) if upgraded else facts
        return replace(facts, prelude=self._prelude)

    def _sentence(self, verdict: Verdict) -> str:
        clauses = [verdict.why]
        side = self._side(verdict)
        if not side.from_start:
            clauses.append("joined mid-stream")
        if side.gap:
            clauses.append("with bytes missing from the capture")
        if self._prelude:
            clauses.append(f"behind a {self._prelude} header")
        if not _spoke(self._heads.server):
            clauses.append("only the client's bytes were captured")
        elif not _spoke(self._heads.client):
            clauses.append("only the server's bytes were captured")
        return ", ".join(clauses)

    def _unclaimed(self, by_server: list[Claim]) -> Identification:
        speaker = self._heads.client if _spoke(self._heads.client) else self._heads.server
        reason = self._missing(speaker)
        if reason is not None:
            return self._unknown(reason, _WHY_UNKNOWN[reason])
        return Identification(
            protocol=self._transport.label,
            why="payload from the start, and it is no protocol we know",
            confidence=NOTHING_FITS,
            answered=by_server[0].protocol if len(by_server) == 1 else None,
            facts=Facts(prelude=self._prelude),
        )

    def _missing(self, speaker: Side) -> Reason | None:
        """What would have to be captured before we may say "none we know"."""
        if not _spoke(speaker):
            return Reason.NO_PAYLOAD
        if not speaker.from_start:
            return Reason.GAP if speaker.gap else Reason.MIDSTREAM
        if speaker.complete or self._is_datagrams():
            return None
        if len(speaker.head) < ENOUGH_BYTES:
            return Reason.GAP if speaker.gap else Reason.TOO_SHORT
        return Reason.GAP if speaker.gap and self._is_waited_for() else None

    def _is_waited_for(self) -> bool:
        """The bytes before a gap fit a protocol that needs those in it."""
        asked = candidates(self._heads, self._transport)
        return any(d.probe(self._heads).answer is Answer.NEED_MORE for d in asked)

    def _is_datagrams(self) -> bool:
        return self._transport is not Transport.TCP

    def _unknown(self, reason: Reason, why: str) -> Identification:
        facts = replace(NO_FACTS, prelude=self._prelude)
        return Identification("unknown", why, NOT_KNOWN, reason, facts=facts)


_WHY_UNKNOWN = {
    Reason.NO_PAYLOAD: "no payload was captured",
    Reason.MIDSTREAM: "the connection was joined mid-stream, and nothing recognisable followed",
    Reason.TOO_SHORT: "too few bytes were captured",
    Reason.GAP: "bytes are missing from the capture at the start",
}


def _claims(heads: Heads, transport: Transport) -> list[Claim]:
    asked = candidates(heads, transport)
    claims = [claim for d in asked if not d.carriers and (claim := _claim(d, heads))]
    claimed = {claim.protocol for claim in claims}
    carried = [d for d in asked if not d.carriers.isdisjoint(claimed)]
    if not carried:
        return claims
    claims += [claim for d in carried if (claim := _claim(d, heads))]
    return sorted(claims, key=lambda claim: asked.index(claim.detector))


def _claim(detector: Detector, heads: Heads) -> Claim | None:
    verdict = detector.probe(heads)
    return Claim(detector, verdict) if verdict.answer in CLAIMS else None


def _strength(verdict: Verdict) -> int:
    return 2 * (verdict.answer is Answer.CERTAIN) + verdict.by_client + 1


_UPGRADED = frozenset(
    {"ftp", "http", "imap", "irc", "ldap", "mysql", "pop3", "postgres", "rdp", "smtp", "xmpp"}
)
"""What begins in clear and goes on as TLS on the same connection (RFC 3207, 4217, 9110 9.3.6, ...);
it is what it began as, also where a stream was joined before both."""


def _most_special(claims: Iterable[Claim]) -> list[Claim]:
    """The claims that no other one refines."""
    standing = list(claims)
    refined = {protocol for claim in standing for protocol in claim.detector.refines}
    if any(claim.protocol in _UPGRADED for claim in standing):
        refined.add(TLS)
    return [claim for claim in standing if claim.protocol not in refined]


def _is_special_case(detector: Detector, of: Detector) -> bool:
    """`detector` refines `of`, directly or by what it refines."""
    if not detector.refines or of.protocol in detector.refines:
        return bool(detector.refines)
    return any(_is_special_case(d, of) for d in DETECTORS if d.protocol in detector.refines)


def _answered(claim: Claim, by_server: list[Claim]) -> str | None:
    others = [c.protocol for c in by_server if c.protocol != claim.protocol]
    return others[0] if len(others) == 1 else None


def _spoke(side: Side) -> bool:
    return bool(side.head or side.samples)


def _both_reasons(claims: list[Claim]) -> str:
    return "; ".join(f"{c.protocol}: {c.verdict.why}" for c in claims)
