"""The same bytes on both sides of a proxy, or not: what no application can imitate.

A connection on one leg is looked for on the next by its content alone. Equal heads in both
directions show that no HTTP filter is between; a request that begins with the same line and goes
on otherwise shows one. Where the next leg is the mesh's own TLS, the sums of its records' plaintext
are compared: they are the plaintext's own behind a TCP proxy. Session tickets, and what Istio's
proxies exchange about themselves first, may be in the way: some records of a direction may be left
out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import field
from itertools import combinations
from typing import NamedTuple

from sniffdiag.flows.flow import Flow, Stream
from sniffdiag.identify.patterns import lazy
from sniffdiag.marks.tls_records import Message, Spoken, messages, records
from sniffdiag.model import HTTP_FAMILY, Direction, Leg
from sniffdiag.records import dataclass

COMPARED_BYTES = 512
"""Of each side; the fields that HTTP filters change come well before."""
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
END_OF_FIELDS = b"\r\n\r\n"
FEWEST_BYTES = 16
"""Fewer in a direction may be equal by chance."""
MOST_COMPARED = 200
"""Connections of one leg that are looked for on the next."""
MOST_CANDIDATES = 64
LEFT_OUT = 2
"""Records of one direction that may be none of the application's."""
MOST_RECORDS = 24
EARLY_NS = 1_000_000_000
"""So much before the first leg's connection the next one's may have begun and still be its own;
pools are older, and are compared by requests alone."""

BETWEEN = {
    (Leg.APP_TO_PROXY, Leg.WIRE): (Direction.OUTBOUND,),
    (Leg.WIRE, Leg.PROXY_TO_APP): (Direction.INBOUND,),
    (Leg.APP_TO_PROXY, Leg.PROXY_TO_APP): (Direction.OUTBOUND, Direction.INBOUND),
}
"""Whose proxies are between two legs."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What is compared of one connection."""

    row: int
    client: str
    """Address of the client; a server's sidecar does not keep it."""
    frame: int
    first_ts_ns: int
    last_ts_ns: int
    asked: bytes
    answered: bytes
    whole: bool
    """Both directions were captured to the end."""
    telling: bool
    """What is compared of one direction reaches as far as HTTP filters would have changed it."""
    sizes: tuple[int, int]
    """Bytes of both directions, where they are whole."""
    sealed: tuple[Message, ...] | None = None
    """Messages inside the mesh's own TLS; None for any other connection."""
    asked_in_full: bytes = field(default=b"", repr=False)
    """All that was kept, in which the requests of a pool are looked for."""


class Compared(NamedTuple):
    """One connection found on two legs."""

    before: int
    after: int
    same: bool
    """No filter between; False: written anew."""
    sure: bool
    """By bytes or equal sums; False: by sums that differ."""
    frames: tuple[int, int]


_MESSAGE_HEAD = lazy(rb"HTTP/1\.[01](?: [^\r\n]*)?\r?\n[^\0]*?\r?\n\r?\n")


def trace(row: int, flow: Flow, *, protocol: str, sealed: bool, is_1_3: bool) -> Trace:
    """What is compared of a flow of this protocol."""
    sides = (flow.from_client, flow.from_server)
    said = messages(records(*map(_spoken, sides)), is_1_3=is_1_3) if sealed else None
    return Trace(
        row=row,
        client=flow.client.address,
        frame=flow.from_client.head_frames[0][1] if flow.from_client.head else flow.first_frame,
        first_ts_ns=flow.first_ts_ns,
        last_ts_ns=flow.last_ts_ns,
        asked=flow.from_client.head[:COMPARED_BYTES],
        answered=flow.from_server.head[:COMPARED_BYTES],
        whole=all(_is_whole(side) for side in sides),
        telling=any(_is_telling(side, protocol) for side in sides),
        sizes=(len(flow.from_client.head), len(flow.from_server.head)),
        sealed=None if said is None else tuple(said),
        asked_in_full=flow.from_client.head,
    )


def _spoken(side: Stream) -> Spoken:
    return Spoken(side.head, side.head_frames)


def _is_telling(side: Stream, protocol: str) -> bool:
    """Not so where the snapshot length cut the fields: their first lines are equal always.

    Nor where HTTP was joined behind them: filters leave bodies and WebSocket frames as they are.
    """
    compared = side.head[:COMPARED_BYTES]
    if protocol in HTTP_FAMILY and not side.from_start:
        return _MESSAGE_HEAD.search(compared) is not None
    fields_end = END_OF_FIELDS in compared.removeprefix(HTTP2_PREFACE)
    return len(compared) == COMPARED_BYTES or fields_end or _is_whole(side)


def _is_whole(side: Stream) -> bool:
    return side.complete and not side.segments


def compare(
    before: Sequence[Trace], after: Sequence[Trace], *, same_client: bool
) -> list[Compared]:
    """Each connection of one leg with its own on the next, as far as one can be told."""
    readable = [t for t in after if t.sealed is None]
    sealed = [t for t in after if t.sealed is not None]
    by_bytes: dict[tuple[bytes, bytes], list[Trace]] = defaultdict(list)
    for one in readable:
        by_bytes[one.asked, one.answered].append(one)
    found = []
    for one in before:
        if one.sealed is not None:
            pair = _opened(one, readable)
        else:
            pair = (
                _equal(one, by_bytes, same_client=same_client)
                or _anew(one, _possible(one, readable, same_client=same_client))
                or _in_tls(one, _possible(one, sealed, same_client=same_client))
            )
        if pair is not None:
            found.append(pair)
    return found


def _possible(one: Trace, others: Iterable[Trace], *, same_client: bool) -> list[Trace]:
    """Connections of the next leg that were there while this one was, the nearest first."""
    there = [
        t
        for t in others
        if t.first_ts_ns <= one.last_ts_ns
        and t.last_ts_ns >= one.first_ts_ns
        and (not same_client or t.client == one.client)
    ]
    there.sort(key=lambda t: (abs(t.first_ts_ns - one.first_ts_ns), t.row))
    return there[:MOST_CANDIDATES]


def _is_early_enough(one: Trace, other: Trace) -> bool:
    return other.first_ts_ns >= one.first_ts_ns - EARLY_NS


def _equal(
    one: Trace, by_bytes: dict[tuple[bytes, bytes], list[Trace]], *, same_client: bool
) -> Compared | None:
    if not one.telling or min(len(one.asked), len(one.answered)) < FEWEST_BYTES:
        return None
    for other in _possible(
        one, by_bytes.get((one.asked, one.answered), ()), same_client=same_client
    ):
        if _is_early_enough(one, other):
            return _pair(one, other, same=True)
    return None


def _anew(one: Trace, others: Iterable[Trace]) -> Compared | None:
    """A request line of this connection, followed by other bytes on the next leg."""
    line, end, rest = one.asked.partition(b"\r\n")
    if not end or not rest or b" HTTP/1." not in line:
        return None
    for other in others:
        at = other.asked_in_full.find(line + end)
        if at < 0:
            continue
        theirs = other.asked_in_full[at + len(line + end) :]
        shared = min(len(rest), len(theirs))
        if shared >= FEWEST_BYTES and rest[:shared] != theirs[:shared]:
            return _pair(one, other, same=False)
    return None


def _in_tls(one: Trace, sealed: Sequence[Trace]) -> Compared | None:
    if not one.whole or min(one.sizes) < FEWEST_BYTES or not sealed:
        return None
    for other in sealed:
        if _sums_up(one.sizes, other.sealed or ()):
            return _pair(one, other, same=True)
    whole = [other for other in sealed if other.whole and other.sealed]
    if len(whole) < len(sealed):
        return None
    return _pair(one, whole[0], same=False, sure=False)


def _opened(one: Trace, readable: Sequence[Trace]) -> Compared | None:
    """A connection of the mesh's own TLS, and what the server's sidecar made of it."""
    others = [t for t in _possible(one, readable, same_client=False) if t.whole]
    for other in others:
        if min(other.sizes) >= FEWEST_BYTES and _sums_up(other.sizes, one.sealed or ()):
            return _pair(one, other, same=True)
    if not others or not one.whole or not one.sealed:
        return None
    return _pair(one, others[0], same=False, sure=False)


def _pair(one: Trace, other: Trace, *, same: bool, sure: bool = True) -> Compared:
    return Compared(one.row, other.row, same, sure, (one.frame, other.frame))


def _sums_up(sizes: tuple[int, int], said: Sequence[Message]) -> bool:
    """Both directions add up to these sizes, some records left out."""
    asked = [message.size for message in said if message.by_client]
    answered = [message.size for message in said if not message.by_client]
    return _adds_up(sizes[0], asked) and _adds_up(sizes[1], answered)


def _adds_up(total: int, parts: Sequence[int]) -> bool:
    if len(parts) > MOST_RECORDS:
        return sum(parts) == total
    surplus = sum(parts) - total
    return any(
        sum(out) == surplus
        for count in range(min(LEFT_OUT, max(len(parts) - 1, 0)) + 1)
        for out in combinations(parts, count)
    )
