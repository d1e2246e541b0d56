"""The two halves that iptables REDIRECT leaves of a connection on loopback, put together again.

An application dials `clusterIP:8080`; REDIRECT rewrites the destination before the tap, so its
packets go `pod:P > 127.0.0.1:15001`, while the answers are rewritten back before the tap:
`clusterIP:8080 > pod:P`. The sequence numbers belong to each other; only a tuple cannot see it
(measured in namespaces and with a real Envoy). A packet from another address *to* loopback exists
in no other way, so nothing here asks for a port number.

Where the application uses one port for connections to two servers, which TCP allows, REDIRECT makes
both go to the same address, and the kernel gives the later one another port on that half only.
Such halves are found by their sequence numbers alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from sniffdiag.flows.flow import Flows, Kept, Orientation, Stream, is_loopback
from sniffdiag.model import Transport
from sniffdiag.records import dataclass

Ints: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]

_HANDSHAKES = (int(Orientation.SYN), int(Orientation.SYN_ACK))
_NOT_COLUMNS = frozenset({"encapsulations", "kept", "tallied"})


def join_redirected(flows: Flows) -> Flows:
    """The flows with torn connections joined and marked `redirected`.

    The server of a joined flow is the address that the answers come from; its stream number is
    that of the first half. Halves without a partner stay as they are.
    """
    one_way = (flows.transport == Transport.TCP) & (flows.packets == 0).any(axis=1)
    _let_senders_be_clients(flows, one_way & _receiver_is_loopback(flows))
    requests = one_way & (flows.packets[:, 1] == 0) & _is_torn(flows)
    if not requests.any():
        return flows
    pairs = _pairs(flows, np.flatnonzero(requests), np.flatnonzero(one_way & ~requests))
    return _joined(flows, *pairs) if pairs[0].size else flows


def _is_torn(flows: Flows) -> Mask:
    """From an address of the network to loopback: only REDIRECT makes such packets."""
    to_loopback = is_loopback(flows.server_hi, flows.server_lo)
    torn: Mask = to_loopback & ~is_loopback(flows.client_hi, flows.client_lo)
    return torn


def _receiver_is_loopback(flows: Flows) -> Mask:
    """Of flows that go one way only: whether they go to loopback, whoever counts as the client."""
    from_server = flows.packets[:, 0] == 0
    receiver_hi = np.where(from_server, flows.client_hi, flows.server_hi)
    receiver_lo = np.where(from_server, flows.client_lo, flows.server_lo)
    return is_loopback(receiver_hi, receiver_lo)


def _let_senders_be_clients(flows: Flows, rows: Mask) -> None:
    """Requests go to the proxy: whoever sends to loopback is the client, if no handshake tells."""
    turned = rows & (flows.packets[:, 0] == 0) & ~np.isin(flows.oriented_by, _HANDSHAKES)
    flows.reorient(turned, Orientation.PORT)


def _pairs(flows: Flows, requests: Ints, others: Ints) -> tuple[Ints, Ints]:
    """Rows of requests and of their answers, each row at most once."""
    found = dict(_by_port(flows, requests, others))
    answers = set(found.values())
    left = [row for row in requests.tolist() if row not in found]
    if left:
        rest = [row for row in others.tolist() if row not in answers]
        found.update(_by_sequence_numbers(flows, left, rest))
    pairs = np.array(list(found.items()), dtype=np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _by_port(flows: Flows, requests: Ints, others: Ints) -> Iterator[tuple[int, int]]:
    """Halves with the application's address and port: the nearest in time."""
    waiting: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    for row in others.tolist():
        waiting[_receiver(flows, row)].append(row)
    for row in requests.tolist():
        candidates = waiting.get(_client(flows, row), [])
        if candidates:
            began = int(flows.first_ts_ns[row])
            answer = min(candidates, key=lambda c: abs(int(flows.first_ts_ns[c]) - began))
            candidates.remove(answer)
            yield row, answer


_NEAR = 16
"""Bits of distance between what both halves know of one sequence number: the same from the SYN on;
caught in the middle, they differ by what one side sent before the other was first heard."""


def _by_sequence_numbers(
    flows: Flows, requests: Sequence[int], others: Sequence[int]
) -> Iterator[tuple[int, int]]:
    """Halves with the application's address whose sequence numbers belong to each other."""
    waiting: dict[tuple[int, int, int], list[int]] = defaultdict(list)
    for row in others:
        if flows.base_known[row].all():
            side = _receiving_side(flows, row)
            hi, lo, _ = _receiver(flows, row)
            waiting[hi, lo, int(flows.base[row, side]) >> _NEAR].append(row)
    for row in requests:
        if not flows.base_known[row].all():
            continue
        hi, lo, _ = _client(flows, row)
        block = int(flows.base[row, 0]) >> _NEAR
        near = [waiting.get((hi, lo, block + step), []) for step in (0, -1, 1)]
        answer = next((one for some in near for one in some if _belong(flows, row, one)), None)
        if answer is not None:
            next(some for some in near if answer in some).remove(answer)
            yield row, answer


def _belong(flows: Flows, request: int, answer: int) -> bool:
    """Both sides' sequence numbers are the same, or nearly so."""
    side = _receiving_side(flows, answer)
    sent, heard = flows.base[request].tolist()
    return _is_near(int(flows.base[answer, side]), sent) and _is_near(
        int(flows.base[answer, 1 - side]), heard
    )


def _is_near(one: int, other: int) -> bool:
    return min((one - other) % _SEQUENCE_NUMBERS, (other - one) % _SEQUENCE_NUMBERS) < 1 << _NEAR


_SEQUENCE_NUMBERS = 1 << 32


def _client(flows: Flows, row: int) -> tuple[int, int, int]:
    return int(flows.client_hi[row]), int(flows.client_lo[row]), int(flows.client_port[row])


def _receiving_side(flows: Flows, row: int) -> int:
    return 0 if flows.packets[row, 0] == 0 else 1


def _receiver(flows: Flows, row: int) -> tuple[int, int, int]:
    """The end that a one-way flow goes to."""
    if _receiving_side(flows, row) == 0:
        return _client(flows, row)
    return int(flows.server_hi[row]), int(flows.server_lo[row]), int(flows.server_port[row])


def _joined(flows: Flows, requests: Ints, answers: Ints) -> Flows:
    """`answers` taken into the rows of `requests`; the rest as it was, ordered by first frame."""
    turned = np.zeros(flows.rows, np.bool_)
    turned[answers] = flows.packets[answers, 0] != 0  # the answering side counted as the client
    flows.reorient(turned, Orientation.PORT)
    source_row = np.stack([np.arange(flows.rows)] * 2, axis=1)
    source_row[requests, 1] = answers
    source_side = np.stack([flows.client_side, flows.client_side ^ 1], axis=1)
    source_side[requests, 1] = source_side[answers, 1]
    _take_over(flows, requests, answers)
    keep = np.ones(flows.rows, np.bool_)
    keep[answers] = False
    rows = np.flatnonzero(keep)
    rows = rows[np.argsort(flows.first_frame[rows], kind="stable")]
    place = np.empty(flows.rows, np.int64)
    place[rows] = np.arange(rows.shape[0])
    place[answers] = place[requests]
    columns = {
        each.name: getattr(flows, each.name)[rows]
        for each in fields(Flows)
        if each.name not in _NOT_COLUMNS
    }
    columns["client_side"] = np.zeros_like(columns["client_side"])
    return replace(
        flows,
        **columns,
        kept=_JoinedKept(flows.kept, source_row[rows], source_side[rows]),
        tallied=flows.tallied.joined(place, flows.client_side) if flows.tallied else None,
    )


_SERVER_ENDPOINT = ("server_hi", "server_lo", "server_port")
_BY_SIDE = (
    "packets",
    "bytes",
    "payload_bytes",
    "captured_bytes",
    "segments",
    "cut_segments",
    "first_payload_frame",
    "first_payload_ts_ns",
    "last_payload_frame",
    "last_payload_ts_ns",
    "first_tag",
    "flags_seen",
    "base",
    "base_known",
)


def _take_over(flows: Flows, requests: Ints, answers: Ints) -> None:
    """Write what the answers know into the rows of the requests."""
    for name in _SERVER_ENDPOINT:
        column = getattr(flows, name)
        column[requests] = column[answers]
    for name in _BY_SIDE:
        column = getattr(flows, name)
        column[requests, 1] = column[answers, 1]
    for name, better in (
        ("oriented_by", np.minimum),
        ("first_frame", np.minimum),
        ("first_ts_ns", np.minimum),
        ("last_frame", np.maximum),
        ("last_ts_ns", np.maximum),
        ("syn_ack_ts_ns", np.maximum),
        ("stream", np.minimum),
    ):
        column = getattr(flows, name)
        column[requests] = better(column[requests], column[answers])
    rst = np.stack([flows.rst_frame[requests], flows.rst_frame[answers]])
    first = np.where((rst == 0).any(axis=0), rst.max(axis=0), rst.min(axis=0))
    flows.rst_frame[requests] = first
    flows.copies[requests] += flows.copies[answers]
    flows.redirected[requests] = True


@dataclass(frozen=True, slots=True)
class _JoinedKept:
    """The kept bytes of joined flows (a `Kept`): side 0 is the client's everywhere."""

    kept: Kept
    source_row: Ints
    """Shape `(n, 2)`: where in `kept` each side's bytes are."""
    source_side: Ints

    def counts(self) -> Ints:
        return self._moved(self.kept.counts())

    def beginning(self, row: int, side: int) -> bytes:
        return self.kept.beginning(*self._source(row, side))

    def tcp(self, row: int, side: int, payload_bytes: int) -> Stream:
        return self.kept.tcp(*self._source(row, side), payload_bytes)

    def datagrams(self, row: int, side: int, payload_bytes: int) -> Stream:
        return self.kept.datagrams(*self._source(row, side), payload_bytes)

    def containing(self, needles: Sequence[bytes], among: Mask) -> Mask:
        sources = np.zeros(self.kept.counts().shape, np.bool_)
        sources[self.source_row[among], self.source_side[among]] = True
        contain = self.kept.containing(needles, sources)
        found: Mask = contain[self.source_row, self.source_side]
        return found & among

    def gap_bytes(self) -> Ints:
        return self._moved(self.kept.gap_bytes())

    def _moved(self, by_side: Ints) -> Ints:
        moved: Ints = by_side[self.source_row, self.source_side]
        return moved

    def _source(self, row: int, side: int) -> tuple[int, int]:
        return int(self.source_row[row, side]), int(self.source_side[row, side])
