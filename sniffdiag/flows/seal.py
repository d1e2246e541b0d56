"""`seal`: fragments become flows, and each flow gets a client and a server (law 4).

Where a SYN begins a new flow follows Wireshark 4.0 (epan/dissectors/packet-tcp.c, dissect_tcp): its
side had a base sequence number and this SYN has another one. Otherwise it is a retransmission, even
behind a FIN or RST. Other transports have one flow for each tuple.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sniffdiag.flows.flow import NO_TWIN, Flows, Orientation
from sniffdiag.flows.fragments import SIDES, Column, Fragments
from sniffdiag.flows.kept import UNKNOWN_ISN, KeptBytes
from sniffdiag.flows.pieces import Pieces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sniffdiag.flows.table import FlowTable
    from sniffdiag.flows.tuples import Endpoints, Ints

LOWEST_EPHEMERAL_PORT = 32_768
"""Linux net.ipv4.ip_local_port_range begins here; IANA's dynamic ports (RFC 6335) lie above it."""
LOWEST_USER_PORT = 1_024
"""Below are the system ports (RFC 6335 6), which clients are not given."""


def seal(table: FlowTable) -> Flows:
    """The flows of everything folded so far. The table stays as it is and may be folded on."""
    return _sealed(table, table.fragments)


def finish(table: FlowTable) -> Flows:
    """As `seal`, in half the memory: columns are taken out of the table, which is spent."""
    flows = _sealed(table, table.fragments.moved())
    table.pieces = Pieces()
    return flows


def _sealed(table: FlowTable, fragments: Fragments) -> Flows:
    """The flows of `fragments`, which may be given away."""
    begins = _begin_flows(fragments)
    row = _row_of_each(fragments["slot"], begins)
    flows = fragments if begins.all() else _joined(fragments, row).moved()
    blocks = table.pieces.blocks
    owners = [row[block.owner // SIDES] * SIDES + block.owner % SIDES for block in blocks]
    kept = KeptBytes(blocks, owners, _isn(flows))
    ends = table.tuples.endpoints(flows["slot"])
    sealed = _Sealed(flows, ends).columns(kept, table.encapsulations)
    if table.tallies is not None:
        sealed.tallied = table.tallies.sealed(row)
    return sealed


def _begin_flows(fragments: Fragments) -> npt.NDArray[np.bool_]:
    """Which fragments begin a flow."""
    slot = fragments["slot"]
    order = np.argsort(slot, kind="stable")
    follows = np.flatnonzero(np.diff(slot[order]) == 0) + 1
    later, earlier = order[follows], order[follows - 1]
    begins = np.ones(fragments.rows, np.bool_)
    begins[later] = False
    # A fragment begun by a SYN settles its sender's base sequence number, whatever came before.
    settled = fragments["begun_by_syn"][earlier] & (
        fragments["syn_side"][earlier] == fragments["syn_side"][later]
    )
    settled &= fragments["syn_seq"][earlier] != fragments["syn_seq"][later]
    settled &= ~fragments["rebased"][earlier, fragments["syn_side"][later]]
    begins[later[settled]] = True
    rest = np.flatnonzero(~settled)
    _walk(fragments, later[rest], earlier[rest], begins)
    return begins


def _walk(fragments: Fragments, later: Ints, earlier: Ints, begins: npt.NDArray[np.bool_]) -> None:
    """Settle, one after the other, the fragments that need all of their flow so far."""
    base, walked = _Bases(), -1
    sides = fragments["syn_side"][later].tolist()
    seqs = fragments["syn_seq"][later].tolist()
    for number, previous, side, seq in zip(
        later.tolist(), earlier.tolist(), sides, seqs, strict=True
    ):
        if previous != walked:  # it begins a flow: it was settled before
            base = _Bases()
            base.learn(fragments, previous)
        if base.of[side] not in (None, seq):
            begins[number] = True
            base = _Bases()
        base.learn(fragments, number)
        walked = number


class _Bases:
    """The base sequence numbers of a conversation, side by side."""

    __slots__ = ("of",)

    def __init__(self) -> None:
        self.of: list[int | None] = [None, None]

    def learn(self, fragments: Fragments, number: int) -> None:
        """Go on with a fragment: what is known stays."""
        for side in range(SIDES):
            if fragments["rebased"][number, side]:
                self.of[side] = int(fragments["new_base"][number, side])
            elif self.of[side] is None and fragments["base_known"][number, side]:
                self.of[side] = int(fragments["base"][number, side])


def _row_of_each(slot: Column, begins: npt.NDArray[np.bool_]) -> Ints:
    """The flow of every fragment: that of the latest one of its tuple that begins a flow."""
    rows = np.cumsum(begins) - 1
    if begins.all():
        return rows
    order = np.argsort(slot, kind="stable")
    latest = np.maximum.accumulate(np.where(begins[order], np.arange(order.shape[0]), 0))
    row = np.empty_like(rows)
    row[order] = rows[order[latest]]
    return row


def _joined(fragments: Fragments, row: Ints) -> Fragments:
    """Fragments of the same flow put together, pairs of pairs: rounds grow with the logarithm."""
    order = np.argsort(row, kind="stable")
    row = row[order]
    first = np.flatnonzero(np.diff(row, prepend=-1))
    place = np.arange(row.shape[0]) - first[row]
    work = fragments.take(order)
    step = 1
    while step <= place.max(initial=0):
        source = np.flatnonzero(place % (2 * step) == step)
        work.combine(source - step, work, source)
        step *= 2
    return work.take(first)


def _isn(flows: Fragments) -> Ints:
    """The initial sequence number of both sides, where a SYN or the answer to one tells it."""
    isn = np.where(flows["isn_known"], flows["isn"].astype(np.int64), UNKNOWN_ISN)
    answered = np.flatnonzero(flows["syn_ack_known"])
    asker = 1 - flows["syn_ack_side"][answered]
    acked = flows["syn_ack_ack"][answered] - np.uint32(1)
    unknown = isn[answered, asker] == UNKNOWN_ISN
    isn[answered[unknown], asker[unknown]] = acked[unknown]
    return isn


ORIENTING = ("first_side", "syn_frame", "syn_side", "syn_ack_known", "syn_ack_side")
"""What `clients` asks of fragments."""


def clients(fragments: Fragments, ends: Endpoints) -> Ints:
    """Which side is the client of each fragment, by itself; `ends` are those of its tuple."""
    return _Sealed(fragments, ends).client


class _Sealed:
    """Joined fragments with the client's side first."""

    __slots__ = ("_ends", "_flows", "_oriented_by", "client")

    def __init__(self, flows: Fragments, ends: Endpoints) -> None:
        self._flows = flows
        self._ends = ends
        self.client = flows["first_side"].astype(np.int64)
        self._oriented_by = np.full(flows.rows, int(Orientation.FIRST), np.uint8)
        self._orient(*_by_port(*ends.port), Orientation.PORT)
        syn_ack = flows["syn_ack_known"]
        self._orient(syn_ack, 1 - flows["syn_ack_side"].astype(np.int64), Orientation.SYN_ACK)
        self._orient(flows["syn_frame"] != 0, flows["syn_side"], Orientation.SYN)

    def _orient(self, where: npt.NDArray[np.bool_], client: Column, by: Orientation) -> None:
        self.client = np.where(where, client, self.client)
        self._oriented_by[where] = int(by)

    def columns(self, kept: KeptBytes, encapsulations: Sequence[str]) -> Flows:
        """All columns of the flows."""
        flows, transport = self._flows, self._ends.transport
        client_hi, server_hi = self._client_and_server(*self._ends.hi)
        client_lo, server_lo = self._client_and_server(*self._ends.lo)
        client_port, server_port = self._client_and_server(*self._ends.port)
        encapsulation, names = _renamed(flows["encapsulation"], encapsulations)
        payload_frame = self._side("first_payload_frame")
        payload_ts = self._side("first_payload_ts_ns")
        last_payload_ts = self._side("last_payload_ts_ns")
        for times in (payload_ts, last_payload_ts):
            times[payload_frame == 0] = -1
        syn_frame, syn_ts = flows.given("syn_frame"), flows.given("syn_ts_ns")
        syn_ts[syn_frame == 0] = -1
        syn_ack_ts = flows.given("syn_ack_ts_ns")
        syn_ack_ts[~flows["syn_ack_known"]] = -1
        return Flows(
            transport=transport,
            client_hi=client_hi,
            client_lo=client_lo,
            server_hi=server_hi,
            server_lo=server_lo,
            client_port=client_port,
            server_port=server_port,
            oriented_by=self._oriented_by,
            encapsulation=encapsulation,
            encapsulations=names,
            interface=flows.given("interface"),
            stream=_numbered(transport),
            first_frame=flows.given("first_frame"),
            last_frame=flows.given("last_frame"),
            first_ts_ns=flows.given("first_ts_ns"),
            last_ts_ns=flows.given("last_ts_ns"),
            packets=self._side("packets"),
            bytes=self._side("bytes"),
            payload_bytes=self._side("payload_bytes"),
            captured_bytes=self._side("captured_bytes"),
            segments=self._side("segments"),
            cut_segments=self._side("cut_segments"),
            first_payload_frame=payload_frame,
            first_payload_ts_ns=payload_ts,
            last_payload_frame=self._side("last_payload_frame"),
            last_payload_ts_ns=last_payload_ts,
            first_tag=self._side("first_tag"),
            flags_seen=self._side("flags_seen"),
            syn_ts_ns=syn_ts,
            syn_ack_ts_ns=syn_ack_ts,
            syn_frame=syn_frame,
            rst_frame=flows.given("rst_frame"),
            copies=flows.given("copies"),
            base=self._side("base"),
            base_known=self._side("base_known"),
            twin_of=np.full(flows.rows, NO_TWIN),
            redirected=np.zeros(flows.rows, np.bool_),
            client_side=self.client,
            kept=kept,
        )

    def _client_and_server(self, of_0: Column, of_1: Column) -> tuple[Column, Column]:
        """Two columns, the client's first."""
        turned = self.client != 0
        return np.where(turned, of_1, of_0), np.where(turned, of_0, of_1)

    def _side(self, name: str) -> Column:
        """A column of both sides, the client's first."""
        return self._client_first(self._flows.given(name))

    def _client_first(self, column: Column) -> Column:
        """The same array with side 1 first where that is the client."""
        turned = np.flatnonzero(self.client)
        column[turned] = column[turned, ::-1]
        return column


def _by_port(port_0: Column, port_1: Column) -> tuple[npt.NDArray[np.bool_], Ints]:
    """Where ports tell a service from a client, and which side is the client then."""
    low, high = np.minimum(port_0, port_1), np.maximum(port_0, port_1)
    told = (low < LOWEST_EPHEMERAL_PORT) & (high >= LOWEST_EPHEMERAL_PORT)
    told |= (low < LOWEST_USER_PORT) & (high >= LOWEST_USER_PORT)
    return told, (port_1 > port_0).astype(np.int64)


def _numbered(transport: npt.NDArray[np.uint8]) -> Ints:
    """The number of each flow among those of its transport."""
    stream = np.zeros(transport.shape[0], np.int64)
    for value in np.flatnonzero(np.bincount(transport)):
        rows = np.flatnonzero(transport == value)
        stream[rows] = np.arange(rows.shape[0])
    return stream


def _renamed(numbers: Column, names: Sequence[str]) -> tuple[Column, tuple[str, ...]]:
    """Encapsulations in use, sorted: their numbers must not depend on how a capture was cut."""
    used = sorted({"", *(names[n] for n in np.flatnonzero(np.bincount(numbers)).tolist())})
    place = {name: number for number, name in enumerate(used)}
    return np.array([place.get(name, 0) for name in names], np.uint8)[numbers], tuple(used)
