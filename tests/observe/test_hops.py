"""Connections looked for on the next leg: what counts as the same, as rewritten, and as neither."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sniffdiag.marks.tls_records import Message
from sniffdiag.observe.hops import EARLY_NS, Trace, compare

ASK = b"GET /a HTTP/1.1\r\nHost: reviews\r\nUser-Agent: shop\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nServer: reviews/2\r\n\r\n"
REWRITTEN = b"GET /a HTTP/1.1\r\nhost: reviews\r\nx-request-id: 1\r\n\r\n"
SECOND = 1_000_000_000


def trace(row: int, asked: bytes = ASK, answered: bytes = ANSWER, *, at: int = 10) -> Trace:
    """One connection that lasts a second."""
    return Trace(
        row=row,
        client="10.244.1.10",
        frame=row,
        first_ts_ns=at * SECOND,
        last_ts_ns=(at + 1) * SECOND,
        asked=asked,
        answered=answered,
        whole=True,
        telling=True,
        sizes=(len(asked), len(answered)),
        asked_in_full=asked,
    )


def sealed(row: int, dialogue: str) -> Trace:
    """The mesh's own TLS with messages of these sizes inside."""
    said = tuple(Message(word[0] == "C", int(word[1:])) for word in dialogue.split())
    return replace(trace(row, b"\x16\x03\x01", b"\x16\x03\x03"), sealed=said)


def found(one: Trace, *others: Trace, same_client: bool = True) -> list[tuple[int, bool, bool]]:
    return [
        (pair.after, pair.same, pair.sure)
        for pair in compare([one], others, same_client=same_client)
    ]


def test_the_same_bytes_both_ways_are_the_same_connection() -> None:
    assert found(trace(1), trace(2)) == [(2, True, True)]


@pytest.mark.parametrize(
    "other",
    [
        trace(2, answered=ANSWER.replace(b"200", b"404")),
        trace(2, at=20),
        replace(trace(2), client="10.244.9.9"),
        replace(trace(2), first_ts_ns=10 * SECOND - EARLY_NS - 1),
        trace(2, b"GET /b HTTP/1.1\r\nHost: reviews\r\n\r\n"),
    ],
    ids=["another answer", "another time", "another client", "a pool's", "another request"],
)
def test_another_connection_is_not_taken_for_it(other: Trace) -> None:
    assert found(trace(1), other) == []


def test_a_servers_sidecar_does_not_keep_the_clients_address() -> None:
    other = replace(trace(2), client="127.0.0.6")
    assert found(trace(1), other, same_client=False) == [(2, True, True)]


def test_a_request_written_anew_in_a_pool() -> None:
    pool = trace(2, b"GET /z HTTP/1.1\r\nhost: reviews\r\n\r\n" + REWRITTEN)
    pool = replace(pool, first_ts_ns=0)
    assert found(trace(1), pool) == [(2, False, True)]


def test_first_lines_alone_are_equal_whatever_is_between() -> None:
    one, other = trace(1, ASK[:20], ANSWER[:17]), trace(2, ASK[:20], ANSWER[:17])
    assert found(replace(one, telling=False), other) == []


def test_bytes_that_were_cut_are_neither_same_nor_rewritten() -> None:
    assert found(trace(1), trace(2, ASK[:30])) == []


@pytest.mark.parametrize(
    "said",
    [
        f"C{len(ASK)} S{len(ANSWER)}",
        f"C20 C{len(ASK) - 20} S{len(ANSWER)}",
        f"C{len(ASK)} S1196 S{len(ANSWER)}",
        f"C310 C{len(ASK)} S290 S{len(ANSWER)}",
    ],
    ids=["one record each", "in two records", "behind tickets", "behind metadata exchange"],
)
def test_records_that_add_up_to_the_plaintext_hold_it_unread(said: str) -> None:
    assert found(trace(1), sealed(2, said)) == [(2, True, True)]
    assert [
        (pair.before, pair.same)
        for pair in compare([sealed(2, said)], [trace(1)], same_client=False)
    ] == [(2, True)]


def test_records_of_other_sums_show_that_it_was_rewritten_but_not_surely() -> None:
    assert found(trace(1), sealed(2, "C620 S187")) == [(2, False, False)]
    assert found(trace(1), replace(sealed(2, "C620 S187"), whole=False)) == []
