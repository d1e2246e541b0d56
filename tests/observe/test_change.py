"""The change point: found where one was planted, not found where nothing changed."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sniffdiag.catalog.manifests import load
from sniffdiag.model import Direction
from sniffdiag.observe import port_marks
from sniffdiag.observe.change import (
    LEAST_OF_REQUESTS,
    MOST_MISFITS,
    TreatmentChange,
    replaced,
    split,
)
from sniffdiag.pipeline.diagnosis import MeshChoice, analyze_captures
from sniffdiag.report.report import Report
from tests.observe.test_observe import CLIENT, POD, WEB, observed
from tests.support.conversations import End, connection

PCAPS = Path(__file__).parents[2] / "pcaps"
INCIDENT = PCAPS / "tke-rename"
SEEN_FROM_THE_CLIENT = [
    INCIDENT,
    *(PCAPS / "lab" / "renamed-to-tcp-web" / release for release in ("1.3.6", "1.20")),
    PCAPS / "lab" / "renamed-to-http-web" / "1.20",
]


@given(before=st.integers(3, 200), after=st.integers(3, 200))
def test_a_clean_change_is_found_exactly(before: int, after: int) -> None:
    found = split(["http"] * before + ["opaque"] * after)
    assert found is not None
    assert (found.at, found.before, found.after) == (before, "http", "opaque")
    assert found.misfits == 0


@given(
    before=st.integers(30, 200),
    after=st.integers(30, 200),
    strays=st.sets(st.integers(0, 10**6), max_size=4),
)
def test_strays_do_not_hide_a_change(before: int, after: int, strays: set[int]) -> None:
    """Away from the change: a stray beside it is no stray but moves the change."""
    labels = ["http"] * before + ["opaque"] * after
    for stray in strays:
        at = stray % len(labels)
        if abs(at - before) > 10:
            labels[at] = "opaque" if at < before else "http"
    found = split(labels)
    assert found is not None
    assert (found.at, found.before, found.after) == (before, "http", "opaque")


@given(label=st.sampled_from(("http", "opaque")), times=st.integers(0, 100))
def test_what_stays_the_same_has_no_change(label: str, times: int) -> None:
    assert split([label] * times) is None


@given(turns=st.integers(4, 40), each=st.integers(1, 30))
def test_to_and_fro_is_no_change(turns: int, each: int) -> None:
    labels = [word for turn in range(turns) for word in [("http", "opaque")[turn % 2]] * each]
    assert split(labels) is None


@given(st.lists(st.sampled_from(("http", "opaque", "unknown")), max_size=60))
def test_whatever_is_found_keeps_its_promise(labels: list[str]) -> None:
    found = split(labels)
    if found is None:
        return
    wrong = sum(label != found.before for label in labels[: found.at])
    wrong += sum(label != found.after for label in labels[found.at :])
    assert wrong == found.misfits <= MOST_MISFITS * len(labels)
    assert labels[: found.at].count(found.before) >= 3
    assert labels[found.at :].count(found.after) >= 3
    assert 0 < found.chance <= 0.1


@given(st.lists(st.sampled_from(("http", "opaque")), min_size=7, max_size=7))
def test_two_connections_of_a_kind_are_too_few(labels: list[str]) -> None:
    if min(labels.count("http"), labels.count("opaque")) < 3:
        assert split(labels) is None


def analyzed(folder: Path, file: str = "") -> Report:
    known = json.loads((folder / "truth.json").read_text())
    return analyze_captures(
        [str(folder / (file or known["captures"]["c-any"]["file"]))],
        load([str(folder / "services.yaml")]),
        MeshChoice("istio", known["mesh_version"]),
    )


def changes_in(folder: Path, file: str = "") -> list[TreatmentChange]:
    return [change for port in analyzed(folder, file).ports for change in port.seen.changes]


def the_change(folder: Path) -> TreatmentChange:
    """Of the client's proxy."""
    (change,) = (c for c in changes_in(folder) if c.direction is Direction.OUTBOUND)
    return change


def logged(folder: Path) -> dict[str, int]:
    """Connections by how the client's Envoy handled them, for clients with two requests each."""
    log = json.loads((folder / "truth.json").read_text())["measured"]["access_logs"]["client"]
    counted = {kind: sum(log[line] for line in lines) for kind, lines in _by_kind(list(log))}
    return {"http": counted["http"] // 2, "opaque": counted["tcp"]}


def _by_kind(lines: list[str]) -> list[tuple[str, list[str]]]:
    ordered = sorted(lines, key=lambda line: line.split()[0])
    return [(kind, list(group)) for kind, group in groupby(ordered, lambda li: li.split()[0])]


@pytest.mark.parametrize("folder", SEEN_FROM_THE_CLIENT, ids=lambda path: path.parent.name)
def test_a_rename_is_found_between_the_two_connections_that_it_fell_between(folder: Path) -> None:
    """As many connections before and after as Envoy's own log counts of each kind."""
    assert changes_in(folder)
    for change in changes_in(folder):
        told = {
            change.before.value: change.answers[0].connections,
            change.after.value: change.answers[1].connections,
        }
        assert told == logged(folder)
        assert change.misfits == 0
        assert change.last_before.frame < change.first_after.frame
        assert change.last_before.ts_ns < change.first_after.ts_ns


SEEN_FROM_THE_SERVER = [
    (folder, file)
    for folder in sorted((PCAPS / "lab").glob("renamed-to-*/*"))
    for file in ("s1-lo.pcap", "s1-eth0.pcap")
    if (folder / file).exists()
]


@pytest.mark.parametrize(
    ("folder", "file"), SEEN_FROM_THE_SERVER, ids=lambda path: getattr(path, "name", path)
)
def test_a_change_is_found_where_one_connection_carries_all_requests_of_a_kind(
    folder: Path, file: str
) -> None:
    """Between the last request of the one kind and the first of the other, to the request."""
    changes = changes_in(folder, file)
    assert changes
    kinds = ["http", "opaque"] if "to-tcp" in folder.parent.name else ["opaque", "http"]
    log = logged(folder)
    for change in changes:
        assert [change.before.value, change.after.value] == kinds
        assert change.misfits == 0
        assert change.chance >= LEAST_OF_REQUESTS
        asked = asking_frames(folder / file)
        if folder.name.endswith("-mtls") and "eth0" in file:
            assert change.last_before.frame < change.first_after.frame
            continue
        at = asked.index(change.first_after.frame)
        assert asked[at - 1] <= change.last_before.frame < asked[at]
        assert 2 * log[kinds[0]] == at
        assert [a.requests for a in change.answers] == [at, len(asked) - at]


def asking_frames(capture: Path) -> list[int]:
    """Frames with a request of HTTP/1 in clear."""
    data = capture.read_bytes()
    frames, at = [], 24
    while at < len(data):
        length = int.from_bytes(data[at + 8 : at + 12], "little")
        frames.append(data[at + 16 : at + 16 + length])
        at += 16 + length
    return [n for n, frame in enumerate(frames, 1) if b" HTTP/1.1\r\n" in frame]


@pytest.mark.parametrize(
    ("labels", "requests", "at"),
    [
        (["http", "opaque"], [3, 3], 1),
        (["http", "opaque", "opaque"], [40, 1, 2], 1),
        (["http", "opaque"], [40, 2], None),
        (["http", "opaque"], [2, 40], None),
        (["http", "opaque", "http"], [9, 9, 9], None),
        (["http", "http"], [9, 9], None),
        ([], [], None),
    ],
)
def test_requests_stand_for_the_connection_that_carries_them(
    labels: list[str], requests: list[int], at: int | None
) -> None:
    found = replaced(labels, requests)
    assert (found.at if found else None) == at


def test_failures_are_counted_before_and_after() -> None:
    before, after = the_change(INCIDENT).answers
    assert (before.requests, before.failed, before.rate) == (16, 0, 0.0)
    assert (after.requests, after.failed, after.rate) == (20, 10, 0.5)


@pytest.mark.parametrize("read", [12, 16, 20])
def test_where_only_the_first_and_last_are_read_the_change_is_the_same(
    read: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = the_change(INCIDENT)
    monkeypatch.setattr(port_marks, "MARKED_PER_PORT", read)
    found = the_change(INCIDENT)
    assert (found.last_before, found.first_after) == (whole.last_before, whole.first_after)


def test_the_timeline_says_what_was_shown_when() -> None:
    (port,) = analyzed(INCIDENT).ports
    assert port.seen.timeline is not None
    words = [word for word in port.seen.timeline.shown if word is not None]
    assert [word for word, _ in groupby(words)] == ["http", "opaque"]


BY_FILTERS = (
    b"GET / HTTP/1.1\r\nhost: web\r\nx-envoy-attempt-count: 1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nserver: istio-envoy\r\ncontent-length: 0\r\n\r\n",
)
UNREAD = (
    b"GET / HTTP/1.1\r\nHost: web\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nServer: web\r\nContent-Length: 0\r\n\r\n",
)


def pooled(
    client: str, exchange: tuple[bytes, bytes], times: int, port: int = 40000
) -> list[bytes]:
    """One connection with so many requests."""
    turns = [(side, data) for _ in range(times) for side, data in enumerate(exchange)]
    return connection(End(client, port), POD, turns)


def changes(frames: list[bytes], manifests: str = WEB) -> list[tuple[str, str, str]]:
    (port,) = observed(frames, manifests).ports
    return [(c.direction.value, c.before.value, c.after.value) for c in port.changes]


def test_one_connection_of_a_client_that_gives_way_to_another_is_a_change() -> None:
    frames = pooled(CLIENT, BY_FILTERS, 4) + pooled(CLIENT, UNREAD, 4, 40001)
    assert changes(frames) == [(way, "http", "unknown") for way in ("outbound", "inbound")]


@pytest.mark.parametrize(
    ("what", "frames", "manifests"),
    [
        (
            "another client, which may have no proxy",
            pooled(CLIENT, BY_FILTERS, 4) + pooled("10.0.0.2", UNREAD, 4),
            WEB,
        ),
        (
            "too few requests",
            pooled(CLIENT, BY_FILTERS, 4) + pooled(CLIENT, UNREAD, 2, 40001),
            WEB,
        ),
        (
            "both at a time",
            pooled(CLIENT, BY_FILTERS, 4)[:-8]
            + pooled(CLIENT, UNREAD, 4, 40001)
            + pooled(CLIENT, BY_FILTERS, 4)[-8:],
            WEB,
        ),
        (
            "a port on which each connection is looked at",
            pooled(CLIENT, BY_FILTERS, 4) + pooled(CLIENT, UNREAD, 4, 40001),
            WEB.replace("name: tcp-web, ", ""),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 50 else "",
)
def test_two_connections_that_differ_for_other_reasons_are_no_change(
    what: str, frames: list[bytes], manifests: str
) -> None:
    found = [change for change in changes(frames, manifests) if change[0] == "outbound"]
    assert found == [], what
