"""What sizes and turns of TLS records tell, as dialogues: `C130 S157` are plaintext sizes."""

from __future__ import annotations

import pytest

from sniffdiag.marks.tls_records import (
    Contents,
    Message,
    Spoken,
    contents,
    messages,
    records,
)
from tests.support import hellos

DIALOGUES = (
    ("one request", "C130 S129 S28", Contents.HTTP1),
    ("header and body apart", "C149 C12 S134 S14", Contents.HTTP1),
    ("tickets before the answer", "C130 S1196 S129 S28", Contents.HTTP1),
    ("keep-alive", "C303 S157 S28 C303 S157 S28", Contents.HTTP1),
    ("gRPC, the client's SETTINGS acknowledged", "C82 S46 C9 C294 S39 C17 S149", Contents.HTTP2),
    ("gRPC, the server's SETTINGS first", "S46 C385 S39 C17 S149", Contents.HTTP2),
    ("Redis", "C14 S7 C33 S5 C26 S7", Contents.OTHER),
    ("Redis with a large value", "C240 S5 C33 S5", Contents.OTHER),
    ("Redis behind tickets", "C14 S1196 S7 C33 S5", Contents.OTHER),
    ("PostgreSQL asks for TLS", "C8 S1 C86 S400", Contents.OTHER),
    ("MySQL", "S104 C193 S11 C13 S58", Contents.SERVER_FIRST),
    ("mail", "S38 C22 S85 C30 S14", Contents.SERVER_FIRST),
    ("TLS 1.3 inside", "C517 S726 C80 S255 C113 S255", Contents.TLS),
    ("TLS 1.2 inside", "C220 S2900 C93 S51 C140 S400", Contents.TLS),
    ("nobody answered", "C130", Contents.UNKNOWN),
    ("nothing but tickets", "S1196", Contents.UNKNOWN),
    ("nothing", "", Contents.UNKNOWN),
)


def dialogue(text: str) -> list[Message]:
    return [Message(word.startswith("C"), int(word[1:])) for word in text.split()]


@pytest.mark.parametrize(
    ("said", "found"), [row[1:] for row in DIALOGUES], ids=[row[0] for row in DIALOGUES]
)
def test_what_a_dialogue_fits(said: str, found: Contents) -> None:
    assert contents(dialogue(said)) is found


@pytest.mark.parametrize("said", [row[1] for row in DIALOGUES])
def test_any_beginning_of_a_dialogue_gives_an_answer(said: str) -> None:
    whole = dialogue(said)
    assert all(contents(whole[:cut]) in Contents for cut in range(len(whole) + 1))


def side(*pieces: bytes, first_frame: int) -> Spoken:
    """Pieces captured in every second frame."""
    frames, at = [], 0
    for number, piece in enumerate(pieces):
        frames.append((at, first_frame + 2 * number))
        at += len(piece)
    return Spoken(b"".join(pieces), tuple(frames))


def data(size: int, overhead: int) -> bytes:
    return hellos.record(23, bytes(size + overhead))


CCS = hellos.record(20, b"\x01")


def test_plaintext_sizes_in_tls_1_3_without_the_handshake() -> None:
    client = side(
        hellos.CLIENT_HELLO, CCS + data(470, 17), data(130, 17), data(2, 17), first_frame=1
    )
    server = side(
        hellos.SERVER_HELLO_13 + CCS + data(560, 17), data(1196, 17), data(157, 17), first_frame=2
    )
    said = messages(records(client, server), is_1_3=True)
    assert said == dialogue("S1196 C130 S157")


@pytest.mark.parametrize("overhead", [24, 16], ids=["AES-GCM", "ChaCha20"])
def test_plaintext_sizes_in_tls_1_2(overhead: int) -> None:
    finished, alert = (
        hellos.record(22, bytes(16 + overhead)),
        hellos.record(21, bytes(2 + overhead)),
    )
    client = side(hellos.CLIENT_HELLO, CCS + finished, data(130, overhead), alert, first_frame=1)
    server = side(hellos.SERVER_HELLO_12, CCS + finished, data(157, overhead), first_frame=2)
    assert messages(records(client, server), is_1_3=False) == dialogue("C130 S157")


def test_damaged_records_end_the_reading() -> None:
    whole = data(130, 24) + b"\xff" * 40 + data(130, 24)
    cut = Spoken(whole, ((0, 1),))
    assert len(records(cut, Spoken(b"", ()))) == 1
    for end in range(len(whole)):
        records(Spoken(whole[:end], ((0, 1),)), Spoken(b"", ()))
