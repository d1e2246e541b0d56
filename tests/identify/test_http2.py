"""HTTP/2 frames: the table of RFC 9113, and chains across later segments."""

from __future__ import annotations

import pytest

from sniffdiag.identify.http2 import measure, probe
from sniffdiag.identify.resolve import identify
from sniffdiag.identify.verdict import Answer, Heads, Sample, Side
from sniffdiag.model import Transport
from tests.support import h2

VALID = {
    "data": h2.data(b"x"),
    "headers": h2.headers(b"\x82"),
    "priority": h2.frame(2, bytes(5), stream=3),
    "rst_stream": h2.frame(3, b"\x00\x00\x00\x08", stream=3),
    "settings": h2.SETTINGS,
    "settings ack": h2.SETTINGS_ACK,
    "ping": h2.PING,
    "goaway": h2.GOAWAY,
    "window update of the connection": h2.WINDOW_UPDATE,
    "window update of a stream": h2.frame(8, b"\x00\x00\x00\x01", stream=1),
    "continuation": h2.frame(9, b"x", flags=4, stream=1),
}
INVALID = {
    "data on stream 0": h2.frame(0, b"x"),
    "pushed stream": h2.data(b"x", stream=2),
    "reserved bit": h2.data(b"x", stream=1 | 1 << 31),
    "unknown flag": h2.data(b"x", flags=2),
    "priority of 4": h2.frame(2, bytes(4), stream=3),
    "error code 14": h2.frame(3, b"\x00\x00\x00\x0e", stream=3),
    "settings of 5": h2.frame(4, bytes(5)),
    "setting 7": h2.frame(4, b"\x00\x07\x00\x00\x00\x00"),
    "settings ack with payload": h2.frame(4, bytes(6), flags=1),
    "ping on a stream": h2.frame(6, bytes(8), stream=1),
    "window update by 0": h2.frame(8, bytes(4)),
    "unknown type": h2.frame(10, b"x", stream=1),
    "longer than allowed": h2.data(bytes(16385)),
}


@pytest.mark.parametrize("frame", VALID.values(), ids=VALID.keys())
def test_a_valid_frame_is_measured(frame: bytes) -> None:
    assert measure(frame, 0) == len(frame)


@pytest.mark.parametrize("frame", INVALID.values(), ids=INVALID.keys())
def test_an_invalid_frame_is_none(frame: bytes) -> None:
    assert measure(frame, 0) < 0


def test_a_frame_that_ends_where_a_later_segment_begins_is_followed() -> None:
    head = h2.headers(b"\x88") + h2.data(bytes(9000))[:500]
    alone = Side(h2.data(bytes(9000))[:500])
    later = Sample(9009, h2.PING, whole=True)
    assert probe(Heads(server=Side(head))).answer is Answer.CERTAIN
    assert probe(Heads(server=alone)).answer is Answer.NEED_MORE
    followed = Side(alone.head, samples=(later,))
    assert probe(Heads(server=followed)).answer is Answer.CERTAIN


def test_a_frame_that_fills_its_segment_counts_where_the_next_segment_proves_the_border() -> None:
    next_segment = Sample(len(h2.PING), b"", whole=False)
    assert probe(Heads(client=Side(h2.PING))).answer is Answer.NEED_MORE
    bordered = Side(h2.PING, samples=(next_segment,))
    assert probe(Heads(client=bordered)).answer is Answer.POSSIBLE


def test_an_upgrade_is_the_clients_word_and_names_what_was_asked() -> None:
    verdict = probe(
        Heads(
            Side(b"GET /a HTTP/1.1\r\nHost: web\r\nUpgrade: h2c\r\n\r\n", from_start=True),
            Side(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", from_start=True),
        )
    )
    assert verdict.answer is Answer.CERTAIN
    assert verdict.by_client
    assert (verdict.facts.upgrade, verdict.facts.target) == ("h2c", "/a")


def test_frames_that_answer_an_http1_request_show_a_server_of_http2_alone() -> None:
    request = b"GET /api HTTP/1.1\r\nhost: reviews\r\n\r\n"
    settings = b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64"
    goaway = b"\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"
    heads = Heads(Side(request, from_start=True), Side(settings + goaway, from_start=True))
    found = identify(heads, Transport.TCP, oriented=True)
    assert (found.protocol, found.answered) == ("http", "http2")


@pytest.mark.parametrize(
    ("answer", "answered"),
    [
        pytest.param(b'<!DOCTYPE HTML>\n<html lang="en">', "http", id="an HTML page"),
        pytest.param(b"<html><title>400</title></html>", "http", id="a page without doctype"),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", "http", id="a status line"),
        pytest.param(b"<?xml version='1.0'?><error/>", None, id="other text"),
    ],
)
def test_a_preface_that_was_not_understood_is_answered_by_http(
    answer: bytes, answered: str | None
) -> None:
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    heads = Heads(Side(preface, from_start=True), Side(answer, from_start=True))
    found = identify(heads, Transport.TCP, oriented=True)
    assert (found.protocol, found.answered) == ("http2", answered)


def test_a_page_that_answers_no_preface_is_only_a_file() -> None:
    heads = Heads(Side(complete=True), Side(b"<!DOCTYPE html><html>...", from_start=True))
    assert identify(heads, Transport.TCP, oriented=True).protocol == "tcp"
