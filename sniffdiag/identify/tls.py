"""TLS and SSL 3 over TCP: hellos, alerts, record chains mid-stream, and the old SSLv2-format hello.

What they say is `tls_clear`'s to read. STARTTLS belongs to the protocol that it began as.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sniffdiag.identify.chains import CUT, Chain, chains, follow, pieces
from sniffdiag.identify.clue import ANYHOW, Beginnings, Sounding
from sniffdiag.identify.sides import CLAIMS, judge
from sniffdiag.identify.tls_alerts import alert_name
from sniffdiag.identify.tls_clear import (
    ALERT,
    ALERT_LEN,
    CLIENT_HELLO,
    HANDSHAKE,
    MAJOR,
    MINORS,
    RECORD_HEADER_LEN,
    SERVER_HELLO,
    VERSIONS,
    clear_handshake,
    facts,
    measure,
)
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
from sniffdiag.identify.wire import Layout, byte
from sniffdiag.model import Transport

HELLO_PROOF_LEN = 11
"""Record header, handshake header and the hello's own version."""
MAX_RESYNCS = 64


def _hello_prefix(kind: int) -> tuple[range | tuple[int, ...], ...]:
    """Allowed values of the first bytes of a hello; the gaps are lengths."""
    any_byte = range(256)
    record = ((HANDSHAKE,), (MAJOR,), MINORS, any_byte, any_byte)
    return (*record, (kind,), (0, 1), any_byte, any_byte, (MAJOR,), MINORS)


def _fragment_prefix(kind: int) -> tuple[range | tuple[int, ...], ...]:
    """A record so short that the hello's version is in the next one."""
    lengths = range(1, HELLO_PROOF_LEN - RECORD_HEADER_LEN)
    return ((HANDSHAKE,), (MAJOR,), MINORS, (0,), lengths, (kind,))


_HELLO_PREFIX = {kind: _hello_prefix(kind) for kind in (CLIENT_HELLO, SERVER_HELLO)}
_FRAGMENT_PREFIX = {kind: _fragment_prefix(kind) for kind in _HELLO_PREFIX}
_ALERT_PREFIX = ((ALERT,), (MAJOR,), MINORS, (0,), (ALERT_LEN,), (1, 2), range(122))
"""An alert in clear: level warning or fatal, descriptions up to 121 (RFC 9849)."""


def _fits(head: bytes, prefix: tuple[range | tuple[int, ...], ...]) -> bool:
    return all(byte in allowed for byte, allowed in zip(head, prefix, strict=False))


def _probe_start(side: Side, prefix: tuple[range | tuple[int, ...], ...], why: str) -> Verdict:
    if not _fits(side.head, prefix):
        return NO
    if len(side.head) < len(prefix):
        return NEED_MORE if len(side.head) <= RECORD_HEADER_LEN else possible(f"{why}, cut")
    return certain(why)


def _probe_hello(side: Side, kind: int, why: str) -> Verdict:
    """A hello, also one in crumbs: a message may span records (RFC 8446 5.1), and tests do that."""
    prefix = _HELLO_PREFIX[kind]
    hello = _probe_start(side, prefix, why)
    if hello is not NO or not _fits(side.head, _FRAGMENT_PREFIX[kind]):
        return hello
    message, in_message = clear_handshake(side.head), prefix[RECORD_HEADER_LEN:]
    if not _fits(message, in_message):
        return NO
    return NEED_MORE if len(message) < len(in_message) else certain(why)


def probe_client(side: Side) -> Verdict:
    """A ClientHello, also in SSLv2 format, or records mid-stream."""
    hello = _probe_hello(side, CLIENT_HELLO, "TLS ClientHello")
    if not side.from_start:
        return _or_midstream(hello, side)
    return _probe_sslv2(side.head) if hello is NO else hello


def probe_server(side: Side) -> Verdict:
    """A ServerHello, an alert in clear, or records mid-stream."""
    hello = _probe_hello(side, SERVER_HELLO, "TLS ServerHello")
    if not side.from_start:
        return _or_midstream(hello, side)
    return _probe_start(side, _ALERT_PREFIX, "TLS alert") if hello is NO else hello


def _or_midstream(hello: Verdict, side: Side) -> Verdict:
    """A joined stream may begin with a hello all the same; one that is cut is the weakest word."""
    if hello.answer is Answer.CERTAIN:
        return hello
    records = _probe_midstream(side)
    return hello if records is NEED_MORE and hello.answer is Answer.POSSIBLE else records


SSLV2_HEADER_LEN = 11
_SSLV2_PREFIX = (range(0x80, 0x100), range(256), (CLIENT_HELLO,))
_SSLV2_VERSIONS = frozenset({0x0002, *VERSIONS})
"""SSL 2.0 itself is (0, 2): "The SSL Protocol", 2.5."""
SSLV2_CHALLENGE_LENS = range(16, 33)


def _probe_sslv2(head: bytes) -> Verdict:
    """RFC 5246 E.2: the three lengths inside must add up to the record's."""
    if not _fits(head, _SSLV2_PREFIX):
        return NO
    if len(head) < SSLV2_HEADER_LEN:
        return NEED_MORE
    offered = int.from_bytes(head[3:5])
    record = int.from_bytes(head[:2]) & 0x7FFF
    ciphers, session, challenge = (int.from_bytes(head[at : at + 2]) for at in (5, 7, 9))
    fits = (
        offered in _SSLV2_VERSIONS
        and ciphers > 0
        and ciphers % 3 == 0
        and session in {0, 16}
        and challenge in SSLV2_CHALLENGE_LENS
        and record == SSLV2_HEADER_LEN - 2 + ciphers + session + challenge
    )
    if not fits:
        return NO
    version = VERSIONS.get(offered, "SSL 2.0")
    return certain("SSLv2-format ClientHello", Facts(tls_version=version))


def _probe_midstream(side: Side) -> Verdict:
    at_segments: list[Chain] = []
    for chain in chains(side, measure):
        if _is_conclusive(chain):
            return certain("chained TLS records")
        at_segments.append(chain)
    if any(_is_conclusive(chain) for chain in _resynchronised(side)):
        return certain("chained TLS records")
    exact = [chain for chain in at_segments if chain.exact]
    if len(exact) > 1:
        return certain("segments that are exactly TLS records")
    if exact:
        return possible("a segment that is exactly one TLS record")
    if at_segments:
        return possible("a TLS record header at the beginning of a segment")
    return NEED_MORE


def _resynchronised(side: Side) -> Iterator[Chain]:
    # Joined inside a record: application data of TLS 1.2 and 1.3 is by far the most frequent type.
    kept, at = pieces(side), -1
    for _ in range(MAX_RESYNCS):
        at = side.head.find(b"\x17\x03\x03", at + 1)
        if at < 0:
            return
        if measure(side.head, at) > CUT:
            yield follow(kept, at, measure)


def _is_conclusive(chain: Chain) -> bool:
    """Two records of one version, one after the other."""
    versions = [data[at + 1 : at + 3] for data, at in chain.frames[:2]]
    return len(versions) > 1 and versions[0] == versions[1]


def probe(heads: Heads) -> Verdict:
    """TLS by either side; the server's word on the version counts, names come from both."""
    verdict = judge(heads, probe_client, probe_server)
    if verdict.answer not in CLAIMS:
        return verdict
    refused = _refused(heads.server) if verdict.by_client else None
    why = verdict.why if refused is None else f"{verdict.why}, refused with the alert {refused}"
    return replace(verdict, why=why, facts=facts(heads, verdict.facts))


def _refused(server: Side) -> str | None:
    """The alert that is the server's first word."""
    if not server.from_start or _probe_start(server, _ALERT_PREFIX, "").answer not in CLAIMS:
        return None
    description = server.head[len(_ALERT_PREFIX) - 1 : len(_ALERT_PREFIX)]
    return alert_name(description[0]) if description else None


def _layout(prefix: tuple[range | tuple[int, ...], ...]) -> Layout:
    return tuple(byte(at, frozenset(allowed)) for at, allowed in enumerate(prefix))


def _hello_begins(kind: int) -> tuple[Layout, Layout]:
    return _layout(_HELLO_PREFIX[kind]), _layout(_FRAGMENT_PREFIX[kind])


_CLIENT_BEGINS = Beginnings(
    start=(*_hello_begins(CLIENT_HELLO), _layout(_SSLV2_PREFIX)), later=ANYHOW
)
_SERVER_BEGINS = Beginnings(
    start=(*_hello_begins(SERVER_HELLO), _layout(_ALERT_PREFIX)), later=ANYHOW
)

DETECTOR = Detector(
    protocol="tls",
    title="TLS",
    transports=frozenset({Transport.TCP}),
    probe=Sounding(probe, _CLIENT_BEGINS, _SERVER_BEGINS),
    evidence="a ClientHello or ServerHello, an alert in clear, or chained records of one version",
    midstream=True,
)
