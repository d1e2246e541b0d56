"""Law 8: whatever protocol carries a secret, no report of any format shows it."""

from __future__ import annotations

import io
from base64 import b64encode
from functools import lru_cache

import hpack
import pytest

from sniffdiag.catalog.manifests import load
from sniffdiag.pipeline.capture import Wanted, list_flows
from sniffdiag.pipeline.diagnosis import MeshChoice, analyze_captures
from sniffdiag.report.flow_formats import FLOW_FORMATS
from sniffdiag.report.formats import FORMATS
from tests.support import h2
from tests.support.capture_files import START_NS, Frame, pcap
from tests.support.conversations import End, connection

SECRET = b"s3cr3tS3CR3T42x7"
IN_BASE_64 = b64encode(SECRET)
BEARER = b"Authorization: Bearer %b\r\n" % SECRET
FIELDS = b"Host: u:%b@shop?t=%b\r\n%bCookie: s=%b\r\nX-Key: %b\r\n" % (
    SECRET,
    SECRET,
    BEARER,
    SECRET,
    SECRET,
)
REFUSED = b"HTTP/1.1 503 %b\r\nSet-Cookie: s=%b\r\nContent-Length: %d\r\n\r\nupstream %b" % (
    SECRET,
    SECRET,
    len(SECRET) + 9,
    SECRET,
)
JWT = b"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ%b.%b" % (SECRET, SECRET)
BEARER_LEN = len(SECRET)


def over_http2(path: bytes, trailers: list[tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
    """A request with every secret a header can hold, answered by an error."""
    asked = hpack.Encoder().encode(
        [
            (b":method", b"POST"),
            (b":scheme", b"http"),
            (b":authority", b"u:%b@shop" % SECRET),
            (b":path", path),
            (b"content-type", b"application/grpc"),
            (b"authorization", SECRET),
            (b"cookie", SECRET),
            (b"x-token-bin", IN_BASE_64),
        ]
    )
    answered = hpack.Encoder().encode([(b":status", b"200"), *trailers])
    return (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + h2.frame(4) + h2.headers(asked) + h2.data(SECRET),
        h2.frame(4) + h2.headers(answered, flags=5) + h2.frame(7, bytes(8) + SECRET),
    )


def mqtt_connect() -> bytes:
    body = b"\x00\x04MQTT\x04\xc2\x00\x3c\x00\x01a\x00\x01u\x00" + bytes([BEARER_LEN]) + SECRET
    return bytes([0x10, len(body)]) + body


SAID: dict[str, tuple[bytes, bytes]] = {
    "query": (b"GET /a?token=%b HTTP/1.1\r\n%b\r\n" % (SECRET, FIELDS), REFUSED),
    "fragment": (b"GET /a#t=%b HTTP/1.1\r\n%b\r\n" % (SECRET, FIELDS), REFUSED),
    "query encoded twice": (b"GET /a%%3Ft=%b HTTP/1.1\r\n%b\r\n" % (SECRET, FIELDS), REFUSED),
    "userinfo": (b"GET http://u:%b@shop/a HTTP/1.1\r\n%b\r\n" % (SECRET, FIELDS), REFUSED),
    "path parameter": (b"GET /a;s=%b/b HTTP/1.1\r\n%b\r\n" % (SECRET, FIELDS), REFUSED),
    "token in the path": (b"GET /verify/%b HTTP/1.1\r\n%b\r\n" % (JWT, FIELDS), REFUSED),
    "a line that is cut": (b"GET /a?token=" + SECRET, b""),
    "proxy": (b"CONNECT u:%b@a:443 HTTP/1.1\r\n%b\r\n" % (SECRET, FIELDS), REFUSED),
    "behind a PROXY header": (
        b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\nGET /?t=%b HTTP/1.1\r\n%b\r\n" % (SECRET, FIELDS),
        REFUSED,
    ),
    "body": (b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (BEARER_LEN, SECRET), REFUSED),
    "grpc": over_http2(b"/a.B/C?t=" + SECRET, [(b"grpc-status", b"7"), (b"grpc-message", SECRET)]),
    "http2": over_http2(b"/a;v=%b?t=%b" % (SECRET, SECRET), [(b"set-cookie", SECRET)]),
    "redis": (b"*2\r\n$4\r\nAUTH\r\n$16\r\n%b\r\n" % SECRET, b"-ERR %b\r\n" % SECRET),
    "smtp": (b"EHLO a\r\nAUTH PLAIN %b\r\n" % IN_BASE_64, b"220 a ESMTP\r\n250 AUTH PLAIN\r\n"),
    "ftp": (b"USER a\r\nPASS %b\r\n" % SECRET, b"220 ftp\r\n331 pass\r\n"),
    "pop3": (b"USER a\r\nPASS %b\r\n" % SECRET, b"+OK POP3\r\n+OK\r\n"),
    "imap": (b"a LOGIN u %b\r\n" % SECRET, b"* OK IMAP4rev1\r\n"),
    "nats": (b'CONNECT {"auth_token":"%b"}\r\n' % SECRET, b'INFO {"nonce":"%b"}\r\n' % SECRET),
    "sip": (b"REGISTER sip:u:%b@h SIP/2.0\r\n%b\r\n" % (SECRET, BEARER), b"SIP/2.0 401 No\r\n\r\n"),
    "rtsp": (b"DESCRIBE rtsp://u:%b@h/a RTSP/1.0\r\n\r\n" % SECRET, b"RTSP/1.0 200 OK\r\n\r\n"),
    "mqtt": (mqtt_connect(), b"\x20\x02\x00\x00"),
    "memcached": (b"get %b\r\n" % SECRET, b"END\r\n"),
    "nothing known": (SECRET * 4, SECRET * 4),
}
NAMES = ("tcp-a", "http-a", "grpc-a", "https-a", "")


@lru_cache
def capture(*, handshake: bool) -> bytes:
    frames = [
        frame
        for at, turns in enumerate(SAID.values())
        for frame in connection(
            End("10.0.0.1", 40_000 + at),
            End("10.0.0.7", 8000 + at),
            enumerate(turns),
            handshake=handshake,
            isn=at << 20,
        )
    ]
    return pcap(Frame(frame, START_NS + at * 1_000_000) for at, frame in enumerate(frames))


def hold(text: str) -> None:
    """No secret, in clear or as it may have been recoded."""
    for form in (SECRET, IN_BASE_64, SECRET.hex().encode(), SECRET.swapcase()):
        at = text.find(form.decode())
        assert at < 0, text[max(at - 200, 0) : at + 50]


@pytest.mark.parametrize("handshake", [True, False])
@pytest.mark.parametrize("format_", FLOW_FORMATS)
def test_no_list_of_flows_shows_a_secret(format_: str, handshake: bool) -> None:  # noqa: FBT001
    found = list_flows(
        ["-"], stdin=io.BytesIO(capture(handshake=handshake)), wanted=Wanted(facts=True, ja4=True)
    )
    text = "".join(FLOW_FORMATS[format_](found))
    assert text.count("10.0.0.7") >= len(SAID)
    hold(text)


@pytest.mark.parametrize("handshake", [True, False])
@pytest.mark.parametrize("version", ["1.1", "1.3.6", "1.20"])
@pytest.mark.parametrize("first", range(len(NAMES)))
def test_no_report_shows_a_secret(first: int, version: str, handshake: bool) -> None:  # noqa: FBT001
    declared = [
        f"shop/a{at}:{8000 + at}/{NAMES[(first + at) % len(NAMES)]}=10.0.0.7"
        for at in range(len(SAID))
    ]
    report = analyze_captures(
        ["-"],
        load([], declarations=declared),
        MeshChoice(version=version),
        stdin=io.BytesIO(capture(handshake=handshake)),
    )
    assert report.findings
    for render in FORMATS.values():
        hold(render(report))
