"""Writes the captures that `make bench` measures, in seconds: whole columns, no packet objects.

Every conversation is consistent (handshakes, sequence and acknowledgement numbers, lengths, IP
checksums); TCP and UDP checksums are zero, as a sender with checksum offload leaves them. The same
seed gives the same bytes, so figures of different days can be compared.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.benchmarks.files import FILES, path_of
from tests.benchmarks.messages import Messages, Pool

Ints = npt.NDArray[np.int64]

SEED = 20200106
START_S = 1_578_301_200
MSS = 1448  # 1500 less IP, TCP and the timestamp option
FIN, SYN, PSH, ACK = 1, 2, 8, 16
TCP, UDP = 6, 17
PCAP_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)
ROWS_AT_ONCE = 1 << 17

LINK_AND_IP = [
    ("ts_s", "<u4"),
    ("ts_us", "<u4"),
    ("caplen", "<u4"),
    ("wirelen", "<u4"),
    ("macs", "V12"),
    ("ethertype", ">u2"),
    ("version_ihl", "u1"),
    ("tos", "u1"),
    ("ip_length", ">u2"),
    ("ip_id", ">u2"),
    ("fragment", ">u2"),
    ("ttl", "u1"),
    ("transport", "u1"),
    ("ip_checksum", ">u2"),
    ("src", ">u4"),
    ("dst", ">u4"),
    ("sport", ">u2"),
    ("dport", ">u2"),
]
TCP_ROW = [("seq", ">u4"), ("ack", ">u4"), ("data_offset", "u1"), ("flags", "u1")]
TCP_ROW += [("window", ">u2"), ("checksum", ">u2"), ("urgent", ">u2")]
TIMESTAMPS = [("nop_nop_ts", ">u4"), ("ts_value", ">u4"), ("ts_echo", ">u4")]
UDP_ROW = [("udp_length", ">u2"), ("checksum", ">u2")]

TCP_TIMESTAMPED = np.dtype(LINK_AND_IP + TCP_ROW + TIMESTAMPS)
TCP_PLAIN = np.dtype(LINK_AND_IP + TCP_ROW)
UDP_PLAIN = np.dtype(LINK_AND_IP + UDP_ROW)
RECORD_HEADER_BYTES, LINK_BYTES, PORTS_AT = 16, 14, 16 + 14 + 20


@dataclass(frozen=True, slots=True)
class Conversations:
    """Flows of one shape as columns, with the exchanges (request, response) of each in order."""

    row: np.dtype[np.void]
    server_port: Ints
    start_us: Ints
    span_us: Ints
    handshake: npt.NDArray[np.bool_]
    flow: Ints
    """Flow of each exchange, ascending."""
    requests: Messages
    responses: Messages


@dataclass(frozen=True, slots=True)
class Packets:
    """Packets of some flows as columns, before they are bytes."""

    time_us: Ints
    flow: Ints
    from_client: npt.NDArray[np.bool_]
    flags: Ints
    seq: Ints
    ack: Ints
    source: Ints
    """Where in the pool its payload begins."""
    length: Ints


@dataclass(frozen=True, slots=True)
class Sent:
    """Who sends what, flow by flow in order, before it is numbered and timed."""

    flow: Ints
    from_client: npt.NDArray[np.bool_]
    flags: Ints
    source: Ints
    length: Ints


def packets_of(talk: Conversations, rng: np.random.Generator) -> Packets:
    """All packets of the conversations, flow by flow."""
    sent = _exchanges(talk)
    if talk.row is not UDP_PLAIN:
        opening = _three(np.flatnonzero(talk.handshake), [SYN, SYN | ACK, ACK])
        closing = _three(np.arange(talk.start_us.size), [FIN | ACK, FIN | ACK, ACK])
        sent = _joined([opening, sent, closing])
    consumed = sent.length + (sent.flags & (SYN | FIN) != 0)
    seq, ack = _numbers(sent.flow, sent.from_client, consumed, rng)
    ack[sent.flags & ACK == 0] = 0
    time_us = _times(sent.flow, talk, rng)
    flow, from_client, flags = sent.flow, sent.from_client, sent.flags
    return Packets(time_us, flow, from_client, flags, seq, ack, sent.source, sent.length)


def _exchanges(talk: Conversations) -> Sent:
    """Request, then the response in segments with an acknowledgement after every second one."""
    segments = -(-talk.responses.length // MSS)
    count = 1 + segments + segments // 2
    exchange = np.repeat(np.arange(count.size), count)
    at = np.arange(exchange.size) - np.repeat(np.cumsum(count) - count, count) - 1
    request = at < 0
    pure_ack = (at % 3 == 2) & ~request
    segment = at - at // 3
    left = talk.responses.length[exchange] - segment * MSS
    length = np.where(pure_ack, 0, np.minimum(left, MSS))
    length = np.where(request, talk.requests.length[exchange], length)
    source = talk.responses.offset[exchange] + segment * MSS
    source = np.where(request, talk.requests.offset[exchange], source)
    flags = np.where(request | (left <= MSS) & ~pure_ack, PSH | ACK, ACK)
    return Sent(talk.flow[exchange], request | pure_ack, flags, source, length)


def _three(flows: Ints, flags: list[int]) -> Sent:
    """Three packets without payload for each flow: client, server, client."""
    nothing = np.zeros(flows.size * 3, np.int64)
    from_client = np.tile([True, False, True], flows.size)
    return Sent(np.repeat(flows, 3), from_client, np.tile(flags, flows.size), nothing, nothing)


def _joined(parts: list[Sent]) -> Sent:
    """One after the other within each flow."""
    flow = np.concatenate([part.flow for part in parts])
    order = np.argsort(flow, kind="stable")
    return Sent(
        flow[order],
        np.concatenate([part.from_client for part in parts])[order],
        np.concatenate([part.flags for part in parts])[order],
        np.concatenate([part.source for part in parts])[order],
        np.concatenate([part.length for part in parts])[order],
    )


def _numbers(
    flow: Ints, from_client: npt.NDArray[np.bool_], consumed: Ints, rng: np.random.Generator
) -> tuple[Ints, Ints]:
    """Sequence and acknowledgement numbers, from what each side sent before."""
    first = np.flatnonzero(np.diff(flow, prepend=-1))
    flow_rows = np.diff(first, append=flow.size)
    sent = []
    for mine in (from_client, ~from_client):
        before = np.cumsum(np.where(mine, consumed, 0)) - np.where(mine, consumed, 0)
        initial = rng.integers(1 << 32, size=first.size)
        sent.append((before + np.repeat(initial - before[first], flow_rows)) % (1 << 32))
    client, server = sent
    return np.where(from_client, client, server), np.where(from_client, server, client)


def _times(flow: Ints, talk: Conversations, rng: np.random.Generator) -> Ints:
    """Irregular but increasing times that fill the span of each flow."""
    elapsed = np.cumsum(rng.exponential(size=flow.size) + 0.01)
    first = np.flatnonzero(np.diff(flow, prepend=-1))
    rows = np.diff(first, append=flow.size)
    last = first + rows - 1
    scale = talk.span_us[flow[first]] / (elapsed[last] - elapsed[first] + 1)
    offset = (elapsed - np.repeat(elapsed[first], rows)) * np.repeat(scale, rows)
    return (talk.start_us[flow] + offset).astype(np.int64)


def header_rows(packets: Packets, talk: Conversations, first_flow: int) -> npt.NDArray[np.void]:
    """Everything before the payload, from the record header on."""
    row = np.zeros(packets.flow.size, talk.row)
    flow = packets.flow + first_flow
    client = (0x0A080000 + flow % 200 + 1, 32_768 + flow // 200 % 28_000)
    server = (0x0A600000 + flow % 40 + 1, talk.server_port[packets.flow])
    headers = talk.row.itemsize - RECORD_HEADER_BYTES
    row["ts_s"] = START_S + packets.time_us // 1_000_000
    row["ts_us"] = packets.time_us % 1_000_000
    row["caplen"] = row["wirelen"] = headers + packets.length
    row["macs"] = np.void(bytes.fromhex("02420a60000102420a080001"))
    row["ethertype"], row["version_ihl"], row["ttl"], row["fragment"] = 0x0800, 0x45, 64, 0x4000
    row["ip_length"] = headers - LINK_BYTES + packets.length
    row["ip_id"] = np.arange(packets.flow.size) & 0xFFFF
    row["transport"] = UDP if talk.row is UDP_PLAIN else TCP
    for (to_server, to_client), value in zip(
        (("src", "dst"), ("sport", "dport")), zip(client, server, strict=True), strict=True
    ):
        row[to_server] = np.where(packets.from_client, *value)
        row[to_client] = np.where(packets.from_client, *value[::-1])
    if talk.row is UDP_PLAIN:
        row["udp_length"] = 8 + packets.length
    else:
        _fill_tcp(row, packets)
    row["ip_checksum"] = _ip_checksum(row)
    return row


def _fill_tcp(row: npt.NDArray[np.void], packets: Packets) -> None:
    row["seq"], row["ack"], row["flags"] = packets.seq, packets.ack, packets.flags
    row["data_offset"] = (row.itemsize - PORTS_AT) // 4 << 4
    row["window"] = 501
    if row.dtype is TCP_TIMESTAMPED:
        row["nop_nop_ts"] = 0x0101080A
        row["ts_value"] = row["ts_echo"] = packets.time_us // 1000


def _ip_checksum(row: npt.NDArray[np.void]) -> Ints:
    """RFC 1071, while the field itself is still zero."""
    at = RECORD_HEADER_BYTES + LINK_BYTES
    words = row.view(np.uint8).reshape(-1, row.itemsize)[:, at:PORTS_AT]
    total = np.ascontiguousarray(words).view(">u2").astype(np.int64).sum(axis=1)
    total = (total >> 16) + (total & 0xFFFF)
    total = (total >> 16) + (total & 0xFFFF)
    return np.asarray(~total & 0xFFFF)


def write_pcap(
    path: Path, talks: list[Conversations], pool: Pool, packets_wanted: int | None = None
) -> None:
    """Write all packets in order of time; `packets_wanted` ends the capture there."""
    packets, rows, first_flow = [], [], 0
    for talk in talks:
        packets.append(packets_of(talk, pool.rng))
        rows.append(header_rows(packets[-1], talk, first_flow))
        first_flow += talk.start_us.size
    kind = np.repeat(np.arange(len(talks)), [r.size for r in rows])
    at = np.concatenate([np.arange(r.size) for r in rows])
    order = np.argsort(np.concatenate([p.time_us for p in packets]), kind="stable")[:packets_wanted]
    data = np.frombuffer(bytes(pool.data), np.uint8)
    with path.open("wb") as file:
        file.write(PCAP_HEADER)
        for begin in range(0, order.size, ROWS_AT_ONCE):
            some = order[begin : begin + ROWS_AT_ONCE]
            file.write(_records(kind[some], at[some], rows, packets, data).data)


def _records(
    kind: Ints,
    at: Ints,
    rows: list[npt.NDArray[np.void]],
    packets: list[Packets],
    pool: npt.NDArray[np.uint8],
) -> npt.NDArray[np.uint8]:
    size, length, source = (np.zeros(kind.size, np.int64) for _ in range(3))
    for k, (row, packet) in enumerate(zip(rows, packets, strict=True)):
        mine = kind == k
        size[mine] = row.itemsize
        length[mine], source[mine] = packet.length[at[mine]], packet.source[at[mine]]
    end = np.cumsum(size + length)
    begin = end - size - length
    out = np.empty(int(end[-1]), np.uint8)
    for k, row in enumerate(rows):
        mine = kind == k
        _runs(out, row.itemsize)[begin[mine]] = row[at[mine]].view(f"V{row.itemsize}")
    for n in np.unique(length[length > 0]):
        mine = length == n
        _runs(out, n)[begin[mine] + size[mine]] = _runs(pool, n)[source[mine]]
    return out


def _runs(data: npt.NDArray[np.uint8], width: int) -> npt.NDArray[np.void]:
    """Every run of `width` bytes as one item, so that one index copies many packets."""
    return np.ndarray(data.size - width + 1, f"V{width}", data, strides=(1,))


def _pick(messages: Messages, which: Ints) -> Messages:
    chosen = which % messages.offset.size
    return Messages(messages.offset[chosen], messages.length[chosen])


def _overlaid(messages: Messages, where: npt.NDArray[np.bool_], other: Messages) -> Messages:
    offset = np.where(where, other.offset, messages.offset)
    return Messages(offset, np.where(where, other.length, messages.length))


@dataclass(slots=True)
class Mix:
    """What a node of a cluster sees in a minute."""

    pool: Pool
    span_us: int = 60_000_000

    def keep_alive(self, flows: int, exchanges: int, port: int) -> tuple[Ints, Ints, Conversations]:
        """Long conversations without their messages: a skewed number of exchanges each."""
        rng = self.pool.rng
        share = rng.lognormal(0, 0.8, flows)
        count = np.maximum(1, share / share.sum() * exchanges).astype(np.int64)
        flow = np.repeat(np.arange(flows), count)
        which = rng.integers(1 << 30, size=flow.size)
        begun_before = rng.random(flows) < 0.03
        start = np.where(begun_before, 0, rng.integers(self.span_us // 2, size=flows))
        span = rng.integers(self.span_us // 8, self.span_us // 2, size=flows)
        none = Messages(flow, flow)
        ports = np.full(flows, port)
        frame = Conversations(TCP_TIMESTAMPED, ports, start, span, ~begun_before, flow, none, none)
        return flow, which, frame

    def sizes(self, count: int) -> Ints:
        """Body sizes: most small, some of many segments."""
        drawn = self.pool.rng.lognormal(5.8, 1.3, count)
        return np.clip(drawn, 16, 200_000).astype(np.int64)

    def http(self, flows: int, exchanges: int) -> Conversations:
        """HTTP/1.1 with keep-alive."""
        _, which, frame = self.keep_alive(flows, exchanges, 8080)
        requests = _pick(self.pool.http_requests(2000), which)
        responses = _pick(self.pool.http_responses(self.sizes(400)), which >> 8)
        return replace(frame, requests=requests, responses=responses)

    def tls(self, flows: int, exchanges: int) -> Conversations:
        """TLS 1.3: a handshake, then application data."""
        flow, which, frame = self.keep_alive(flows, exchanges, 8443)
        client_hellos, server_hellos = self.pool.tls_hellos()
        requests = _pick(self.pool.tls_data(self.pool.rng.integers(80, 700, 200)), which)
        responses = _pick(self.pool.tls_data(self.sizes(300)), which >> 8)
        hello = np.diff(flow, prepend=-1) > 0
        hello[hello] = frame.handshake
        return replace(
            frame,
            requests=_overlaid(requests, hello, _pick(client_hellos, flow)),
            responses=_overlaid(responses, hello, _pick(server_hellos, flow)),
        )

    def opaque(self, flows: int, exchanges: int) -> Conversations:
        """A protocol that nobody knows."""
        _, which, frame = self.keep_alive(flows, exchanges, 9000)
        requests = _pick(self.pool.noise(self.pool.rng.integers(12, 300, 200)), which)
        responses = _pick(self.pool.noise(self.sizes(200)), which >> 8)
        return replace(frame, requests=requests, responses=responses)

    def dns(self, flows: int) -> Conversations:
        """One question and one answer from every source port."""
        queries, answers = self.pool.dns(1000)
        flow = np.arange(flows)
        start = self.pool.rng.integers(self.span_us // 2, size=flows)
        span = np.full(flows, 800)
        port = np.full(flows, 53)
        asked, answered = _pick(queries, flow), _pick(answers, flow)
        return Conversations(UDP_PLAIN, port, start, span, flow < 0, flow, asked, answered)


def write_mix(path: Path, packets: int) -> None:
    """A realistic mix of 5,500 flows, about 515 bytes a frame on average."""
    mix = Mix(Pool(np.random.default_rng(SEED)))
    exchanges = int(packets / 2.3)
    talks = [
        mix.http(3000, exchanges * 70 // 100),
        mix.tls(1200, exchanges * 25 // 100),
        mix.opaque(300, exchanges * 5 // 100),
        mix.dns(1000),
    ]
    write_pcap(path, talks, mix.pool, packets)


def write_big(path: Path) -> None:
    """1 M packets, 530 MB, 5,500 flows."""
    write_mix(path, 1_000_000)


def write_double(path: Path) -> None:
    """The same 5,500 flows with twice the packets of `big`."""
    write_mix(path, 2_000_000)


def write_quarter_gz(path: Path) -> None:
    """A quarter of `big`, compressed with gzip."""
    plain = path.with_suffix("")
    write_mix(plain, 250_000)
    with plain.open("rb") as source, gzip.open(path, "wb", compresslevel=6) as target:
        shutil.copyfileobj(source, target, 1 << 20)
    plain.unlink()


def write_small(path: Path) -> None:
    """1 M frames of 64 bytes: bare TCP headers and ten bytes of payload."""
    pool, flows, exchanges = Pool(np.random.default_rng(SEED)), 4000, 125
    flow = np.repeat(np.arange(flows), exchanges)
    message = _pick(pool.noise(np.full(64, 10)), flow)
    port, start = np.full(flows, 9000), np.arange(flows) * 5000
    span = np.full(flows, 20_000_000)
    talk = Conversations(TCP_PLAIN, port, start, span, flow[:flows] < 0, flow, message, message)
    write_pcap(path, [talk], pool, 1_000_000)


def write_oneshot(path: Path) -> None:
    """1 M flows of one HTTP request each, eight packets a flow, a few hundred open at a time."""
    pool, flows = Pool(np.random.default_rng(SEED)), 1_000_000
    flow = np.arange(flows)
    requests = _pick(pool.http_requests(20_000), flow * 7919)
    sizes = pool.rng.integers(20, 900, 512)
    responses = _pick(pool.http_responses(sizes), flow * 31)
    port, start = np.full(flows, 8080), flow * 60
    span = pool.rng.integers(2_000, 25_000, flows)
    talk = Conversations(TCP_TIMESTAMPED, port, start, span, flow >= 0, flow, requests, responses)
    write_pcap(path, [talk], pool)


def write_ten(path: Path) -> None:
    """Ten frames: one connection with two HTTP requests."""
    pool, flow = Pool(np.random.default_rng(SEED)), np.zeros(2, np.int64)
    requests = _pick(pool.http_requests(2), np.arange(2))
    responses = _pick(pool.http_responses(np.full(2, 100)), np.arange(2))
    one = np.array([8080]), np.array([0]), np.array([9_000]), np.array([True])
    write_pcap(path, [Conversations(TCP_TIMESTAMPED, *one, flow, requests, responses)], pool)


WRITERS: dict[str, Callable[[Path], None]] = {
    "big": write_big,
    "double": write_double,
    "small": write_small,
    "oneshot": write_oneshot,
    "quarter-gz": write_quarter_gz,
    "ten": write_ten,
}


def written(name: str) -> Path:
    """The capture called `name`, written now if it is not there yet."""
    path = path_of(name)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name("unfinished-" + path.name)
        WRITERS[name](unfinished)
        unfinished.rename(path)
    return path


def main() -> None:
    """Write the captures named on the command line, or all."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.captures", description=__doc__
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(FILES) + " (all)")
    for name in parser.parse_args().names or FILES:
        if name not in FILES:
            parser.error(f"no capture is called {name!r}; there are {', '.join(FILES)}")
        started = time.perf_counter()
        path = written(name)
        took = time.perf_counter() - started
        sys.stdout.write(f"{name}: {path}, {path.stat().st_size / 1e6:.0f} MB, {took:.1f} s\n")


if __name__ == "__main__":
    main()
