"""Kafka: requests with client ids, echoed correlation ids, and the protocols it collides with."""

from __future__ import annotations

from tests.support.samples import Samples, Talk


def request(key: int, version: int, correlation: int, client: bytes, body: bytes) -> bytes:
    header = key.to_bytes(2) + version.to_bytes(2) + correlation.to_bytes(4)
    header += len(client).to_bytes(2) + client
    return (len(header) + len(body)).to_bytes(4) + header + body


API_VERSIONS_3 = request(18, 3, 1, b"rdkafka", b"\x00\x0blibrdkafka\x061.8.2\x00")
METADATA = request(3, 1, 2, b"shop", b"\xff\xff\xff\xff")
ANONYMOUS = request(3, 1, 9, b"", b"\xff\xff\xff\xff")
ANSWER = b"\x00\x00\x00\x0c\x00\x00\x00\x02" + bytes(8)
NINTH = b"\x00\x00\x00\x0c\x00\x00\x00\x09" + bytes(8)
POSTGRES = b"\x00\x00\x00\x54\x00\x03\x00\x00user\x00p" + b"o" * 80

SAMPLES = Samples(
    protocol="kafka",
    certain=(
        Talk(name="ApiVersions 3", client=API_VERSIONS_3),
        Talk(name="echoed", client=METADATA, server=ANSWER),
        Talk(name="echoed, no client id", client=ANONYMOUS, server=NINTH),
        Talk(
            name="chained, joined", client=METADATA + request(3, 1, 3, b"shop", b""), midstream=True
        ),
    ),
    possible=(Talk(name="metadata alone", client=METADATA),),
    almost=(
        Talk(name="postgres startup", client=POSTGRES),
        Talk(name="no client id", client=ANONYMOUS),
        Talk(name="another's answer", client=METADATA, server=NINTH),
        Talk(
            name="zookeeper connect",
            client=b"\x00\x00\x00\x2d"
            + bytes(14)
            + b"\x75\x30"
            + bytes(8)
            + b"\x00\x00\x00\x10"
            + bytes(17),
        ),
        Talk(name="api key 300", client=request(300, 1, 1, b"shop", b"")),
        Talk(
            name="client id longer than the message",
            client=b"\x00\x00\x00\x0c\x00\x03\x00\x01\x00\x00\x00\x01\x00\x70abc",
        ),
        Talk(name="http/1", client=b"GET / HTTP/1.1\r\n\r\n", server=b"HTTP/1.1 200 OK\r\n\r\n"),
    ),
)
