"""A proxy that connects to a pod before its client speaks reads nothing: when that is told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sniffdiag.flows.flow import Flows
from sniffdiag.flows.redirect import join_redirected
from sniffdiag.flows.seal import seal
from sniffdiag.model import Leg, Shown
from sniffdiag.observe.legs import LEGS, leg_codes
from sniffdiag.observe.openings import Opening, early_openings
from sniffdiag.pipeline.reading import ReadingPlan, read
from tests.observe.test_observe import CLIENT, POD, SERVICE, the_port
from tests.support.conversations import End, connection, flows_of

LAB = Path(__file__).parents[2] / "pcaps" / "lab"
NEAR = connection(End(CLIENT, 40000), SERVICE, sent_to=End("127.0.0.1", 15001))
FAR = connection(End(CLIENT, 40001), POD)
SYNS = 3
"""Frames of a handshake."""
SILENT = connection(End(CLIENT, 40000), SERVICE, (), sent_to=End("127.0.0.1", 15001))


def openings(flows: Flows) -> list[Opening]:
    leg = leg_codes(flows)
    near, far = (np.flatnonzero(leg == LEGS.index(of)) for of in (Leg.APP_TO_PROXY, Leg.WIRE))
    return list(early_openings(flows, leg, near.tolist(), far.tolist()))


def within(frames: list[bytes], other: list[bytes], at: int) -> list[bytes]:
    return [*frames[:at], *other, *frames[at:]]


def test_the_far_half_that_opens_between_handshake_and_first_byte_is_early() -> None:
    (found,) = openings(flows_of(within(NEAR, FAR, SYNS)))
    assert (found.near_frame, found.far_frame) == (1, SYNS + 1)
    assert found.ended_together


@pytest.mark.parametrize(
    "frames",
    [
        pytest.param(within(NEAR, FAR, SYNS + 1), id="after the first byte"),
        pytest.param(FAR[:SYNS] + NEAR + FAR[SYNS:], id="before the connection"),
        pytest.param(
            within(NEAR, connection(End("10.0.0.9", 40001), POD), SYNS), id="another client's"
        ),
        pytest.param(within(NEAR, FAR[SYNS:], SYNS), id="without its SYN"),
        pytest.param(
            within(
                connection(End(CLIENT, 39000), SERVICE, sent_to=End("127.0.0.1", 15001)),
                within(NEAR, FAR, SYNS),
                SYNS + 1,
            ),
            id="another connection is open, for which it may be",
        ),
        pytest.param(
            within(NEAR, FAR + connection(End(CLIENT, 40002), POD), SYNS), id="one of two"
        ),
    ],
)
def test_whatever_else_it_may_be_is_not_early(frames: list[bytes]) -> None:
    assert openings(flows_of(frames)) == []


def test_an_early_opening_shows_the_port_where_nothing_else_does() -> None:
    half_open = connection(End(CLIENT, 40001), POD, ())
    port = the_port(within(SILENT, half_open, SYNS))
    assert port.shown.outbound.as_ is Shown.OPAQUE
    assert "before the client spoke" in port.shown.outbound.because
    assert the_port(SILENT + half_open).shown.outbound.as_ is Shown.UNKNOWN


def test_no_connection_that_a_real_envoy_handled_as_http_was_opened_early() -> None:
    """And so many of those that it passed on were, that the mark is worth reading."""
    found = 0
    for path in sorted(LAB.glob("*/*/truth.json")):
        known = json.loads(path.read_text())
        if "c-any" not in known["captures"]:
            continue
        capture = path.parent / known["captures"]["c-any"]["file"]
        plan = ReadingPlan(1, tallies=False)
        early = openings(
            join_redirected(seal(read([str(capture)], stdin=None, watcher=None, plan=plan).table))
        )
        log = known["measured"]["access_logs"].get("client", {})
        handled = {line.split()[0] for line in log}
        assert not early or "tcp" in handled, path
        found += len(early)
    assert found > 40
