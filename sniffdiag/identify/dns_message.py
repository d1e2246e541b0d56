"""One DNS-shaped message: which of DNS, mDNS, LLMNR and NetBIOS name service it is.

All four share the header and the question. Where the bytes cannot tell, it is DNS: port numbers and
multicast addresses are not seen here. Each message is exactly one of the four, so their detectors
never contradict each other. Follows RFC 1035 4, RFC 6762 18, RFC 4795 2.1, RFC 1002 4.2.
"""

from __future__ import annotations

from enum import Enum
from functools import partial

from sniffdiag.identify import wire
from sniffdiag.identify.clue import (
    AGAINST,
    OPEN,
    Clue,
    Grammar,
    datagrams,
    lean,
    probe_sides,
    proof,
)
from sniffdiag.identify.verdict import Detector
from sniffdiag.identify.wire import ANY_BYTE, Layout, be16, byte, is_printable
from sniffdiag.model import Transport
from sniffdiag.records import dataclass


class Family(Enum):
    """The name services that share DNS's message format."""

    DNS = "dns"
    MDNS = "mdns"
    LLMNR = "llmnr"
    NBNS = "nbns"


HEADER_LEN = 12
RESPONSE, AUTHORITATIVE, TRUNCATED = 0x8000, 0x0400, 0x0200
MDNS_FLAGS = RESPONSE | AUTHORITATIVE | TRUNCATED
RECURSION, RECURSION_AVAILABLE = 0x0100, 0x0080
CHECKING = 0x0030
"""AD and CD of DNSSEC."""
OPCODE_MASK = 0x7800
MUST_BE_ZERO = 0x0040
TELLING_NAME_BYTES, TELLING_LABEL_BYTES = 8, 5
USUAL_RECORDS = 32
ECHOED_LEN = HEADER_LEN + 4
_LABEL_LENGTHS = bytes(range(1, 0x20))
UPDATE = 5
OPCODES = frozenset({0, 1, 2, 4, UPDATE})
DNS_RCODES, NBNS_OPCODES = range(24), frozenset({0, 5, 6, 7, 8, 9, 15})
MOST_QUESTIONS, MOST_RECORDS = 32, 1024
LONGEST_LABEL, LONGEST_NAME = 63, 255
POINTER = 0xC0
CLASSES = frozenset({1, 3, 4, 254, 255})
UNICAST_OR_FLUSH = 0x8000
TYPES = (
    frozenset(range(1, 67))
    | frozenset({99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 128})
    | frozenset(range(245, 263))
    | frozenset({32768, 32769})
    | frozenset(range(65280, 65535))
)
A, AAAA, PTR, ANY = 1, 28, 12, 255
NB, NBSTAT = 0x20, 0x21
NBNS_NAME_LEN, MOST_WRONG_LETTERS = 32, 4
BROADCAST = 0x0010
"""NetBIOS alone has it (RFC 1002 4.2.1.1); in DNS the bit is CD."""
_HALF_ASCII = bytes(range(ord("A"), ord("P") + 1))
_LOCAL_DOMAINS = (b"local", b"_tcp", b"_udp")
_HOST_NAME = b"-_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_LOOPBACK = (b"127", b"in-addr", b"arpa")


@dataclass(frozen=True, slots=True)
class Header:
    """The twelve bytes that all four share."""

    id: int
    flags: int
    questions: int
    answers: int
    authorities: int
    additionals: int

    @property
    def is_response(self) -> bool:
        """QR is set."""
        return bool(self.flags & RESPONSE)

    @property
    def opcode(self) -> int:
        """What is asked for."""
        return self.flags >> 11 & 0xF

    @property
    def records(self) -> int:
        """Resource records of all sections."""
        return self.answers + self.authorities + self.additionals


@dataclass(frozen=True, slots=True)
class Entry:
    """The question, or the first record where there is no question."""

    labels: tuple[bytes, ...]
    type: int
    rdclass: int


def parse_header(data: bytes) -> Header | None:
    """The header, None while it is cut."""
    if len(data) < HEADER_LEN:
        return None
    return Header(*(int.from_bytes(data[i : i + 2]) for i in range(0, HEADER_LEN, 2)))


def parse_entry(data: bytes, at: int) -> Entry | bool | None:
    """Name, type and class at `at`; False where there is no name, None while it is cut."""
    labels: list[bytes] = []
    start = at
    while True:
        length = wire.u8(data, at)
        if length is None:
            return None
        if not length or length >= POINTER:
            at += 1 if not length else 2
            break
        if length > LONGEST_LABEL or at + length - start > LONGEST_NAME:
            return False
        labels.append(data[at + 1 : at + 1 + length])
        at += 1 + length
    rdtype, rdclass = wire.u16(data, at), wire.u16(data, at + 2)
    if rdtype is None or rdclass is None:
        return None
    return Entry(tuple(labels), rdtype, rdclass)


def family(data: bytes) -> Family | bool | None:
    """Which one it is; False where it is none of them, None while bytes are missing."""
    header = parse_header(data)
    if header is None:
        return None if _may_be_header(data) else False
    if not _plausible(header):
        return False
    if not header.questions and not header.records:
        return False
    entry = parse_entry(data, HEADER_LEN)
    if not isinstance(entry, Entry):
        return entry
    return _decide(header, entry)


def _may_be_header(data: bytes) -> bool:
    flags = wire.u16(data, 2)
    return flags is None or flags >> 11 & 0xF in OPCODES | NBNS_OPCODES


def _plausible(header: Header) -> bool:
    counts = (header.answers, header.authorities, header.additionals)
    # Only mDNS (id 0) and NetBIOS registrations carry records that nobody asked for.
    special = header.is_response or header.id == 0 or header.opcode in NBNS_OPCODES - OPCODES
    return (
        header.opcode in OPCODES | NBNS_OPCODES
        and header.questions <= MOST_QUESTIONS
        and max(counts) <= MOST_RECORDS
        and (special or (header.questions > 0 and not header.answers) or header.opcode == UPDATE)
    )


def _decide(header: Header, entry: Entry) -> Family | bool:
    for name, is_it in _TESTS:
        if is_it(header, entry):
            return name
    return False


def _is_nbns(header: Header, entry: Entry) -> bool:
    letters = _is_half_ascii(entry)
    return letters and entry.type in {NB, NBSTAT, 0x0A} and header.opcode in NBNS_OPCODES


def _is_half_ascii(entry: Entry) -> bool:
    encoded = entry.labels[:1] and len(entry.labels[0]) == NBNS_NAME_LEN
    return bool(encoded) and len(entry.labels[0].translate(None, _HALF_ASCII)) <= MOST_WRONG_LETTERS


def _is_mdns(header: Header, entry: Entry) -> bool:
    known = entry.rdclass & ~UNICAST_OR_FLUSH in CLASSES and entry.type in TYPES
    # RFC 6762 18: of the flags only QR, AA and TC may be set, and the id is 0. One-shot queries of
    # simple resolvers and answers to them do carry an id (5.1, 6.7).
    plain = header.flags & ~MDNS_FLAGS == 0
    local = bool(entry.labels[-1:]) and entry.labels[-1].lower() in _LOCAL_DOMAINS
    return known and plain and (header.id == 0 or local or _is_link_local(entry.labels))


def _is_link_local(labels: tuple[bytes, ...]) -> bool:
    """The reverse names that mDNS answers for (RFC 6762 4): 169.254/16 and fe80::/10."""
    reverse = [label.lower() for label in labels[:-6:-1]]
    if reverse[:2] == [b"arpa", b"in-addr"]:
        return reverse[2:4] == [b"169", b"254"]
    fe80 = reverse[:4] == [b"arpa", b"ip6", b"f", b"e"]
    return fe80 and reverse[4:] in ([b"8"], [b"9"], [b"a"], [b"b"])


def _is_llmnr(header: Header, entry: Entry) -> bool:
    asked = header.questions == 1 and header.opcode == 0 and entry.rdclass == 1
    # RFC 4795 2.1.1: of the flags only QR, C and TC may be set; stub resolvers of DNS set RD.
    flags = header.flags & ~MDNS_FLAGS == 0 and not header.authorities
    single = len(entry.labels) == 1 and entry.type in {A, AAAA, ANY}
    reverse = entry.type == PTR and entry.labels[-2:] in {(b"in-addr", b"arpa"), (b"ip6", b"arpa")}
    reverse = reverse and entry.labels[-3:] != _LOOPBACK  # nobody asks the link for its own address
    answered = not header.flags & AUTHORITATIVE
    return asked and flags and header.id != 0 and answered and (single or reverse)


def _is_dns(header: Header, entry: Entry) -> bool:
    known = entry.rdclass & ~UNICAST_OR_FLUSH in CLASSES and entry.type in TYPES
    # A record behind no question would have been mDNS, but for answers without their question.
    one = header.questions == 1 or (header.is_response and not header.questions)
    reserved = header.flags & MUST_BE_ZERO
    return known and one and not reserved and header.opcode in OPCODES


_TESTS = (
    (Family.NBNS, _is_nbns),
    (Family.MDNS, _is_mdns),
    (Family.LLMNR, _is_llmnr),
    (Family.DNS, _is_dns),
)


def header_layout(at: int, *, responses: bool) -> Layout:
    """What is asked of the header's bytes one by one, damaged or not."""
    flags = frozenset(
        value
        for value in ANY_BYTE
        if bool(value & RESPONSE >> 8) is responses and value >> 3 & 0xF in OPCODES | NBNS_OPCODES
    )
    return (byte(at + 2, flags), be16(at + 4, range(MOST_QUESTIONS + 1)))


def asking(wanted: Family, why: str) -> Grammar:
    """The grammar of a side that asks."""
    parse = partial(_clue, wanted, why, responses=False)
    return Grammar(parse, (header_layout(0, responses=False),))


def answering(wanted: Family, why: str) -> Grammar:
    """The grammar of a side that answers."""
    parse = partial(_clue, wanted, why, responses=True)
    return Grammar(parse, (header_layout(0, responses=True),))


def _clue(wanted: Family, why: str, data: bytes, *, responses: bool) -> Clue:
    found = family(data)
    if found is None:
        return _cut(wanted, why, data, responses=responses)
    header = parse_header(data)
    if header is None or header.is_response is not responses:
        return AGAINST
    if found is wanted:
        return proof(why)
    likely = Family.NBNS if _begins_as_nbns(header, data) else Family.DNS
    damaged = found is False and wanted is likely and _is_damaged(header, data)
    return lean(f"{why}, damaged") if damaged else AGAINST


def _is_damaged(header: Header, data: bytes) -> bool:
    """One thing is wrong with it, and the rest is as resolvers and servers have it.

    Scanners and fuzzers send that, and servers answer FORMERR.
    """
    if header.opcode or header.flags & MUST_BE_ZERO:
        return False
    entry = parse_entry(data, HEADER_LEN)
    if isinstance(entry, Entry):
        known = entry.type in TYPES or entry.rdclass in CLASSES
        counted = header.questions == 1 or _odd_counts(header) == 1
        return known and _is_named(entry) and counted
    return _is_usual(header) or _has_odd_count(header, data)


def _is_usual(header: Header) -> bool:
    """The header of most messages there are, to the bit; so the question is what is wrong."""
    asked = header.flags & ~CHECKING in {RECURSION, RESPONSE | RECURSION | RECURSION_AVAILABLE}
    return asked and header.id != 0 and not _odd_counts(header)


def _odd_counts(header: Header) -> int:
    """How many of the four counts are not what nearly all messages have."""
    most = USUAL_RECORDS if header.is_response else 0
    records = (header.answers, header.authorities)
    odd = sum(count > most for count in records) + (header.additionals > max(most, 1))
    return odd + (header.questions != 1)


def _is_named(entry: Entry) -> bool:
    return len(entry.labels) > 1 and _is_host_name(b"".join(entry.labels))


def _has_odd_count(header: Header, data: bytes) -> bool:
    """One wrong count, or none, before labels of a host name, which may be damaged further on."""
    label = _label(data, HEADER_LEN)
    after = _label(data, HEADER_LEN + 1 + len(label))
    named = len(label) + len(after) >= TELLING_LABEL_BYTES and bool(after)
    return named and _odd_counts(header) <= 1


def _label(data: bytes, at: int) -> bytes:
    """The label at `at`; empty where it is cut or is none of a host's name."""
    length = wire.u8(data, at) or 0
    label = data[at + 1 : at + 1 + length]
    return label if len(label) == length and length < POINTER and _is_host_name(label) else b""


def _is_host_name(text: bytes) -> bool:
    return not text.translate(None, _HOST_NAME)


def is_answered(asked: bytes, answered: bytes) -> bool | None:
    """Whether a question comes back under its id, however damaged or cut both messages are.

    Servers copy id, opcode, RD and the question (RFC 1035 4.1.1). The beginnings are compared, so
    that what is cut further on does not matter; None while they are cut themselves.
    """
    if min(len(asked), len(answered)) < ECHOED_LEN:
        return None
    query, response = parse_header(asked), parse_header(answered)
    if query is None or response is None or query.is_response or not response.is_response:
        return False
    copied = RECURSION | OPCODE_MASK
    same = query.id == response.id != 0 and not (query.flags ^ response.flags) & copied
    plain = query.opcode in OPCODES and not (query.flags | response.flags) & MUST_BE_ZERO
    question = asked[HEADER_LEN:ECHOED_LEN]
    length, letters = question[0], question[1:]
    named = 0 < length < POINTER and _is_host_name(letters[:length]) and length != NBNS_NAME_LEN
    once = query.questions == response.questions == 1
    return same and plain and once and named and answered[HEADER_LEN:ECHOED_LEN] == question


def _cut(wanted: Family, why: str, data: bytes, *, responses: bool) -> Clue:
    """A message cut inside its question or right behind the name, as short snapshots leave it."""
    header = parse_header(data)
    if header is None or header.questions != 1 or header.is_response is not responses:
        return OPEN
    name = data[HEADER_LEN + 1 :].partition(b"\x00")[0]
    enough = 1 if _is_usual(header) else TELLING_NAME_BYTES
    if len(name) < enough or not is_printable(name.translate(None, _LABEL_LENGTHS)):
        return OPEN
    likely = Family.NBNS if _begins_as_nbns(header, data) else _cut_family(header)
    return lean(f"{why}, cut inside its name") if likely is wanted else OPEN


def _begins_as_nbns(header: Header, data: bytes) -> bool:
    """A half-ASCII name, damaged or cut: what is left of it, or its beginning in a broadcast."""
    name = data[HEADER_LEN + 1 : HEADER_LEN + 1 + NBNS_NAME_LEN]
    if not name or data[HEADER_LEN] != NBNS_NAME_LEN:
        return False
    wrong = len(name.translate(None, _HALF_ASCII))
    begun = header.flags & BROADCAST and not name[:2].translate(None, _HALF_ASCII)
    return wrong <= MOST_WRONG_LETTERS or bool(begun)


def _cut_family(header: Header) -> Family:
    return Family.MDNS if header.id == 0 and not header.flags & ~MDNS_FLAGS else Family.DNS


def detector(wanted: Family, title: str, evidence: str) -> Detector:
    """The detector of a family that has only datagrams."""
    return Detector(
        protocol=wanted.value,
        title=title,
        transports=frozenset({Transport.UDP}),
        probe=probe_sides(
            datagrams(asking(wanted, f"{title} query")),
            datagrams(answering(wanted, f"{title} response")),
        ),
        evidence=evidence,
        midstream=True,
    )
