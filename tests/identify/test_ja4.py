"""JA4 against the examples of its specification."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from sniffdiag.identify.ja4 import fingerprint, ja4
from sniffdiag.identify.verdict import Heads, Side
from sniffdiag.pipeline.capture import Wanted, list_flows
from tests.support import hellos

PCAPS = Path(__file__).parents[2] / "pcaps"
SUITES = "1301 1302 1303 c02b c02f c02c c030 cca9 cca8 c013 c014 009c 009d 002f 0035"
EXTENSIONS = "001b 0000 0033 0010 4469 0017 002d 000d 0005 0023 0012 002b ff01 000b 000a 0015"
SIGNATURES = "0403 0804 0401 0503 0805 0501 0806 0601"
GREASE = "fafa"


def vector(width: int, data: bytes) -> bytes:
    return len(data).to_bytes(width) + data


def hello(
    suites: str = SUITES,
    extensions: str = EXTENSIONS,
    *,
    alpn: bytes = b"h2",
    signatures: str = SIGNATURES,
    version: int = 0x0304,
) -> bytes:
    """A ClientHello's body; the numbers of Chrome in JA4's own example."""
    bodies = {
        "000d": vector(2, bytes.fromhex(signatures)),
        "0010": vector(2, vector(1, alpn)),
        "002b": vector(1, bytes.fromhex(GREASE) + version.to_bytes(2) + b"\x03\x03"),
    }
    told = b"".join(
        bytes.fromhex(kind) + vector(2, bodies.get(kind, b"")) for kind in extensions.split()
    )
    start = b"\x03\x03" + bytes(32) + vector(1, b"")
    return start + vector(2, bytes.fromhex(suites)) + vector(1, b"\x00") + vector(2, told)


def test_the_example_of_the_specification() -> None:
    assert fingerprint("t", hello()) == "t13d1516h2_8daaf6152771_e5627efa2ab1"


def test_order_and_grease_do_not_matter_but_for_signature_algorithms() -> None:
    shuffled = " ".join([GREASE, *reversed(SUITES.split())])
    extensions = " ".join([GREASE, *reversed(EXTENSIONS.split()), "0a0a"])
    assert fingerprint("t", hello(shuffled, extensions)) == fingerprint("t", hello())
    other = hello(signatures=" ".join(reversed(SIGNATURES.split())))
    assert fingerprint("t", other) != fingerprint("t", hello())


@pytest.mark.parametrize(
    ("alpn", "chars"),
    [(b"http/1.1", "h1"), (b"h", "hh"), (b"\xab", "ab"), (b"\x30\xab", "3b"), (b"", "00")],
)
def test_the_protocol_is_told_by_its_ends(alpn: bytes, chars: str) -> None:
    found = fingerprint("q", hello(alpn=alpn))
    assert found
    assert found.split("_")[0] == f"q13d1516{chars}"


def test_a_hello_with_nothing_in_it_has_zeros() -> None:
    empty = b"\x03\x01" + bytes(32) + vector(1, b"") + vector(2, b"") + vector(1, b"\x00")
    assert fingerprint("t", empty) == "t10i000000_000000000000_000000000000"


def test_without_signature_algorithms_there_is_no_underscore_to_hash() -> None:
    suites, kinds = (hashlib.sha256(text).hexdigest()[:12] for text in (b"1301", b"0017"))
    assert fingerprint("t", hello("1301", "0017")) == f"t12i010100_{suites}_{kinds}"


def test_a_hello_of_which_the_end_is_missing_has_none() -> None:
    record = hellos.record(22, hellos.client_hello(hellos.sni(b"a"), hellos.alpn(b"h2")))
    assert ja4("tls", Heads(Side(record, from_start=True))) is not None
    for length in range(len(record)):
        assert ja4("tls", Heads(Side(record[:length], from_start=True))) is None


def test_listings_show_it_where_it_is_asked_for() -> None:
    captures = [str(PCAPS / "quic" / "v1.pcap"), str(PCAPS / "tls" / "tls13.pcap")]
    told = {row.protocol: row.ja4 for row in list_flows(captures, wanted=Wanted(ja4=True)).rows}
    assert told.keys() == {"quic", "tls"}
    assert (told["quic"] or "").startswith("q13d03")
    assert (told["tls"] or "").startswith("t13d")
    assert {row.ja4 for row in list_flows(captures).rows} == {None}
