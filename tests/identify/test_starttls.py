"""Connections that turn into TLS midway keep their protocol and say what followed."""

from __future__ import annotations

import pytest

from sniffdiag.identify.detectors import DETECTORS
from sniffdiag.identify.resolve import identify
from sniffdiag.identify.verdict import Answer, Heads, Sample, Side
from sniffdiag.model import Transport

BY_PROTOCOL = {detector.protocol: detector for detector in DETECTORS}
HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64)
SERVER_HELLO = b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03" + bytes(64)
MYSQL_GREETING = b"\x31\x00\x00\x00\x0a8.0.36\x00" + b"\x05\x00\x00\x00abcdefgh\x00" + bytes(40)
MYSQL_SSL_REQUEST = b"\x20\x00\x00\x01\x85\xae\xff\x01\x00\x00\x00\x01\x21" + bytes(23)
POSTGRES_SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"
LDAP_START_TLS = b"\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"
LDAP_SUCCESS = b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00"

UPGRADES = [
    pytest.param("smtp", b"EHLO a\r\nSTARTTLS\r\n", b"220 a ESMTP\r\n220 go\r\n", id="smtp"),
    pytest.param("imap", b"a1 STARTTLS\r\n", b"* OK IMAP4rev1\r\na1 OK go\r\n", id="imap"),
    pytest.param("pop3", b"STLS\r\n", b"+OK POP3\r\n+OK go\r\n", id="pop3"),
    pytest.param("ftp", b"AUTH TLS\r\n", b"220 FTP\r\n234 AUTH TLS OK\r\n", id="ftp"),
    pytest.param("ldap", LDAP_START_TLS, LDAP_SUCCESS, id="ldap"),
    pytest.param("postgres", POSTGRES_SSL_REQUEST, b"S", id="postgres"),
    pytest.param("mysql", MYSQL_SSL_REQUEST, MYSQL_GREETING, id="mysql"),
]


@pytest.mark.parametrize(("protocol", "client", "server"), UPGRADES)
def test_the_protocol_stays_and_the_switch_is_named(
    protocol: str, client: bytes, server: bytes
) -> None:
    heads = Heads(
        Side(client + HELLO, from_start=True), Side(server + SERVER_HELLO, from_start=True)
    )
    verdict = BY_PROTOCOL[protocol].probe(heads)
    assert verdict.answer is Answer.CERTAIN
    assert verdict.facts.switched_to == "tls"
    assert BY_PROTOCOL["tls"].probe(heads).answer is not Answer.CERTAIN


def test_a_stream_joined_before_the_switch_is_what_it_began_as() -> None:
    records = (HELLO[:5] + HELLO[5:].ljust(512, b"\x00")) + b"\x14\x03\x03\x00\x01\x01"
    later = Sample(at=100, data=records, whole=True)
    heads = Heads(Side(b"a1 STARTTLS\r\n", samples=(later,)), Side(b"a1 OK go\r\n"))
    found = identify(heads, Transport.TCP, oriented=True)
    assert (found.protocol, found.facts.switched_to) == ("imap", "tls")


@pytest.mark.parametrize(("protocol", "client", "server"), UPGRADES)
def test_without_a_handshake_there_was_no_switch(
    protocol: str, client: bytes, server: bytes
) -> None:
    heads = Heads(Side(client, from_start=True), Side(server, from_start=True))
    assert BY_PROTOCOL[protocol].probe(heads).facts.switched_to is None
