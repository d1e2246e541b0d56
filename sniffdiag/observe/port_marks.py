"""What marks show of both proxies on all flows of a declared port."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sniffdiag.catalog.services import ServicePort
from sniffdiag.flows.flow import Flows
from sniffdiag.marks.families import mesh_tls
from sniffdiag.marks.mark import Reply, Weight
from sniffdiag.mesh.treated import Treated
from sniffdiag.model import Direction, Leg, Shown, Treatment
from sniffdiag.observe.hops import BETWEEN, MOST_COMPARED, Compared, compare
from sniffdiag.observe.legs import LEGS, Rows
from sniffdiag.observe.openings import early_openings
from sniffdiag.observe.port_observation import (
    DirectionShown,
    Exemplar,
    HopShown,
    PortShown,
    ProxyReply,
    ReleaseShown,
    Shape,
    Sighting,
)
from sniffdiag.observe.shown import FlowShown, Inside, ShownFlows, Sign
from sniffdiag.observe.treatment_change import Signs

MARKED_PER_PORT = 500
"""Flows of one declared port whose marks are read: the first and the last of them."""
EXEMPLARS = 5
STRAY = 0.05
"""Below this share, connections that show something else do not make a port `mixed`."""

_TELLING_LEGS = {
    Direction.OUTBOUND: (Leg.APP_TO_PROXY, Leg.WIRE, Leg.PROXY_TO_APP),
    Direction.INBOUND: (Leg.PROXY_TO_APP, Leg.WIRE, Leg.APP_TO_PROXY),
}
"""Nearest to the sidecar's own application first: there each connection counts once."""
_PASSED_ON = frozenset({Shown.OPAQUE, Shown.TLS_PASSTHROUGH})
"""Two names for bytes that no filter reads; the one that more connections show stands."""


class PortMarks:
    """The flows of one declared port, on all legs, and what they show together."""

    def __init__(
        self,
        shown: ShownFlows,
        port: ServicePort,
        rows: npt.NDArray[np.int64],
        leg: npt.NDArray[np.uint8],
    ) -> None:
        self._shown = shown
        self._port = port
        self._rows = rows
        self._leg = leg[rows]
        self.leg_of = {
            row: LEGS[code] for row, code in zip(rows.tolist(), self._leg.tolist(), strict=True)
        }
        self.flows = shown.flows
        rows_read = _first_and_last(rows.tolist(), MARKED_PER_PORT)
        self._found = {row: self._of(port, row) for row in rows_read}
        self._hops = tuple(self._compare_hops())
        self._time_openings(leg)

    @property
    def looked_at(self) -> Iterable[tuple[int, FlowShown]]:
        """What was read, by row."""
        return self._found.items()

    def _of(self, port: ServicePort, row: int) -> FlowShown:
        """What the flow shows, with what is known of the port's own pods."""
        found = self._shown.of(row)
        served = self._shown.proxies.serve(port) or self._has_leg(Leg.PROXY_TO_APP)
        inbound = found.inbound
        if inbound.untouched and served:
            inbound = replace(inbound, as_=inbound.if_there, untouched=False)
        return replace(found, inbound=inbound)

    def _has_leg(self, leg: Leg) -> bool:
        return bool((self._leg == LEGS.index(leg)).any())

    def hops(self) -> tuple[HopShown, ...]:
        """Pairs of legs of which connections were found on both, and what that shows."""
        return self._hops

    def _compare_hops(self) -> Iterator[HopShown]:
        """Look for connections of one leg on the next; what is found outweighs all marks."""
        rows = {leg: [r for r in self._found if self.leg_of[r] is leg] for leg in LEGS}
        for (before, after), between in BETWEEN.items():
            if not rows[before] or not rows[after]:
                continue
            some = (_first_and_last(rows[leg], MOST_COMPARED) for leg in (before, after))
            first, second = ([self._shown.trace(row) for row in mine] for mine in some)
            pairs = compare(first, second, same_client=after is Leg.WIRE)
            for pair in pairs:
                self._learn(pair, between)
            if pairs:
                same = sum(pair.same for pair in pairs)
                mostly_same = 2 * same >= len(pairs)
                example = next(pair for pair in pairs if pair.same is mostly_same)
                yield HopShown(before, after, same, len(pairs) - same, example.frames)

    def _learn(self, pair: Compared, between: Sequence[Direction]) -> None:
        """A connection with the same bytes on two legs passed only proxies that left it unread."""
        if not pair.same and len(between) > 1:
            return  # one of them wrote it anew, and there is no telling which
        first, second = pair.frames
        if pair.same:
            proxy = "both proxies" if len(between) > 1 else "the proxy"
            why = f"frames {first} and {second} carry the same bytes before and behind {proxy}"
        else:
            why = f"the bytes of frame {first} were written anew, in frame {second}"
        for row in (pair.before, pair.after):
            found = self._found[row]
            is_tls = Shown.TLS_PASSTHROUGH in {found.outbound.if_there, found.inbound.if_there}
            passed = Shown.TLS_PASSTHROUGH if is_tls else Shown.OPAQUE
            sign = Sign(
                passed if pair.same else Shown.HTTP,
                why,
                first if row == pair.before else second,
                Weight.COMPARISON if pair.sure else Weight.HEADERS,
            )
            for direction in between:
                found = found.told(direction, sign)
            self._found[row] = found

    def _time_openings(self, leg: npt.NDArray[np.uint8]) -> None:
        """Where nothing else tells: a proxy that connects before its client speaks reads nought."""
        near = [r for r in self._found if self.leg_of[r] is Leg.APP_TO_PROXY]
        near = [r for r in near if self._found[r].outbound.as_ is Shown.UNKNOWN]
        far = [r for r in self._found if self.leg_of[r] is Leg.WIRE]
        for opening in early_openings(self.flows, leg, near, far) if near and far else ():
            close = ", and both halves ended together" if opening.ended_together else ""
            why = f"its proxy connected to a pod (frame {opening.far_frame}) before the client"
            why += f" spoke{close}"
            sign = Sign(Shown.OPAQUE, why, opening.near_frame, Weight.ANSWER)
            self._found[opening.near] = self._found[opening.near].told(Direction.OUTBOUND, sign)

    def shown(self) -> PortShown:
        """Both directions."""
        return PortShown(*(self.direction(self._best_signs(d)) for d in Direction))

    def _best_signs(self, direction: Direction) -> list[tuple[int, Sign]]:
        """Signs of the leg that shows most of this side, best one with some beyond imitation.

        What an application can imitate counts beside those only where it says nothing else.
        """
        signs = [(row, found.of(direction)) for row, found in self.looked_at]
        decided = [(r, s) for r, s in signs if s.as_ is not Shown.UNKNOWN]
        certain = [(r, s) for r, s in decided if s.weight >= Weight.HANDSHAKE]
        if certain:
            kinds = {s.as_ for _, s in certain}
            signs = [(r, s) for r, s in signs if s.as_ in kinds or s.weight >= Weight.HANDSHAKE]
        legs = {self.leg_of[r] for r, _ in certain or decided}
        for leg in _TELLING_LEGS[direction]:
            if leg in legs:
                return [(r, s) for r, s in signs if self.leg_of[r] is leg]
        return signs

    def signs(self, direction: Direction, treated: Treated, requests: Rows) -> Signs:
        """What each connection of the telling leg shows, and which were not read.

        `requests`: of HTTP/1, of every flow.
        """
        best = self._best_signs(direction)
        shown = {row: label for row, sign in best if (label := _label(sign)) is not None}
        legs = {self.leg_of[row] for row in shown}
        looked_at = {row for row, _ in self.looked_at}
        unread = [row for row in self._rows.tolist() if row not in looked_at]
        return Signs(
            direction,
            shown,
            [row for row in unread if self.leg_of[row] in legs],
            lambda row: _label(self._of(self._port, row).of(direction)),
            lambda row: int(requests[row]) or self._shown.turns(row),
            by_first_bytes=treated.of(direction).as_ is Treatment.SNIFFED,
        )

    def rows_by_leg(self) -> Iterator[tuple[Leg, npt.NDArray[np.int64]]]:
        """The port's rows on each leg that was captured."""
        for code, leg in enumerate(LEGS):
            mine = self._rows[self._leg == code]
            if mine.size:
                yield leg, mine

    def replies(self) -> tuple[ProxyReply, ...]:
        """Proxies' own answers, by kind; most connections first."""
        by_kind: dict[tuple[Reply, Direction], list[tuple[int, int]]] = defaultdict(list)
        for row, found in self.looked_at:
            if found.reply is not None:
                reply, by, frame = found.reply
                by_kind[reply, by].append((row, frame))
        replies = [
            ProxyReply(
                reply.status,
                reply.flag,
                reply.text,
                by,
                len(places),
                tuple(
                    self._exemplar(row, frame, f"{reply.status} by the proxy ({reply.flag})")
                    for row, frame in sorted(places, key=lambda p: p[1])[:EXEMPLARS]
                ),
            )
            for (reply, by), places in by_kind.items()
        ]
        return tuple(sorted(replies, key=lambda r: (-r.flows, r.status, r.flag, r.by)))

    def releases(self) -> tuple[ReleaseShown, ...]:
        """One for each range of releases that ClientHellos of the mesh tell."""
        found: dict[tuple[tuple[int, int] | None, tuple[int, int] | None], ReleaseShown] = {}
        for row, shown in self.looked_at:
            facts = self._shown.identified.brief(row).facts
            told = mesh_tls(facts) if shown.sealed else None
            if told is None or (told.since, told.before) in {(None, None), *found}:
                continue
            why = f"mutual TLS offers ALPN {', '.join(facts.alpn_offered)}"
            frame = int(self._shown.flows.first_payload_frame[row, 0])
            proof = self._exemplar(row, frame or int(self._shown.flows.first_frame[row]), why)
            found[told.since, told.before] = ReleaseShown(why, told.since, told.before, (proof,))
        return tuple(found.values())

    def inferred(self) -> tuple[Sighting, ...]:
        """What the mesh's own TLS carries, most connections first."""
        rows: dict[Inside, list[int]] = defaultdict(list)
        for row, found in self.looked_at:
            if found.inside is not None:
                rows[found.inside].append(row)
        sightings = [
            Sighting(
                Shape(what.protocol, server_first=what.server_first),
                len(mine),
                0,
                what.confidence,
                tuple(self._sealed(row, what) for row in mine[:EXEMPLARS]),
                what.inferred,
            )
            for what, mine in rows.items()
        ]
        return tuple(sorted(sightings, key=lambda s: (-s.flows, s.exemplars[0].frame)))

    def _sealed(self, row: int, what: Inside) -> Exemplar:
        alpn = ", ".join(self._shown.identified.of(row).facts.alpn_offered)
        frame = int(self._shown.flows.first_payload_frame[row, 0])
        text = f"mesh TLS, ALPN {alpn or 'none'}; {what.protocol} inside, as {what.inferred}"
        return self._exemplar(row, frame or int(self._shown.flows.first_frame[row]), text)

    def direction(self, signs: list[tuple[int, Sign]]) -> DirectionShown:
        """What signs of several rows come to together."""
        decided = [(r, s) for r, s in signs if s.as_ is not Shown.UNKNOWN]
        if not decided:
            return _undecided(sign for _, sign in signs)
        if all(sign.as_ is Shown.HTTP for _, sign in decided):
            decided += [(r, s) for r, s in signs if s.untouched]
        tally = Counter(sign.as_ for _, sign in decided)
        ordered = sorted(tally.items(), key=lambda item: (-item[1], item[0]))
        top, most = ordered[0]
        if top in _PASSED_ON:
            most = sum(flows for as_, flows in ordered if as_ in _PASSED_ON)
        is_mixed = most < (1 - STRAY) * len(decided)
        places = sorted(
            ((s.frame, r, s) for r, s in decided if is_mixed or s.as_ is top),
            key=lambda place: place[:2],
        )
        return DirectionShown(
            Shown.MIXED if is_mixed else top,
            _told_in_order([sign for _, _, sign in places]),
            sure=all(sign.weight >= Weight.HANDSHAKE for _, sign in decided),
            flows=tuple(ordered),
            exemplars=tuple(
                self._exemplar(row, frame, sign.because) for frame, row, sign in _quoted(places)
            ),
        )

    def _exemplar(self, row: int, frame: int, what: str) -> Exemplar:
        flows = self._shown.flows
        client, server = flows.endpoints(row)
        return Exemplar(
            frame=frame,
            ts_ns=_time_of(flows, row, frame),
            client=client,
            server=server,
            leg=self.leg_of[row],
            what=what,
        )


def _label(sign: Sign) -> Shown | None:
    """What stands for a connection in a sequence of them."""
    return sign.as_ if sign.as_ is not Shown.UNKNOWN or sign.untouched else None


def _undecided(signs: Iterable[Sign]) -> DirectionShown:
    """Why nothing is known: the first sign that says at least something."""
    told = [sign for sign in signs if sign.because]
    if not told:
        return DirectionShown()
    untouched = next((sign for sign in told if sign.untouched), None)
    if untouched is None:
        return DirectionShown(because=told[0].because)
    because = f"{untouched.because}: passed on unread, or no proxy there"
    return DirectionShown(because=because, untouched=True)


def _told_in_order(signs: list[Sign]) -> str:
    """The first reason of each kind, in the order in which the kinds were first seen."""
    reasons: dict[Shown, str] = {}
    for sign in signs:
        reasons.setdefault(sign.as_, sign.because)
    return "; other connections: ".join(reasons.values())


def _quoted(places: list[tuple[int, int, Sign]]) -> list[tuple[int, int, Sign]]:
    """The first few of each kind, in frame order."""
    kinds = {sign.as_ for _, _, sign in places}
    each = -(-EXEMPLARS // max(len(kinds), 1))
    few = [p for kind in kinds for p in [p for p in places if p[2].as_ is kind][:each]]
    return sorted(few, key=lambda place: place[:2])[:EXEMPLARS]


def _first_and_last(rows: list[int], most: int) -> list[int]:
    return rows if len(rows) <= most else rows[: most // 2] + rows[-(most // 2) :]


def _time_of(flows: Flows, row: int, frame: int) -> int:
    """When the frame was captured, where it is known; else when the flow began."""
    frames, times = flows.first_payload_frame[row].tolist(), flows.first_payload_ts_ns[row].tolist()
    return int(dict(zip(frames, times, strict=True)).get(frame, int(flows.first_ts_ns[row])))
