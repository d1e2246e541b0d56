"""The ClientHello inside QUIC Initial packets (RFC 9001 5, RFC 9369 3).

Initial packets are encrypted with keys that anyone can derive from the client's first connection
id, so this breaks no secret. `cryptography` is loaded when the first Initial is opened. A packet of
which the end was not captured is decrypted as far as it goes; then nothing but sense vouches for
it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from sniffdiag.identify import wire
from sniffdiag.identify.chains import pieces
from sniffdiag.identify.verdict import Side
from sniffdiag.records import dataclass

VERSION_1, VERSION_2, V2_DRAFT = 1, 0x6B3343CF, 0x709A50C4
FIRST_DRAFT_23, FIRST_DRAFT_29, FIRST_DRAFT_33 = 0xFF000017, 0xFF00001D, 0xFF000021
LAST_DRAFT = 0xFF000022
_SALT_1 = bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")
_SALT_2 = bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9")
_SALT_DRAFT_23 = bytes.fromhex("c3eef712c72ebb5a11a7d2432bb46365bef9f502")
_SALT_DRAFT_29 = bytes.fromhex("afbfec289993d24c9e9786f19c6111e04390a899")
"""RFC 9001 5.2, RFC 9369 3.3.1, draft-ietf-quic-tls-23 and -29, 5.2."""
INITIAL_TYPE = {VERSION_2: 1, V2_DRAFT: 1}
LONG_HEADER, TYPE_SHIFT, TYPE_MASK = 0x80, 4, 3
LONGEST_CONNECTION_ID = 20
HASH, HASH_LEN = "sha256", 32
KEY_LEN, IV_LEN, SAMPLE_LEN, TAG_LEN = 16, 12, 16, 16
PACKET_NUMBER_MAX = 4
FIRST_COUNTER = (2).to_bytes(4)
"""GCM's counter block of the first plaintext block (NIST SP 800-38D 7.1)."""
PADDING, PING, ACK, ACK_ECN, CRYPTO, CLOSE = 0x00, 0x01, 0x02, 0x03, 0x06, 0x1C
CRYPTO_ERROR = 0x100
"""RFC 9000 20.1: a TLS alert as an error code."""
MOST_DATAGRAMS, MOST_FRAMES = 16, 256
MAX_HELLO_BYTES = 1 << 16
HANDSHAKE_HEADER_LEN, CLIENT_HELLO = 4, 1


@dataclass(frozen=True, slots=True)
class Packet:
    """An Initial packet as it came, and what of its datagram lies behind it."""

    version: int
    destination: bytes
    """Destination connection id."""
    source: bytes
    data: bytes
    """From the first byte of the header, as far as it was kept."""
    number_at: int
    """Offset of the protected packet number."""
    end: int
    """Offset behind the packet in `data`, which may be shorter."""


@dataclass(frozen=True, slots=True)
class Hello:
    """A ClientHello, from its version on."""

    body: bytes
    whole: bool
    version: int
    """Of the last packet looked at."""


@lru_cache(maxsize=4)  # who is the client is tried both ways
def client_hello(side: Side) -> Hello | None:
    """The ClientHello that the client's Initial packets carry, put together."""
    sent: dict[int, bytes] = {}
    hello: Hello | None = None
    original: bytes | None = None
    for piece in pieces(side)[:MOST_DATAGRAMS]:
        for packet in initials(piece.data):
            original = packet.destination if original is None else original
            sent.update(_crypto_of(packet, original))
            hello = _hello(_joined(sent), packet.version)
            if hello and hello.whole:
                return hello
    return hello


def _crypto_of(packet: Packet, original: bytes) -> dict[int, bytes]:
    """What a client's packet holds of the handshake stream, by offsets.

    After a Retry (RFC 9001 5.2) the keys come from the connection id that the server chose.
    """
    for connection_id in dict.fromkeys((original, packet.destination)):
        payload = opened(packet, connection_id, b"client in")
        found = _crypto(payload) if payload else {}
        if found:
            return found
    return {}


def _hello(stream: bytes, version: int) -> Hello | None:
    if stream[:1] != bytes([CLIENT_HELLO]) or len(stream) < HANDSHAKE_HEADER_LEN:
        return None
    end = HANDSHAKE_HEADER_LEN + int.from_bytes(stream[1:HANDSHAKE_HEADER_LEN])
    return Hello(stream[HANDSHAKE_HEADER_LEN:end], len(stream) >= end, version)


def alert_code(client: Side, server: Side) -> int | None:
    """The TLS alert with which the server closed the connection in an Initial packet."""
    asked = next((p for piece in pieces(client) for p in initials(piece.data)), None)
    if asked is None:
        return None
    for piece in pieces(server)[:MOST_DATAGRAMS]:
        for packet in initials(piece.data):
            payload = opened(packet, asked.destination, b"server in")
            code = None if payload is None else _close_code(payload)
            if code is not None and code >> 8 == CRYPTO_ERROR >> 8:
                return code & 0xFF
    return None


def initials(datagram: bytes) -> Iterator[Packet]:
    """The Initial packets that one datagram begins with; others may be coalesced behind them."""
    while packet := _initial(datagram):
        yield packet
        datagram = datagram[packet.end :]


def _initial(data: bytes) -> Packet | None:
    version = wire.u32(data, 1)
    if version is None or not data[0] & LONG_HEADER or _salt(version) is None:
        return None
    if data[0] >> TYPE_SHIFT & TYPE_MASK != INITIAL_TYPE.get(version, 0):
        return None
    destination, at = _connection_id(data, 5)
    source, at = _connection_id(data, at)
    token = wire.quic_varint(data, at)
    length = wire.quic_varint(data, token[1] + token[0]) if token else None
    if length is None or length[0] < PACKET_NUMBER_MAX + SAMPLE_LEN:
        return None
    return Packet(version, destination, source, data, length[1], length[1] + length[0])


def _connection_id(data: bytes, at: int) -> tuple[bytes, int]:
    """The id and the offset behind it; past all bytes where it is cut or too long."""
    length = wire.u8(data, at)
    if length is None or length > LONGEST_CONNECTION_ID:
        return b"", len(data)
    return data[at + 1 : at + 1 + length], at + 1 + length


def opened(packet: Packet, connection_id: bytes, sender: bytes) -> bytes | None:
    """The frames of a packet; None if these are not its keys or too little of it is there."""
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - for Initials only
    from cryptography.hazmat.primitives.ciphers import Cipher  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.algorithms import AES  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.modes import CTR, ECB  # noqa: PLC0415

    data, at = packet.data, packet.number_at
    sample = data[at + PACKET_NUMBER_MAX : at + PACKET_NUMBER_MAX + SAMPLE_LEN]
    if len(sample) < SAMPLE_LEN:
        return None
    key, iv, mask_key = _keys(packet.version, connection_id, sender)
    mask = Cipher(AES(mask_key), ECB()).encryptor().update(sample)  # noqa: S305 - RFC 9001 5.4.3
    first = data[0] ^ (mask[0] & 0x0F)
    behind = at + (first & 0x03) + 1
    number = bytes(a ^ b for a, b in zip(data[at:behind], mask[1:], strict=False))
    nonce = (int.from_bytes(iv) ^ int.from_bytes(number)).to_bytes(IV_LEN)
    sealed = data[behind : packet.end]
    if len(data) < packet.end:
        counter = CTR(nonce + FIRST_COUNTER)
        return Cipher(AES(key), counter).decryptor().update(data[behind : packet.end - TAG_LEN])
    try:
        return AESGCM(key).decrypt(nonce, sealed, bytes([first]) + data[1:at] + number)
    except InvalidTag:
        return None


@lru_cache(maxsize=64)
def _keys(version: int, connection_id: bytes, sender: bytes) -> tuple[bytes, bytes, bytes]:
    """Key, IV and header protection key of one direction (RFC 9001 5.1, 5.2)."""
    import hmac  # noqa: PLC0415 - loads OpenSSL

    initial = hmac.digest(_salt(version) or b"", connection_id, HASH)
    secret = _expanded(initial, sender, HASH_LEN)
    prefix = b"quicv2 " if version in INITIAL_TYPE else b"quic "
    return (
        _expanded(secret, prefix + b"key", KEY_LEN),
        _expanded(secret, prefix + b"iv", IV_LEN),
        _expanded(secret, prefix + b"hp", KEY_LEN),
    )


def _expanded(secret: bytes, label: bytes, length: int) -> bytes:
    """HKDF-Expand-Label (RFC 8446 7.1) for no more than one block."""
    import hmac  # noqa: PLC0415 - loads OpenSSL

    label = b"tls13 " + label
    info = length.to_bytes(2) + bytes([len(label)]) + label + b"\x00"
    return hmac.digest(secret, info + b"\x01", HASH)[:length]


def _salt(version: int) -> bytes | None:
    if version == VERSION_1 or FIRST_DRAFT_33 <= version <= LAST_DRAFT:
        return _SALT_1
    if version in INITIAL_TYPE:
        return _SALT_2
    if FIRST_DRAFT_29 <= version < FIRST_DRAFT_33:
        return _SALT_DRAFT_29
    return _SALT_DRAFT_23 if FIRST_DRAFT_23 <= version < FIRST_DRAFT_29 else None


def _frames(payload: bytes) -> Iterator[tuple[int, int]]:
    """(type, offset behind it) of the frames that an Initial may hold (RFC 9000 12.4)."""
    at = 0
    for _ in range(MOST_FRAMES):
        at = len(payload) - len(payload[at:].lstrip(b"\x00"))
        if at >= len(payload):
            return
        kind = payload[at]
        yield kind, at + 1
        end = _frame_end(payload, kind, at + 1)
        if end is None:
            return
        at = end


def _frame_end(payload: bytes, kind: int, at: int) -> int | None:
    if kind == PING:
        return at
    if kind == CRYPTO:
        head = _varints(payload, at, 2)
        return head[0][1] + head[1] if head else None
    if kind not in {ACK, ACK_ECN}:
        return None
    head = _varints(payload, at, 4)
    if head is None:
        return None
    counts = 2 * min(head[0][2], MOST_FRAMES) + (3 if kind == ACK_ECN else 0)
    rest = _varints(payload, head[1], counts)
    return rest[1] if rest else None


def _varints(payload: bytes, at: int, count: int) -> tuple[list[int], int] | None:
    """So many numbers, and the offset behind them."""
    found = []
    for _ in range(count):
        number = wire.quic_varint(payload, at)
        if number is None:
            return None
        value, at = number
        found.append(value)
    return found, at


def _crypto(payload: bytes) -> dict[int, bytes]:
    """Bytes of the handshake stream by their offsets."""
    found = {}
    for kind, at in _frames(payload):
        head = _varints(payload, at, 2) if kind == CRYPTO else None
        if head and head[0][0] < MAX_HELLO_BYTES:
            (offset, length), behind = head
            found[offset] = payload[behind : behind + length]
    return found


def _joined(sent: dict[int, bytes]) -> bytes:
    """The handshake stream up to its first hole."""
    stream = b""
    for offset, data in sorted(sent.items()):
        if offset > len(stream):
            break
        stream += data[len(stream) - offset :]
    return stream


def _close_code(payload: bytes) -> int | None:
    for kind, at in _frames(payload):
        code = wire.quic_varint(payload, at) if kind == CLOSE else None
        if code:
            return code[0]
    return None
