"""What TLS says in clear beyond its first hello, in recorded handshakes and on the edges."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sniffdiag.identify.tls_details import details, records
from sniffdiag.identify.verdict import Alert, Certificate, Heads, Identification, Sample, Side
from sniffdiag.model import Transport
from sniffdiag.pipeline.capture import list_flows, sealed
from sniffdiag.pipeline.reading import read
from tests.support import hellos
from tests.support.samples import all_talks

RECORDED = Path(__file__).parents[2] / "pcaps" / "tls"
HOST = "cart.shop.svc.cluster.local"


def recorded(name: str) -> Identification:
    flows = sealed(read([str(RECORDED / f"{name}.pcap")], stdin=None, watcher=None)).flows
    assert flows.flows.rows == 1
    return flows.detailed(0)


def started(client: bytes = b"", server: bytes = b"") -> Heads:
    return Heads(Side(client, from_start=True), Side(server, from_start=True))


def test_tls_12_shows_the_chosen_protocol_and_the_certificate() -> None:
    facts = recorded("tls12").facts
    assert (facts.tls_version, facts.alpn_chosen, facts.sni) == ("1.2", "h2", HOST)
    assert facts.certificate == Certificate(f"CN={HOST}", (HOST,), "2050-08-23T00:00:00Z")
    assert facts.alerts == ()


def test_tls_13_shows_neither() -> None:
    facts = recorded("tls13").facts
    assert (facts.tls_version, facts.alpn_chosen, facts.certificate) == ("1.3", None, None)
    assert facts.alpn_offered == ("h2", "http/1.1")


@pytest.mark.parametrize(
    ("name", "alert"),
    [
        ("protocol-version", Alert("server", "fatal", "protocol_version")),
        ("no-common-alpn", Alert("server", "fatal", "no_application_protocol")),
        ("unknown-ca", Alert("client", "fatal", "unknown_ca")),
        ("client-certificate-missing", Alert("server", "fatal", "handshake_failure")),
    ],
)
def test_a_handshake_that_fails_says_who_refused_and_why(name: str, alert: Alert) -> None:
    assert recorded(name).facts.alerts == (alert,)


def test_a_hello_that_is_refused_at_once_says_so_in_the_listing() -> None:
    rows = list_flows([str(RECORDED / f"{name}.pcap") for name in ("protocol-version", "tls12")])
    assert [row.why for row in rows.rows] == [
        "TLS ClientHello answered by a ServerHello",
        "TLS ClientHello, refused with the alert protocol_version",
    ]


def test_a_retried_hello_is_told_in_the_sentence() -> None:
    found = recorded("hello-retry-request")
    assert found.why.endswith("the server asked for another hello (HelloRetryRequest)")
    assert found.facts.tls_version == "1.3"


def test_a_cover_name_is_told_where_encrypted_client_hello_is_offered() -> None:
    hello = hellos.client_hello(hellos.sni(b"cover.example"), hellos.extension(0xFE0D, b"\x00"))
    notes = details(started(hellos.record(22, hello))).notes
    assert notes == ("Encrypted ClientHello is offered, so the SNI may be a cover name",)


def test_alerts_that_may_be_encrypted_are_not_read() -> None:
    encrypted = hellos.record(20, b"\x01") + hellos.ALERT
    assert details(started(hellos.CLIENT_HELLO, hellos.SERVER_HELLO_12 + encrypted)).alerts == ()


@pytest.mark.parametrize("payload", [b"\x02", b"\x02\x28\x00", b"\x07\x28"])
def test_what_only_looks_like_an_alert_is_none(payload: bytes) -> None:
    broken = hellos.record(21, payload)
    assert details(started(hellos.CLIENT_HELLO, broken)).alerts == ()


def test_an_alert_behind_bytes_that_were_not_kept_is_found_by_the_lengths_before_it() -> None:
    certificates = hellos.record(22, b"\x0b\x00\x0f\xa0" + bytes(4000))
    server = hellos.SERVER_HELLO_12 + certificates
    later = (Sample(len(server), hellos.ALERT, whole=True),)
    side = Side(server[:500], from_start=True, samples=later)
    assert details(Heads(server=side)).alerts == (Alert("server", "fatal", "handshake_failure"),)
    lost = Side(
        server[:500], from_start=True, samples=(Sample(len(server) + 1, b"\x15", whole=True),)
    )
    assert details(Heads(server=lost)).alerts == ()


def test_records_of_a_joined_connection_begin_where_a_piece_does() -> None:
    side = Side(b"inside", samples=(Sample(900, hellos.ALERT, whole=True),))
    assert [record.kind for record in records(side)] == [21]


def test_half_a_name_is_no_name() -> None:
    hello = hellos.record(22, hellos.client_hello(hellos.sni(b"web.shop"), hellos.alpn(b"h2")))
    for length in range(len(hello)):
        facts = details(started(hello[:length]))
        assert facts.sni in {None, "web.shop"}
        assert facts.alpn_offered in {(), ("h2",)}
    answer = hellos.record(22, hellos.server_hello(hellos.alpn(b"http/1.1")))
    chosen = {details(started(server=answer[:length])).alpn_chosen for length in range(len(answer))}
    assert chosen == {None}


@pytest.mark.parametrize("cut", [10, 400])
def test_a_certificate_that_is_cut_or_broken_is_none(cut: int) -> None:
    broken = hellos.record(22, hellos.certificate(dns=(b"web.shop",)))
    assert details(started(server=hellos.SERVER_HELLO_12 + broken)).certificate is None
    whole = recorded_server("tls12")
    assert details(started(server=whole[: len(whole) - cut])).certificate is None


def recorded_server(name: str) -> bytes:
    """The server's bytes up to the end of its certificate."""
    flows = sealed(read([str(RECORDED / f"{name}.pcap")], stdin=None, watcher=None)).flows
    head = flows.heads(0).server.head
    hello_len = 5 + int.from_bytes(head[3:5])
    return head[: hello_len + 5 + int.from_bytes(head[hello_len + 3 : hello_len + 5])]


STREAMS = st.sampled_from([t.client + t.server for _, t in all_talks(Transport.TCP)]) | st.binary()


@settings(max_examples=200)
@given(one=STREAMS, other=STREAMS, cut=st.integers(0, 200), from_start=st.booleans())
def test_any_bytes_have_details(*, one: bytes, other: bytes, cut: int, from_start: bool) -> None:
    side = Side(one[:cut] + other[cut // 2 :], from_start=from_start)
    details(Heads(side, Side(other, from_start=from_start)))
