"""MongoDB: OP_MSG, OP_QUERY, OP_COMPRESSED, and their answers."""

from __future__ import annotations

from tests.support.samples import Samples, Talk


def message(opcode: int, body: bytes, *, request: int = 7, answers: int = 0) -> bytes:
    numbers = (16 + len(body), request, answers, opcode)
    return b"".join(number.to_bytes(4, "little") for number in numbers) + body


BSON = b"\x10\x00\x00\x00\x10ping\x00\x01\x00\x00\x00\x00"
MSG_BODY = b"\x00\x00\x00\x00\x00" + BSON
HELLO = message(2004, b"\x04\x00\x00\x00admin.$cmd\x00" + bytes(4) + b"\xff\xff\xff\xff" + BSON)
REPLY = message(1, b"\x08\x00\x00\x00" + bytes(12) + b"\x01\x00\x00\x00" + BSON, answers=7)
COMPRESSED = message(2012, b"\xdd\x07\x00\x00\x25\x00\x00\x00\x01" + BSON)

SAMPLES = Samples(
    protocol="mongo",
    certain=(
        Talk(name="hello over OP_QUERY", client=HELLO, server=REPLY),
        Talk(
            name="OP_MSG", client=message(2013, MSG_BODY), server=message(2013, MSG_BODY, answers=7)
        ),
        Talk(name="OP_COMPRESSED", client=COMPRESSED),
        Talk(name="reply alone", server=REPLY),
        Talk(
            name="OP_MSG answer, joined", server=message(2013, MSG_BODY, answers=9), midstream=True
        ),
        Talk(name="OP_MSG, joined", client=message(2013, MSG_BODY), midstream=True),
    ),
    almost=(
        Talk(name="unknown opcode", client=message(2014, MSG_BODY)),
        Talk(name="unknown flags", client=message(2013, b"\x0c" + MSG_BODY[1:])),
        Talk(
            name="query without a namespace",
            client=message(2004, b"\x04\x00\x00\x00admin\x00" + BSON),
        ),
        Talk(name="zeros", client=bytes(64), server=bytes(64)),
        Talk(name="http/2 settings", client=b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + bytes(18)),
    ),
)
