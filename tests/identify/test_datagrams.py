"""Protocols that take several datagrams, or later segments, to be sure of."""

from __future__ import annotations

import pytest

from sniffdiag.identify import mqtt, mysql, quic, redis, rtp, sip
from sniffdiag.identify.verdict import Answer, Heads, Sample, Side


def rtp_packet(sequence: int, *, source: bytes = b"\xde\xad\xbe\xef") -> bytes:
    return b"\x80\x08" + sequence.to_bytes(2) + sequence.to_bytes(4) + source + bytes(20)


def side_of(*datagrams: bytes, from_start: bool = True) -> Side:
    later = tuple(Sample(at, data, whole=True) for at, data in enumerate(datagrams[1:], 1))
    return Side(datagrams[0], from_start=from_start, samples=later)


def test_rtp_that_counts_up_under_one_source_is_certain() -> None:
    side = side_of(*(rtp_packet(sequence & 0xFFFF) for sequence in range(65533, 65538)))
    assert rtp.DETECTOR.probe(Heads(client=side)).answer is Answer.CERTAIN


def test_rtp_like_datagrams_of_changing_sources_claim_nothing() -> None:
    side = side_of(*(rtp_packet(n, source=bytes([n] * 4)) for n in range(1, 9)))
    assert rtp.DETECTOR.probe(Heads(client=side)).answer is Answer.NEED_MORE


def test_rtp_that_does_not_count_up_claims_nothing() -> None:
    side = side_of(*(rtp_packet(7000 * n) for n in range(1, 9)))
    assert rtp.DETECTOR.probe(Heads(client=side)).answer is Answer.NEED_MORE


def test_a_long_header_among_short_ones_is_quic() -> None:
    long_header = b"\xe3\x00\x00\x00\x01\x04abcd\x08stuvwxyz\x40\x40" + bytes(64)
    side = side_of(b"\x43" + bytes(40), long_header)
    assert quic.DETECTOR.probe(Heads(server=side)).answer is Answer.CERTAIN


def test_a_keep_alive_before_the_first_message_does_not_hide_sip() -> None:
    side = side_of(b"\r\n\r\n", b"SIP/2.0 200 OK\r\n\r\n")
    assert sip.DETECTOR.probe(Heads(server=side)).answer is Answer.CERTAIN


def test_a_stream_joined_inside_a_value_is_recognised_by_a_later_segment() -> None:
    command = b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"
    side = Side(b"\x00\x01\x02 tail", samples=(Sample(900, command, whole=True),))
    assert redis.DETECTOR.probe(Heads(client=side)).answer is Answer.CERTAIN


def test_a_stream_joined_inside_a_message_rules_nothing_out() -> None:
    side = Side(b"\xff\xfe\xfd\xfc middle of a row")
    assert mysql.DETECTOR.probe(Heads(server=side)).answer is Answer.NEED_MORE
    assert mysql.DETECTOR.probe(Heads(side, side)).answer is Answer.NEED_MORE


def test_a_stream_seen_from_its_start_on_both_sides_rules_it_out() -> None:
    side = Side(b"\xff\xfe\xfd\xfc nothing of the kind", from_start=True)
    assert mysql.DETECTOR.probe(Heads(side, side)).answer is Answer.NO


@pytest.mark.parametrize(
    ("captured", "answer"),
    [
        (b"\x40\x02\x00\x09", Answer.POSSIBLE),
        (b"\x40\x02\x00\x09\xd0\x00", Answer.POSSIBLE),
        (b"\x40\x02\x00\x09!", Answer.NEED_MORE),
        (b"\xc0\x00", Answer.NEED_MORE),
    ],
)
def test_a_joined_side_of_nothing_but_an_acknowledgement_is_possibly_mqtt(
    captured: bytes, answer: Answer
) -> None:
    side = Side(captured, complete=True)
    assert mqtt.DETECTOR.probe(Heads(server=side)).answer is answer
    more = Side(captured, complete=False)
    assert mqtt.DETECTOR.probe(Heads(server=more)).answer is Answer.NEED_MORE


CERTIFICATE_NAMES = (
    b"\x82\x0e*.pinterest.fr\x82\x0e*.pinterest.jp\x82\x0e*.pinterest.ca\x82\x0dpinterest.com"
)
SUBSCRIBE_3 = b"\x82\x08\x00\x01\x00\x03a/b\x00"
SUBSCRIBE_5 = b"\x82\x0b\x00\x01\x02\x0b\x07\x00\x03a/b\x00"


@pytest.mark.parametrize(
    ("piece", "answer"),
    [
        (CERTIFICATE_NAMES, Answer.NEED_MORE),
        (SUBSCRIBE_3 * 3, Answer.POSSIBLE),
        (SUBSCRIBE_5 * 3, Answer.POSSIBLE),
        (b"\x40\x04\x00\x01\x10\x00" * 3, Answer.POSSIBLE),
        (b"\x40\x04\x00\x01ab" * 3, Answer.NEED_MORE),
    ],
    ids=["names of a certificate", "3.1.1", "5.0", "reasons", "no reasons"],
)
def test_chained_packets_are_mqtt_only_with_what_is_in_them(piece: bytes, answer: Answer) -> None:
    assert mqtt.DETECTOR.probe(Heads(client=Side(piece))).answer is answer
