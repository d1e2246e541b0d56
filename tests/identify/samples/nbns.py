"""NetBIOS name service."""

from __future__ import annotations

from sniffdiag.model import Transport
from tests.support.samples import Samples, Talk


def query(
    name: bytes, *, kind: int = 1, id_: int = 0x1234, flags: int = 0x0100, cls: int = 1
) -> bytes:
    labels = b"".join(bytes([len(label)]) + label for label in name.split(b".")) + b"\x00"
    counts = b"\x00\x01\x00\x00\x00\x00\x00\x00"
    return (
        id_.to_bytes(2) + flags.to_bytes(2) + counts + labels + kind.to_bytes(2) + cls.to_bytes(2)
    )


NAME = b"FHFAEBEECACACACACACACACACACACAAA"

SAMPLES = Samples(
    protocol="nbns",
    transport=Transport.UDP,
    certain=(
        Talk(name="query", client=query(NAME, kind=32, flags=0x0110)),
        Talk(name="registration", client=query(NAME, kind=32, flags=0x2910)),
        Talk(name="status", client=query(b"CK" + b"A" * 30, kind=33, flags=0)),
        Talk(
            name="two letters damaged",
            client=query(NAME[:9] + b"k\xd7" + NAME[11:], kind=32, flags=0x0110),
        ),
        Talk(name="answer", server=query(NAME, kind=32, flags=0x8500)),
    ),
    possible=(
        Talk(
            name="overwritten behind two letters",
            client=query(NAME, kind=32, flags=0x0110)[:15] + b"\xaa" * 35,
        ),
        Talk(name="cut inside the name", client=query(NAME, kind=32, flags=0x0110)[:24]),
    ),
    almost=(
        Talk(
            name="overwritten behind two letters, no broadcast",
            client=query(NAME, kind=32)[:15] + b"\xaa" * 35,
        ),
        Talk(name="dns of a 32-letter label", client=query(b"z" * 32)),
        Talk(name="another type", client=query(NAME, kind=1)),
    ),
)
