"""HTTP/1.x: any method, requests and responses, joined mid-stream, one side missing (RFC 9112).

On a stream seen from its start only the first line decides. Joined mid-stream, a whole message
start (line and first field) at the beginning of the head or of a later segment is certain; one in
the middle of the head may be text inside a body and needs the other side to agree.

Damaged first lines, as old clients, scanners and evasion tools send them, are HTTP as well: a known
method and a version somewhere behind it, or a version where a status line begins. They are only
read for what they are, not for facts.

HTTP/0.9 has no signature worth the name (`GET /x` alone) and is never certain. Bodies and chunks
are not followed, and HTTP/1 over UDP (SSDP) is another protocol.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from sniffdiag.identify.clue import ANYHOW, Beginnings, Sounding
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.sides import asked, judge, raised, text
from sniffdiag.identify.verdict import (
    NEED_MORE,
    NO,
    Answer,
    Detector,
    Facts,
    Heads,
    Side,
    Verdict,
    certain,
    possible,
)
from sniffdiag.identify.wire import Text
from sniffdiag.model import Transport
from sniffdiag.records import dataclass

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
"""tchar, RFC 9110 5.6.2."""
SWITCHING_PROTOCOLS = b"101"
METHOD_MAX_LEN = 32
"""Twice the longest registered method (UPDATEREDIRECTREF)."""
VERSION = b"HTTP/1."
"""In every request line and status line of HTTP/1."""
TARGET = rb"[^\x00-\x20\x7f]+"
"""Wider than RFC 9112 3.2: raw UTF-8 is sent and served."""
TLS_HANDSHAKE = b"\x16\x03"
"""What follows a CONNECT request in nearly all cases (RFC 8446 5.1)."""
METHOD = TOKEN + rb"{1,%d}" % METHOD_MAX_LEN

SPACED_PATH = rb"/[^\x00-\x1f\x7f]*?"
"""Against the grammar, yet sent and answered: RFC 9112 3 lets recipients be lenient here."""
_REQUEST = lazy(rb"[\r\n]*(%b) (%b|%b) HTTP/(1\.\d)" % (METHOD, TARGET, SPACED_PATH))
_QUERY = lazy(rb"[?#]|%(?:3[Ff]|23)")
"""Where a path ends; twice encoded, too, as by proxies that pass on where one came from."""
_PATH_PARAMETERS = lazy(rb"(?:;|%3[Bb])[^/]*")
_USERINFO = lazy(rb"(?<=//)[^/@]*@")
_AFTER_HOST = lazy(rb"(?s)[/?#].*")
_TOKEN = lazy(
    rb"(?<![\w-])(?:eyJ[\w-]{8,}(?:\.[\w-]*)+"
    rb"|(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?=(?:[\w-]*?\d){2})[\w-]{20,}"
    rb"|(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{32,})(?![\w-])"
)
"""JSON Web Tokens (RFC 7519), long words of both cases and digits, long hexadecimal numbers: what
links for logging in and bots' addresses have in the path. Names and UUIDs are none of it."""
_HIDDEN = "\u2026".encode()
_STATUS = lazy(rb"HTTP/(1\.\d) (\d{3})")
_OPEN_STATUS = lazy(rb"H(?:T(?:T(?:P(?:/(?:1(?:\.(?:\d(?: \d{0,2})?)?)?)?)?)?)?)?\Z")

_OPEN_VERSION = rb"(?:H(?:T(?:T(?:P(?:/(?:1(?:\.)?)?)?)?)?)?)?"
_OPEN_REQUEST = lazy(
    rb"[\r\n]*(?:%b(?: (?:%b(?: %b)?|%b)?)?)?\Z" % (METHOD, TARGET, _OPEN_VERSION, SPACED_PATH)
)
_OPEN_TARGET = lazy(
    rb"[\r\n]*[A-Z][A-Z-]{2,} (?:/|https?://)[^\x00-\x20\x7f]*(?: %b)?\Z" % _OPEN_VERSION
)
"""As above with a method and a target as most are: enough to call it possible."""
_RUNS_PAST = "HTTP/1 request line that runs past the captured bytes"
_HTTP09 = lazy(rb"GET (/[^\x00-\x20\x7f]*)\r?(?:\n|\Z)")

_BLANKS = b" \t\r\n"
_METHODS = tuple(
    b"GET HEAD POST PUT DELETE CONNECT OPTIONS TRACE PATCH PROPFIND PROPPATCH MKCOL COPY MOVE LOCK "
    b"UNLOCK SEARCH REPORT".split()
)
"""RFC 9110 9, RFC 5789, and the frequent ones of RFC 4918."""
_WORD = lazy(rb"[A-Za-z]*")
_ANY_VERSION = lazy(rb"[ \t\v\f]HTTP/", re.IGNORECASE)
_ODD_STATUS = lazy(rb"[\r\n \t]*HTTP/\d", re.IGNORECASE)
_OPEN_ODD_STATUS = lazy(rb"[\r\n \t]*(?:H(?:T(?:T(?:P/?)?)?)?)?\Z", re.IGNORECASE)
_ODD_LINE_MAX_LEN = 1 << 13

HTTP2_PREFACE_LINE = b"PRI * HTTP/2.0\r\n"
_PAGES = (b"<!doctype html", b"<html")

_FIELD = TOKEN + rb"++:"
_REQUEST_START = lazy(
    rb"(?<![\r\n])[\r\n]*+(%b) (%b) HTTP/(1\.\d)\r?\n%b" % (METHOD, TARGET, _FIELD)
)
_STATUS_START = lazy(rb"HTTP/(1\.\d) (\d{3})[^\r\n]*+\r?\n%b" % _FIELD)
"""These are searched for in bytes that nobody promised to be HTTP: nothing may be tried twice."""
_INNER_REQUEST = lazy(
    rb"(?:(?<=\n)%b|GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS) %b HTTP/1\.\d\r?\n%b"
    % (METHOD, TARGET, _FIELD)
)
_FIELDS = {
    name: lazy(rb"\n%b:([^\r\n]*+)\r?\n" % name, re.IGNORECASE)
    for name in (
        b"host",
        b"content-type",
        b"upgrade",
        b"connection",
        b"content-length",
        b"transfer-encoding",
    )
}
_FIELDS_END = lazy(rb"\r?\n\r?\n")


@dataclass(frozen=True, slots=True)
class Message:
    """The start of one message: its first line and what is there of its fields."""

    line: re.Match[bytes]
    fields: bytes
    """From the end of the first line to the empty line (or to the end of what was captured)."""
    whole: bool
    """The empty line was seen: no field is missing."""
    body: bytes

    def field(self, name: bytes) -> bytes | None:
        """Value of the first field of that name, if all of it was captured."""
        found = _FIELDS[name].search(self.fields)
        return found[1].strip(b" \t") if found else None


def request(head: bytes) -> Message | None:
    """The request that `head` begins with."""
    return message(_REQUEST.match(head), head)


def response(head: bytes) -> Message | None:
    """The response that `head` begins with."""
    return message(_STATUS.match(head), head)


def message(line: re.Match[bytes] | None, head: bytes) -> Message | None:
    """The message of which `line` is the first line in `head`."""
    if line is None:
        return None
    end = _FIELDS_END.search(head, line.end())
    if end is None:
        return Message(line, head[line.end() :], whole=False, body=b"")
    # The last field keeps its own line end.
    return Message(line, head[line.end() : end.end()], whole=True, body=head[end.end() :])


def request_facts(head: bytes) -> Facts:
    """What the first request says."""
    first = request(head)
    return Facts() if first is None else facts_of_request(first)


def facts_of_request(message: Message) -> Facts:
    """What a request says."""
    method, target, version = message.line.groups()[:3]
    tunnelled = method == b"CONNECT" and message.body.startswith(TLS_HANDSHAKE)
    return Facts(
        http_version=text(version),
        method=text(method),
        target=path(target),
        host=host(message.field(b"host")),
        content_type=_optional_text(message.field(b"content-type")),
        switched_to="tls" if tunnelled else None,
    )


def response_facts(head: bytes) -> Facts:
    """What the first response says."""
    first = response(head)
    return Facts() if first is None else facts_of_response(first)


def facts_of_response(message: Message) -> Facts:
    """What a response says."""
    version, status = message.line.groups()[:2]
    switched = status == SWITCHING_PROTOCOLS
    return Facts(
        http_version=text(version),
        status=int(status),
        content_type=_optional_text(message.field(b"content-type")),
        upgrade=_optional_text(message.field(b"upgrade")) if switched else None,
    )


def _optional_text(value: bytes | None) -> str | None:
    return text(value) if value else None


def host(value: bytes | None) -> str | None:
    """A Host field or an `:authority` without userinfo, where passwords are (RFC 9110 4.2.4).

    Nor what should not be there at all: a path, a query.
    """
    return _optional_text(value and _AFTER_HOST.sub(b"", value.rpartition(b"@")[2]))


def path(target: bytes) -> str:
    """The target without what may hold a secret: query, fragment, userinfo, parameters, tokens.

    Servlet containers put a session's id into parameters: `/cart;jsessionid=...`.
    """
    bare = _USERINFO.sub(b"", _PATH_PARAMETERS.sub(b"", _QUERY.split(target, 1)[0]))
    shown = text(_TOKEN.sub(_HIDDEN, bare))
    if "://" not in shown:
        return shown.rpartition("@")[2] if not shown.startswith("/") else shown
    try:
        return urlsplit(shown).path or "/"
    except ValueError:
        return "/"


def probe_client(side: Side) -> Verdict:
    """A request line, at the start or, joined mid-stream, at a message start."""
    if not side.from_start:
        return _probe_midstream(side, REQUESTS)
    if _REQUEST.match(side.head):
        return certain("HTTP/1 request line", request_facts(side.head))
    if _OPEN_TARGET.match(side.head):
        return possible(_RUNS_PAST)
    if _OPEN_REQUEST.match(side.head):
        return NEED_MORE
    return _probe_odd_request(side.head)


def _probe_odd_request(head: bytes) -> Verdict:
    odd = _is_odd_request(head)
    if odd is not False:
        return certain("a damaged HTTP request line") if odd else NEED_MORE
    if old := _HTTP09.match(head):
        facts = Facts(http_version="0.9", method="GET", target=path(old[1]))
        return possible("a request line without version, as in HTTP/0.9", facts)
    return NO


def _is_odd_request(head: bytes) -> bool | None:
    """Whether a known method and a version are in the first line; None while they may yet be."""
    line, ended, _ = head.lstrip(_BLANKS)[:_ODD_LINE_MAX_LEN].partition(b"\n")
    word = _WORD.match(line)
    method = word[0].upper() if word else b""
    if len(method) == len(line):
        return None if not ended and any(m.startswith(method) for m in _METHODS) else False
    if method not in _METHODS:
        return False
    if _ANY_VERSION.search(line):
        return True
    return False if ended or len(line) == _ODD_LINE_MAX_LEN else None


def probe_server(side: Side) -> Verdict:
    """A status line, at the start or, joined mid-stream, at a message start."""
    if not side.from_start:
        return _probe_midstream(side, RESPONSES)
    if _STATUS.match(side.head):
        return certain("HTTP/1 status line", response_facts(side.head))
    if _OPEN_STATUS.match(side.head) or _OPEN_ODD_STATUS.match(side.head):
        return NEED_MORE
    if _ODD_STATUS.match(side.head):
        return certain("a damaged HTTP status line")
    return NEED_MORE if _begins_as_page(side.head) else NO


def _begins_as_page(head: bytes) -> bool:
    return any(page.startswith(head[: len(page)].lower()) for page in _PAGES)


@dataclass(frozen=True, slots=True)
class Starts:
    """How a message start looks in one direction, strictest first."""

    name: str
    with_field: re.Pattern[bytes]
    line: re.Pattern[bytes]
    inner: re.Pattern[bytes]
    facts: Callable[[bytes], Facts]


REQUESTS = Starts("request", _REQUEST_START, _REQUEST, _INNER_REQUEST, request_facts)
RESPONSES = Starts("status", _STATUS_START, _STATUS, _STATUS_START, response_facts)


def _probe_midstream(side: Side, starts: Starts) -> Verdict:
    segments = [side.head, *(sample.data for sample in side.samples)]
    lines = [data for data in segments if VERSION in data and starts.line.match(data)]
    whole = [data for data in lines if starts.with_field.match(data)]
    if whole or len(lines) > 1:
        why = f"HTTP/1 {starts.name} line at the beginning of a segment"
        return certain(why, starts.facts((whole or lines)[0]))
    if lines:
        return possible(f"an HTTP/1 {starts.name} line alone", starts.facts(lines[0]))
    if VERSION in side.head and (inner := starts.inner.search(side.head)):
        facts = starts.facts(side.head[inner.start() :])
        return possible(f"an HTTP/1 {starts.name} line amid other bytes", facts)
    if starts is REQUESTS and _is_cut_request(side.head):
        return possible(_RUNS_PAST)
    return NEED_MORE


def _is_cut_request(head: bytes) -> bool:
    """A known method and the beginning of a target are all that was captured."""
    method = _WORD.match(head)
    known = method is not None and method[0] in _METHODS
    return known and _OPEN_TARGET.match(head) is not None


def probe(heads: Heads) -> Verdict:
    """HTTP/1 by either side; message starts amid other bytes confirm each other."""
    verdict = judge(heads, probe_client, probe_server)
    if verdict.answer is Answer.NEED_MORE and _is_preface_declined(heads):
        facts = Facts(http_version="0.9")
        return certain("an HTML page without a status line", facts, by_client=False)
    if verdict.answer is Answer.POSSIBLE and _seen_in_both_midstream(heads):
        return raised(verdict, "HTTP/1 messages in both directions")
    return verdict


def _is_preface_declined(heads: Heads) -> bool:
    """A bare page answers an HTTP/2 preface: `PRI` is read as a request of HTTP/0.9 (RFC 1945 6).

    Without the preface a bare page is any file that is sent, as on the data connections of FTP.
    """
    client, server = heads.client, heads.server
    seen = client.from_start and server.from_start and len(server.head) >= len(_PAGES[0])
    return seen and client.head.startswith(HTTP2_PREFACE_LINE) and _begins_as_page(server.head)


def _seen_in_both_midstream(heads: Heads) -> bool:
    # Not for sides seen from their start: an unfinished request line may yet turn out to be none.
    if heads.client.from_start or heads.server.from_start:
        return False
    sides = (asked(heads.client, probe_client), asked(heads.server, probe_server))
    return all(side.answer is Answer.POSSIBLE for side in sides)


_LINE_STARTS = (
    _BLANKS + b"!#$%&'*+-.^_`|~0123456789" + bytes([*range(0x41, 0x5B), *range(0x61, 0x7B)])
)
REQUEST_BEGINS = Beginnings(start=((Text(0, 1, _LINE_STARTS),),), later=ANYHOW)
RESPONSE_BEGINS = Beginnings(start=((Text(0, 1, _BLANKS + b"Hh<"),),), later=ANYHOW)
"""Mid-stream, a line may begin anywhere in the head."""

DETECTOR = Detector(
    protocol="http",
    title="HTTP/1.x",
    transports=frozenset({Transport.TCP}),
    probe=Sounding(probe, REQUEST_BEGINS, RESPONSE_BEGINS),
    evidence="a request line (any method token) ending in HTTP/1.x, or a status line",
    midstream=True,
)
