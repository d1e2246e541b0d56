"""Tags of segments: by table, against a plain reading of the rules, and on whole chunks."""

from __future__ import annotations

import re
import struct

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sniffdiag.identify import http2
from sniffdiag.nominate.nominate import HANDSHAKE_TYPES, nominate
from sniffdiag.nominate.tags import Tag
from tests.support import h2, hellos
from tests.support.samples import ALL_SAMPLES


def tags_of(payloads: list[bytes], *, filler: bytes = b"") -> list[Tag]:
    """All payloads in one chunk, each followed by `filler`."""
    data = np.frombuffer(b"".join(payload + filler for payload in payloads) + bytes(1), np.uint8)
    lens = np.array([len(payload) for payload in payloads], np.int32)
    steps = lens.astype(np.int64) + len(filler)
    tags: npt.NDArray[np.uint8] = nominate(data, np.cumsum(steps) - steps, lens)
    return [Tag(tag) for tag in tags]


DNS_QUESTION = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\x03www\x07example\x03com\0\0\1\0\1"
TABLE = {
    "nothing": (b"", Tag.EMPTY),
    "one byte": (b"\x00", Tag.OTHER),
    "get": (b"GET / HTTP/1.1\r\n", Tag.HTTP1_REQUEST),
    "bare line feed": (b"GET / HTTP/1.0\n", Tag.HTTP1_REQUEST),
    "unheard-of method": (b"M-SEARCH~1 * HTTP/1.1\r\nHost: a\r\n", Tag.HTTP1_REQUEST),
    "one-letter method": (b"X / HTTP/1.1\r\n", Tag.HTTP1_REQUEST),
    "long target": (b"GET /" + b"a" * 200 + b" HTTP/1.1\r\n", Tag.HTTP1_REQUEST),
    "very long target": (b"GET /" + b"a" * 600 + b" HTTP/1.1\r\n", Tag.HTTP1_REQUEST_OPEN),
    "cut in the target": (b"GET /index", Tag.HTTP1_REQUEST_OPEN),
    "cut in the version": (b"GET /index HTT", Tag.HTTP1_REQUEST_OPEN),
    "cut before the line feed": (b"GET /index HTTP/1.1\r", Tag.HTTP1_REQUEST_OPEN),
    "method alone": (b"GET ", Tag.OTHER),
    "no target": (b"GET  HTTP/1.1\r\n", Tag.OTHER),
    "http/2 in the line": (b"GET / HTTP/2.0\r\n", Tag.OTHER),
    "rtsp": (b"OPTIONS * RTSP/1.0\r\n", Tag.OTHER),
    "redis": (b"*1\r\n$4\r\nPING\r\n", Tag.OTHER),
    "prose": (b"the quick brown fox jumps over the lazy dog", Tag.OTHER),
    "not a token": (b"G(T / HTTP/1.1\r\n", Tag.OTHER),
    "method too long": (b"A" * 33 + b" / HTTP/1.1\r\n", Tag.OTHER),
    "response": (b"HTTP/1.1 200 OK\r\n", Tag.HTTP1_RESPONSE),
    "shortest response": (b"HTTP/1.1 200", Tag.HTTP1_RESPONSE),
    "cut response": (b"HTTP/1.1 20", Tag.OTHER),
    "preface": (h2.PREFACE + h2.SETTINGS, Tag.HTTP2_PREFACE),
    "cut preface": (h2.PREFACE[:16], Tag.HTTP2_PREFACE),
    "preface cut too short": (h2.PREFACE[:15], Tag.OTHER),
    "settings": (h2.SETTINGS, Tag.HTTP2_FRAMES),
    "headers and data": (h2.headers(b"\x82\x86") + h2.data(b"x"), Tag.HTTP2_FRAMES),
    "two frames, second cut": (h2.PING + h2.data(bytes(99))[:40], Tag.HTTP2_FRAMES),
    "data larger than the segment": (h2.data(bytes(99))[:40], Tag.OTHER),
    "two frames, then none": (h2.PING + h2.PING + b"\xff" * 20, Tag.OTHER),
    "zeros": (bytes(64), Tag.OTHER),
    "client hello": (hellos.CLIENT_HELLO, Tag.TLS_CLIENT_HELLO),
    "application data": (hellos.APPLICATION_DATA, Tag.TLS_RECORD),
    "alert": (hellos.ALERT, Tag.TLS_RECORD),
    "record header alone": (b"\x17\x03\x03\x00\x20", Tag.TLS_RECORD),
    "handshake header alone": (b"\x16\x03\x03\x00\x20", Tag.OTHER),
    "empty record": (b"\x17\x03\x03\x00\x00", Tag.OTHER),
    "dns question": (DNS_QUESTION, Tag.DNS_QUERY),
    "dns answer": (b"\x12\x34\x81\x80" + DNS_QUESTION[4:], Tag.DNS_ANSWER),
    "dns question cut": (DNS_QUESTION[:-1], Tag.OTHER),
    "mdns has no id": (b"\0\0" + DNS_QUESTION[2:], Tag.OTHER),
    "llmnr does not ask for recursion": (b"\x12\x34\0\0" + DNS_QUESTION[4:], Tag.OTHER),
    "netbios name": (DNS_QUESTION[:-4] + b"\0\x20\0\1", Tag.OTHER),
    "record too long": (b"\x17\x03\x03\xff\xff", Tag.OTHER),
}


@pytest.mark.parametrize(("payload", "tag"), TABLE.values(), ids=TABLE.keys())
@pytest.mark.parametrize("filler", [b"", bytes(300), b" / HTTP/1.1\r\n" * 30])
def test_a_payload_is_tagged_by_its_own_bytes_alone(
    payload: bytes, tag: Tag, filler: bytes
) -> None:
    assert tags_of([payload], filler=filler) == [tag]


# The rules once more, for one payload at a time.

TCHAR = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
METHOD = re.compile(rb"(%b{1,32}) " % TCHAR)
REST = re.compile(rb" HTTP/1\.\d\r?\n")
STATUS = re.compile(rb"HTTP/1\.\d \d{3}")
OPEN_REST = re.compile(rb"(?: (?:H(?:T(?:T(?:P(?:/(?:1(?:\.(?:\d\r?)?)?)?)?)?)?)?)?)?\Z")


def plain_tag(payload: bytes) -> Tag:  # noqa: PLR0911 - one rule a line
    if not payload:
        return Tag.EMPTY
    if tag := plain_tls(payload):
        return tag
    if STATUS.match(payload):
        return Tag.HTTP1_RESPONSE
    if payload[:16] == h2.PREFACE[:16]:
        return Tag.HTTP2_PREFACE
    if tag := plain_dns(payload):
        return tag
    if plain_frames(payload):
        return Tag.HTTP2_FRAMES
    return plain_request(payload)


def plain_tls(payload: bytes) -> Tag | None:
    if len(payload) < 5 or payload[0] not in range(20, 24) or payload[1] != 3 or payload[2] > 4:
        return None
    if not 0 < int.from_bytes(payload[3:5]) <= 16384 + 2048:
        return None
    if payload[0] != 22:
        return Tag.TLS_RECORD
    if len(payload) == 5 or payload[5] not in HANDSHAKE_TYPES:
        return None
    hellos_by_type = {1: Tag.TLS_CLIENT_HELLO, 2: Tag.TLS_SERVER_HELLO}
    return hellos_by_type.get(payload[5], Tag.TLS_HANDSHAKE)


def plain_dns(payload: bytes) -> Tag | None:
    """RFC 1035 4.1 with RD set and an id, read one field at a time."""
    if len(payload) < 17 or payload[:2] == bytes(2):
        return None
    flags, questions, answers, authorities, others = struct.unpack_from("!5H", payload, 2)
    is_answer = bool(flags & 0x8000)
    if flags & 0x7940 != 0x0100 or questions != 1 or answers + authorities + others > 128:
        return None
    if not is_answer and (answers or authorities):
        return None
    at, labels = 12, 0
    while at < min(188, len(payload)) and labels < 16 and 0 < payload[at] <= 63:
        at, labels = at + 1 + payload[at], labels + 1
    tail = payload[at + 1 : at + 5]
    if at >= 188 or labels == 16 or payload[at : at + 1] != b"\0" or len(tail) < 4:
        return None
    if tail[2:] != b"\0\1" or tail[:2] in (b"\0\x20", b"\0\x21"):
        return None
    return Tag.DNS_ANSWER if is_answer else Tag.DNS_QUERY


def plain_frames(payload: bytes) -> bool:
    at = 0
    for count in range(8):
        header = payload[at : at + 9]
        if len(header) < 9:
            return at == len(payload) > 0 or count >= 2
        if not http2._is_valid_header(http2.frame_at(header, 0)):
            return False
        at += 9 + int.from_bytes(header[:3])
    return True


def plain_request(payload: bytes) -> Tag:
    method = METHOD.match(payload)
    if not method:
        return Tag.OTHER
    end = begin = method.end()
    while end < len(payload) and payload[end] > 0x20:
        end += 1
    if end == begin:
        return Tag.OTHER
    if end >= 256 or OPEN_REST.match(payload, end):
        return Tag.HTTP1_REQUEST_OPEN
    return Tag.HTTP1_REQUEST if REST.match(payload, end) else Tag.OTHER


SAMPLE_BYTES = [
    data
    for samples in ALL_SAMPLES.values()
    for talk in samples.talks
    for data in (talk.client, talk.server)
    if data
]


def mutated(payload: bytes, at: int, byte: int) -> bytes:
    return payload[: at % len(payload)] + bytes([byte]) + payload[at % len(payload) + 1 :]


WHOLE = st.sampled_from(SAMPLE_BYTES) | st.sampled_from(
    [entry[0] for entry in TABLE.values() if entry[0]]
)
MUTATED = st.builds(mutated, WHOLE, st.integers(0, 40), st.integers(0, 255))
CUT = st.builds(lambda payload, end: payload[:end], WHOLE | MUTATED, st.integers(0, 300))
REQUEST = st.builds(
    lambda method, target, rest: method + b" " + target + rest,
    st.text(alphabet="ABCGETX-!(", max_size=40).map(str.encode),
    st.binary(max_size=4) | st.integers(0, 300).map(lambda n: b"/" + b"a" * n),
    st.sampled_from(
        [b" HTTP/1.1\r\n", b" HTTP/1.1\n", b" HTTP/1.1\r", b" HTTP/1.x\r\n", b" HTT", b""]
    ),
)
FRAMES = st.lists(
    st.builds(
        lambda kind, flags, stream, payload: h2.frame(kind, payload, flags=flags, stream=stream),
        st.integers(0, 10),
        st.sampled_from([0, 1, 4, 5, 8]),
        st.sampled_from([0, 1, 2, 3, 1 << 31]),
        st.sampled_from([b"", bytes(4), bytes(5), bytes(6), bytes(8), bytes(9)]),
    ),
    min_size=1,
    max_size=12,
).map(b"".join)
DNS = st.builds(
    lambda flags, labels, tail: b"\x12\x34" + flags + bytes(6) + labels + tail,
    st.sampled_from([b"\1\0\0\1", b"\x81\x80\0\1", b"\0\0\0\1", b"\1\x40\0\1"]),
    st.lists(st.integers(1, 70).map(lambda n: bytes([n]) + b"a" * n), max_size=18).map(b"".join),
    st.sampled_from([b"\0\0\1\0\1", b"\0\0\x21\0\1", b"\0\0\1\0\xff", b"\0\0", b""]),
)
PAYLOAD = CUT | REQUEST | FRAMES | DNS | st.binary(max_size=40)


@settings(max_examples=400)
@given(payloads=st.lists(PAYLOAD, max_size=12), filler=st.sampled_from([b"", bytes(64), b"GET / "]))
@example(payloads=[b"GET /" + b"a" * count for count in range(245, 260)], filler=b"")
def test_columns_agree_with_a_plain_reading_of_the_rules(
    payloads: list[bytes], filler: bytes
) -> None:
    assert tags_of(payloads, filler=filler) == [plain_tag(payload) for payload in payloads]


def test_no_rows_are_no_tags() -> None:
    assert tags_of([]) == []
