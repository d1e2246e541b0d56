"""Apache Kafka (also Redpanda, Event Hubs): requests and responses behind a u32 length.

A request header is a handful of small numbers, which many length-prefixed protocols can look like.
So it must carry a printable client id to count, and is certain only when it repeats, carries a
complete ApiVersions body, or the server echoes the correlation id. Follows the Kafka protocol
guide ("Request Headers") and KIP-482, KIP-511.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from sniffdiag.identify import wire
from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    Sign,
    Sounding,
    anywhere,
    beginning,
    hint,
    lean,
    proof,
    weigh,
)
from sniffdiag.identify.patterns import lazy
from sniffdiag.identify.verdict import NEED_MORE, Answer, Detector, Heads, Verdict, certain
from sniffdiag.identify.wire import Layout, be16, be32
from sniffdiag.model import Transport
from sniffdiag.records import dataclass

LENGTH_LEN = 4
HEADER_LEN = 14
"""Length, api key, api version, correlation id, client id length."""
SIZES = range(10, 104_857_601)
"""socket.request.max.bytes."""
RESPONSE_SIZES = range(4, SIZES.stop)
API_KEYS = range(96)
API_VERSIONS = range(21)
CLIENT_ID_LENGTHS = range(256)
NO_CLIENT_ID = 0xFFFF
PLAUSIBLE_CORRELATION_IDS = range(-1, 1 << 31)
HEADER: Layout = (be32(0, SIZES), be16(4, API_KEYS), be16(6, API_VERSIONS), be32(8, range(1 << 31)))
REQUESTS_READ = 8
TELLING_ID_BYTES = 8

API_VERSIONS_KEY = 18
_SOFTWARE = lazy(rb"\x00[\x02-\x7f][A-Za-z0-9](?:[A-Za-z0-9\-.]*[A-Za-z0-9])?[\x02-\x7f]")
_SOFTWARE_LIMIT_BYTES = 160
# A ZooKeeper connect request is a perfect Produce 0 without a client id; no producer sends those.
_ZOOKEEPER_CONNECTS = tuple(bytes([0, 0, 0, size]) + bytes(8) for size in (44, 45))
_POSTGRES_STARTUP = b"\x00\x03\x00\x00user"


@dataclass(frozen=True, slots=True)
class Request:
    """The header of one request."""

    size: int
    key: int
    correlation_id: int
    client_id: bytes
    body_at: int


def parse_request(data: bytes, at: int) -> Request | bool | None:
    """The request at `at`; False where none can begin there, None while its header is cut."""
    numbers = (
        (wire.u32(data, at), SIZES),
        (wire.u16(data, at + 4), API_KEYS),
        (wire.u16(data, at + 6), API_VERSIONS),
        (wire.u32(data, at + 8), PLAUSIBLE_CORRELATION_IDS),
    )
    if any(value is not None and value not in allowed for value, allowed in numbers):
        return False
    if data.startswith(_POSTGRES_STARTUP, at + LENGTH_LEN) or data.startswith(
        _ZOOKEEPER_CONNECTS, at
    ):
        return False
    id_len = wire.u16(data, at + 12)
    if id_len is None:
        return None
    return _with_client_id(data, at, 0 if id_len == NO_CLIENT_ID else id_len)


def _with_client_id(data: bytes, at: int, id_len: int) -> Request | bool | None:
    size = int.from_bytes(data[at : at + LENGTH_LEN])
    client_id = data[at + HEADER_LEN : at + HEADER_LEN + id_len]
    fits = id_len in CLIENT_ID_LENGTHS and id_len + HEADER_LEN <= size + LENGTH_LEN
    if not fits or not wire.is_printable(client_id):
        return False
    if len(client_id) < id_len:
        return None
    return Request(
        size=size,
        key=int.from_bytes(data[at + 4 : at + 6]),
        correlation_id=int.from_bytes(data[at + 8 : at + 12]),
        client_id=client_id,
        body_at=at + HEADER_LEN + id_len,
    )


def requests(data: bytes) -> Iterator[Request]:
    """The chained requests at the beginning of `data`."""
    at = 0
    for _ in range(REQUESTS_READ):
        request = parse_request(data, at)
        if not isinstance(request, Request):
            return
        yield request
        at += LENGTH_LEN + request.size


@beginning(HEADER)
def _request(data: bytes) -> Clue:
    first = parse_request(data, 0)
    if not isinstance(first, Request):
        return _cut_client_id(data) if first is None else AGAINST
    if _names_its_software(data, first):
        return proof("Kafka ApiVersions request naming the client's software")
    chain = list(requests(data))
    if any(_same_client(first, other) for other in chain[1:]):
        return proof("chained Kafka requests of one client id")
    if first.client_id:
        return hint("a Kafka request header with its client id")
    return OPEN


def _cut_client_id(data: bytes) -> Clue:
    """The header fits and what was seen of the client id is text."""
    seen = data[HEADER_LEN:]
    return lean("a Kafka request header") if len(seen) >= TELLING_ID_BYTES else OPEN


def _names_its_software(data: bytes, request: Request) -> bool:
    software = data[request.body_at : request.body_at + _SOFTWARE_LIMIT_BYTES]
    return request.key == API_VERSIONS_KEY and bool(_SOFTWARE.match(software))


def _same_client(first: Request, other: Request) -> bool:
    counted_up = other.correlation_id > first.correlation_id
    return bool(first.client_id) and other.client_id == first.client_id and counted_up


def response_ids(data: bytes) -> Iterator[int]:
    """Correlation ids of the chained responses at the beginning of `data`."""
    at = 0
    for _ in range(REQUESTS_READ):
        size, correlation_id = wire.u32(data, at), wire.u32(data, at + LENGTH_LEN)
        if size is None or correlation_id is None or size not in RESPONSE_SIZES:
            return
        yield correlation_id
        at += LENGTH_LEN + size


_COUNTED = 3


@beginning((be32(0, RESPONSE_SIZES),))
def _response(data: bytes) -> Clue:
    ids = list(response_ids(data))
    if not ids:
        return OPEN if len(data) < 2 * LENGTH_LEN else AGAINST
    counted = all(b - a == 1 for a, b in pairwise(ids[:_COUNTED]))
    if len(ids) >= _COUNTED and counted:
        return lean("responses whose correlation ids count up as Kafka's do")
    return OPEN


_client = anywhere(_request, _request)
_server = anywhere(_response, _response)


def _echoed(heads: Heads) -> bool:
    """The server answers a correlation id that the client used, first things first.

    Number 0 of a client without a name is nothing but zeros, which many protocols answer with.
    """
    asked = list(requests(heads.client.head))
    if heads.client.from_start and heads.server.from_start:
        asked = asked[:1]
    answered = next(response_ids(heads.server.head), None)
    telling = {r.correlation_id for r in asked if r.client_id or r.correlation_id}
    return answered in telling


def probe(heads: Heads) -> Verdict:
    """Both sides apart, then the echo that only request and response of one protocol have."""
    client = _client(heads.client)
    verdict = weigh(heads, client, _server(heads.server))
    if verdict.answer is Answer.CERTAIN or client.sign is Sign.AGAINST:
        return verdict
    if _echoed(heads):
        return certain("Kafka request, its correlation id echoed by the server", client.facts)
    # A server that answers from the start, but something else, is no broker.
    answered = heads.server.from_start and next(response_ids(heads.server.head), None) is not None
    return NEED_MORE if heads.client.from_start and answered else verdict


DETECTOR = Detector(
    protocol="kafka",
    title="Apache Kafka",
    transports=frozenset({Transport.TCP}),
    probe=Sounding(probe, _client.begins, _server.begins),
    evidence="Request header (size, api key and version, correlation id, client id), certain when "
    "it repeats, names the client's software, or the server echoes the correlation id.",
    midstream=True,
)
