"""QUIC by headers, and what its Initial packets say of who is called."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sniffdiag.identify import quic, quic_initial
from sniffdiag.identify.resolve import identify
from sniffdiag.identify.verdict import Alert, Answer, Facts, Heads, Sample, Side
from sniffdiag.model import Transport
from sniffdiag.pipeline.capture import list_flows, sealed
from sniffdiag.pipeline.reading import read
from tests.support import corpus
from tests.support import quic_vectors as rfc

RECORDED = Path(__file__).parents[2] / "pcaps" / "quic"
HOST = "cart.shop.svc.cluster.local"
EXAMPLE = Facts(sni="example.com", alpn_offered=("alpn",), tls_version="1.3")


def facts(client: Side, server: Side | None = None) -> Facts:
    verdict = quic.DETECTOR.probe(Heads(client, server or Side()))
    assert verdict.answer is Answer.CERTAIN
    return verdict.facts


def heads_of(name: str) -> Heads:
    flows = sealed(read([str(RECORDED / f"{name}.pcap")], stdin=None, watcher=None)).flows
    assert flows.flows.rows == 1
    return flows.heads(0)


def recorded(name: str) -> Facts:
    heads = heads_of(name)
    return facts(heads.client, heads.server)


@pytest.mark.parametrize(
    ("packet", "version"), [(rfc.CLIENT_V1, "1"), (rfc.CLIENT_V2, "2")], ids=["9001", "9369"]
)
@pytest.mark.parametrize("length", [1200, 1199, 290], ids=["whole", "cut", "cut behind the hello"])
def test_the_packet_of_the_rfc_is_opened(packet: bytes, version: str, length: int) -> None:
    found = facts(Side(packet[:length]))
    assert found == Facts(
        version=version, sni=EXAMPLE.sni, alpn_offered=("alpn",), tls_version="1.3"
    )


@pytest.mark.parametrize("packet", [rfc.SERVER_V1, rfc.SERVER_V2], ids=["9001", "9369"])
def test_the_server_packet_of_the_rfc_is_opened(packet: bytes) -> None:
    (initial,) = quic_initial.initials(packet)
    frames = quic_initial.opened(initial, rfc.CLIENT_CONNECTION_ID, b"server in")
    assert frames == rfc.SERVER_FRAMES


def test_a_packet_that_was_changed_on_the_way_says_nothing_but_what_it_is() -> None:
    changed = rfc.CLIENT_V1[:-1] + b"\x00"
    assert facts(Side(changed)) == Facts(version="1")


def test_a_hello_that_is_cut_gives_what_is_there_and_says_so() -> None:
    verdict = quic.DETECTOR.probe(Heads(Side(rfc.CLIENT_V1[:120])))
    assert verdict.facts.sni == "example.com"
    assert verdict.why == "QUIC long header, version 1, of its ClientHello only the beginning"


@pytest.mark.parametrize("length", range(0, 1200, 13))
def test_a_datagram_cut_anywhere_never_raises_and_never_says_otherwise(length: int) -> None:
    found = quic.DETECTOR.probe(Heads(Side(rfc.CLIENT_V1[:length]))).facts
    assert found.sni in {None, "example.com"}
    assert found.alpn_offered in {(), ("alpn",)}


@pytest.mark.parametrize(
    ("name", "version", "alpn"),
    [
        ("v1", "1", ("h3",)),
        ("v2", "2", ("h3",)),
        ("retry", "1", ("h3",)),
        ("version-negotiation", "1", ("h3",)),
    ],
)
def test_a_recorded_connection_names_host_and_protocol(
    name: str, version: str, alpn: tuple[str, ...]
) -> None:
    assert recorded(name) == Facts(version=version, sni=HOST, alpn_offered=alpn, tls_version="1.3")


def test_who_is_the_client_is_known_by_whose_keys_open_the_hello() -> None:
    heads = heads_of("v1")
    for given, swap in ((heads, False), (heads.swapped(), True)):
        found = identify(given, Transport.UDP, oriented=False)
        assert (found.swap, found.facts.sni) == (swap, HOST)


def test_a_hello_in_two_datagrams_is_put_together() -> None:
    found = recorded("hello-in-two-datagrams")
    assert found.sni == HOST
    assert (len(found.alpn_offered), found.alpn_offered[-1]) == (61, "h3")


def test_behind_a_retry_the_keys_are_those_of_the_new_connection_id() -> None:
    client = heads_of("retry").client
    assert facts(replace(client, head=client.head[:30])).sni == HOST


def test_a_server_that_closes_during_the_handshake_says_why() -> None:
    found = recorded("no-common-alpn")
    assert found.alerts == (Alert("server", "fatal", "no_application_protocol"),)


def test_the_listing_shows_host_and_protocols() -> None:
    (row,) = list_flows([str(RECORDED / "v1.pcap")]).rows
    assert (row.protocol, row.sni, row.alpn) == ("quic", HOST, ("h3",))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xf0\x00\x00\x00\x01\x00\x08abcdefgh" + bytes(40), "QUIC Retry, version 1"),
        (b"\xc0\x00\x00\x00\x02\x00\x00", None),
        (
            b"\x80\x00\x00\x00\x00\x04abcd\x08stuvwxyz\x00\x00\x00\x01",
            "QUIC version negotiation",
        ),
        (b"\xc3\xff\x00\x00\x1d\x04abcd\x04efgh\x00\x40\x40", "QUIC long header, version draft-29"),
        (b"\xc3Q050\x50abcdefgh", "Google QUIC long header, version Q050"),
        (b"\x0dabcdefghQ043\x01", "Google QUIC public header, version Q043"),
        (b"\x43" + bytes(1200), None),
    ],
)
def test_other_headers_are_named_and_short_ones_prove_nothing(data: bytes, why: str | None) -> None:
    verdict = quic.DETECTOR.probe(Heads(Side(data)))
    assert (verdict.why if verdict.answer is Answer.CERTAIN else None) == why


@pytest.mark.parametrize(
    "data",
    [
        b"\x80" + bytes(6) + b"\x00\x00\x00\x01" + bytes(20),
        b"\x80\x00\x00\x00\x00\x00\x09" + bytes(8) + b"\x07\x00\x00\x00\x01" + bytes(20),
        b"\xf0\x00\x00\x00\x01" + bytes(40),
        b"\xe0\x00\x00\x00\x01\x00\x00\x20" + bytes(40),
    ],
    ids=["negotiation", "negotiation for an id of zeros", "retry", "handshake"],
)
def test_bytes_that_are_mostly_zero_are_possibly_quic_and_no_more(data: bytes) -> None:
    noise = Side(data, samples=(Sample(1, data, whole=True),))
    for heads in (Heads(noise), Heads(Side(), noise)):
        assert quic.DETECTOR.probe(heads).answer is Answer.POSSIBLE


def test_datagrams_of_a_joined_connection_stay_unknown() -> None:
    short = Side(b"\x43" + bytes(40), samples=(Sample(1, b"\x51" + bytes(40), whole=True),))
    assert quic.DETECTOR.probe(Heads(short, short)).answer is not Answer.CERTAIN


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("file", "sni", "alpn"),
    [
        ("cisco-quic_ppp.pcap", "server4", ("hq-interop",)),
        ("the-tcpdump-group-quic_handshake_truncated.pcap", "localhost", ("h3",)),
        ("zeek-chromium-115.0.5790.110-api-cirrus-com.pcap", "api.cirrus-ci.com", ("h3",)),
    ],
)
def test_clients_of_others_are_opened(file: str, sni: str, alpn: tuple[str, ...]) -> None:
    (path,) = (sample.path for sample in corpus.samples() if sample.path.name == file)
    (row,) = list_flows([str(path)]).rows
    assert (row.sni, row.alpn) == (sni, alpn)
