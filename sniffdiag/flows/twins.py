"""One connection that address translation shows as two: before it and behind it.

kube-proxy rewrites `clusterIP:port` to `podIP:targetPort` on the client's node, and perhaps the
client's address, too. Sequence numbers stay as they are (netfilter changes them only for helpers
such as FTP's). So twins have the same first ones on both sides and appear at the same time; and
the client's end was not rewritten, or it was and the same bytes went both ways. Where its port was
rewritten, too (masquerading on a node whose port is taken, or `--random-fully`), nothing but the
numbers is left, so they must look drawn. Nothing here knows a Service or asks what a port number
stands for.

The halves that REDIRECT leaves on loopback have one direction each and are put together before:
`flows.redirect`.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from sniffdiag.flows.copies import MOST_NS_APART
from sniffdiag.flows.flow import Flows
from sniffdiag.model import Transport

Ints: TypeAlias = npt.NDArray[np.int64]
Mask: TypeAlias = npt.NDArray[np.bool_]
U64s: TypeAlias = npt.NDArray[np.uint64]

MOST_LEGS = 4
"""Numbers that more flows share were not drawn at random, and prove little."""
LEAST_DRAWN = 1 << 20
"""Smaller numbers are hardly ever drawn at random, and are what made-up captures count from."""
_UNKNOWN = np.uint32(0xFFFF_FFFF)
_HALF = np.uint64(32)


def find_twins(flows: Flows) -> None:
    """Let `flows.twin_of` of each twin name the row of the connection that was seen first."""
    rows = np.flatnonzero(
        (flows.transport == Transport.TCP) & (flows.base_known[:, 0] | flows.base_known[:, 1])
    )
    numbers = _numbers(flows, rows)
    ordered = np.sort(numbers)
    if not (ordered[1:] == ordered[:-1]).any():  # plain numbers are sorted in next to no time
        return
    order = np.argsort(numbers, kind="stable")
    rows, numbers = rows[order], numbers[order]
    begins = np.flatnonzero(np.append(np.ones(1, np.bool_), numbers[1:] != numbers[:-1]))
    legs = np.diff(np.append(begins, rows.shape[0]))
    random = np.repeat(legs <= MOST_LEGS, legs)
    follows = np.ones(rows.shape[0], np.bool_)
    follows[begins] = False
    later = np.flatnonzero(follows)
    twin = np.zeros(rows.shape[0], np.bool_)
    twin[later] = _are_twins(flows, rows[later - 1], rows[later], random[later])
    first = np.maximum.accumulate(np.where(twin, 0, np.arange(rows.shape[0])))
    flows.twin_of[rows[twin]] = rows[first[twin]]


def _first_numbers(flows: Flows, rows: Ints) -> tuple[U64s, U64s]:
    """Of the client's and of the server's side."""
    base, known = flows.base[rows], flows.base_known[rows]
    if not known.all():
        base = np.where(known, base, _UNKNOWN)
    return base[:, 0].astype(np.uint64), base[:, 1].astype(np.uint64)


def _numbers(flows: Flows, rows: Ints) -> U64s:
    """Those of both sides as one number, whoever is the client."""
    of_client, of_server = _first_numbers(flows, rows)
    return (np.minimum(of_client, of_server) << _HALF) | np.maximum(of_client, of_server)


def _are_twins(flows: Flows, earlier: Ints, later: Ints, random: Mask) -> Mask:
    """Whether pairs of rows with the same first sequence numbers are one connection."""
    turned = _first_numbers(flows, earlier)[0] != _first_numbers(flows, later)[0]
    client, client_port = _rewritten(flows, "client", (earlier, later), turned)
    server, server_port = _rewritten(flows, "server", (earlier, later), turned)
    payload = flows.payload_bytes[later]
    payload = np.where(turned[:, np.newaxis], payload[:, ::-1], payload)
    same_bytes = (payload == flows.payload_bytes[earlier]).all(axis=1)
    near = np.abs(flows.first_ts_ns[later] - flows.first_ts_ns[earlier]) <= MOST_NS_APART
    by_client = ~client & ~client_port & (server | server_port)
    proven = ~client_port | _are_drawn(flows, earlier)
    twins: Mask = near & (by_client | ((client | client_port) & same_bytes & random & proven))
    return twins


def _are_drawn(flows: Flows, rows: Ints) -> Mask:
    """Whether the first numbers of both sides are known and look drawn at random."""
    drawn: Mask = flows.base_known[rows] & (flows.base[rows] >= LEAST_DRAWN)
    return drawn[:, 0] & drawn[:, 1]


def _rewritten(flows: Flows, end: str, rows: tuple[Ints, Ints], turned: Mask) -> tuple[Mask, Mask]:
    """Whether address and port of an end of the earlier rows differ from those of the later.

    Where they are `turned`, the later row's other end is compared.
    """
    earlier, later = rows
    other = "server" if end == "client" else "client"

    def differs(name: str) -> Mask:
        theirs = np.where(
            turned, getattr(flows, f"{other}_{name}")[later], getattr(flows, f"{end}_{name}")[later]
        )
        mask: Mask = getattr(flows, f"{end}_{name}")[earlier] != theirs
        return mask

    return differs("hi") | differs("lo"), differs("port")
