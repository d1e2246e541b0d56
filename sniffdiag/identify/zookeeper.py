"""ZooKeeper client protocol: connect request and answer, pings, four-letter words.

Everything is u32 length and Jute records. The connect request is also a valid Kafka Produce v0
header, so its fixed size and 16-byte password decide. Follows zookeeper.jute and the
administrator's guide ("The Four Letter Words").
"""

from __future__ import annotations

from sniffdiag.identify.clue import any_of, anywhere, faint, hint, one_of, probe_sides, proof
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import Layout, Literal, be32
from sniffdiag.model import Transport

PASSWORD_LEN = b"\x00\x00\x00\x10"
TIMEOUTS_MS = range(1, 1 << 31)
CONNECT: Layout = (
    be32(0, {44, 45}),
    Literal(4, b"\x00\x00\x00\x00"),
    be32(16, TIMEOUTS_MS),
    Literal(28, PASSWORD_LEN),
)
CONNECTED: Layout = (
    be32(0, {36, 37}),
    Literal(4, b"\x00\x00\x00\x00"),
    # 0: the session has expired.
    be32(8, range(1 << 31)),
    Literal(20, PASSWORD_LEN),
)
PING: Layout = (Literal(0, b"\x00\x00\x00\x08\xff\xff\xff\xfe\x00\x00\x00\x0b"),)
PONG: Layout = (Literal(0, b"\x00\x00\x00\x10\xff\xff\xff\xfe"), Literal(16, b"\x00\x00\x00\x00"))
AUTH: Layout = (be32(0, range(20, 1 << 16)), Literal(4, b"\xff\xff\xff\xfc\x00\x00\x00\x64"))
WATCH_EVENT: Layout = (be32(0, range(28, 1 << 16)), Literal(4, b"\xff\xff\xff\xff"), be32(16, {0}))
WORDS = (
    *(b"ruok", b"stat", b"srvr", b"mntr", b"isro", b"conf", b"cons", b"dump", b"envi", b"wchs"),
    *(b"wchc", b"wchp", b"dirs", b"crst", b"srst", b"gtmk", b"stmk"),
)

_request = one_of(
    (CONNECT, proof("ZooKeeper connect request")),
    (PING, proof("ZooKeeper ping")),
    (AUTH, proof("ZooKeeper auth packet")),
    *(((Literal(0, word),), faint("a ZooKeeper four-letter word")) for word in WORDS),
)
_response = one_of(
    (CONNECTED, proof("ZooKeeper connect response")),
    (PONG, proof("ZooKeeper ping response")),
    ((Literal(0, b"imok"),), hint("ZooKeeper's imok")),
    ((Literal(0, b"Zookeeper version:"),), proof("ZooKeeper stat text")),
    ((Literal(0, b"zk_version\t"),), proof("ZooKeeper mntr text")),
)
_later_response = any_of(
    _response,
    one_of((WATCH_EVENT, hint("a ZooKeeper watch event"))),
)

DETECTOR = Detector(
    protocol="zookeeper",
    title="ZooKeeper",
    transports=frozenset({Transport.TCP}),
    probe=probe_sides(anywhere(_request, _request), anywhere(_response, _later_response)),
    evidence="Connect request or response of fixed size with its 16-byte password, pings.",
    midstream=True,
)
