"""`sniffdiag live` between two network namespaces: nothing lost, nothing else, nothing more."""

from __future__ import annotations

import errno
import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sniffdiag.pipeline.ceiling import MOST_FLOWS, PATIENCE
from sniffdiag.sources.live import LiveCapture, LiveOptions
from sniffdiag.sources.packet_filter import PacketFilter
from sniffdiag.sources.packet_socket import PacketSocket
from tests.support.netns import (
    FAR,
    FRAMES_A_REQUEST,
    PATIENCE_S,
    PORT,
    Live,
    Wire,
    analyzed,
    frames_in,
    request_frames,
    wire,
    write_capture,
)

pytestmark = pytest.mark.netns

FLOWS = 25_000
FRAMES = FLOWS * FRAMES_A_REQUEST
FEW = 50
CEILING_MB = 1_200
"""What the documentation promises of the default, children included."""
HANDED_OVER_S = 0.3
"""The kernel hands a block over long before."""


@pytest.fixture(scope="module")
def cable() -> Iterator[Wire]:
    with wire() as both:
        yield both


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frames = (frame for flow in range(FLOWS) for frame in request_frames(flow, b"x" * 100))
    return write_capture(tmp_path_factory.mktemp("live") / "many.pcap", frames)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frames = (frame for flow in range(FEW) for frame in request_frames(flow))
    return write_capture(tmp_path_factory.mktemp("live") / "few.pcap", frames)


def test_every_packet_is_counted_at_full_speed_and_tcpdump_agrees(cable: Wire, many: Path) -> None:
    tcpdump = subprocess.Popen(
        [
            "ip",
            "netns",
            "exec",
            cable.far,
            "tcpdump",
            "-i",
            "far",
            "-B",
            "131072",
            "-w",
            "/dev/null",
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert tcpdump.stderr is not None
    tcpdump.stderr.readline()
    live = Live(cable, "-i", "far", "-o", "json")
    cable.send(many)
    time.sleep(2.0)
    report = live.report()
    tcpdump.send_signal(signal.SIGINT)
    _, said = tcpdump.communicate(timeout=PATIENCE_S)
    assert report["capture"]["frames"] == FRAMES
    assert report["capture"]["dropped"] == 0
    assert f"{FRAMES} packets captured" in said


def test_ten_seconds_at_400_000_packets_a_second_are_counted_to_the_last(
    cable: Wire, many: Path
) -> None:
    before = cable.arrived()
    live = Live(cable, "-i", "far", "-o", "json")
    cable.blast(many, loops=40, per_s=400_000)
    time.sleep(2.0)
    report = live.report()
    assert report["capture"]["dropped"] == 0
    assert report["capture"]["frames"] == cable.arrived() - before == 40 * FRAMES


@pytest.mark.parametrize("interfaces", ["far", "any", "far,lo"])
def test_the_report_equals_that_of_the_file_it_wrote(
    cable: Wire, few: Path, tmp_path: Path, interfaces: str
) -> None:
    written = tmp_path / "live.pcapng"
    live = Live(cable, "-i", interfaces, "-w", str(written), "-o", "json")
    cable.send(few)
    cable.run(cable.far, *_ASK_NOBODY)
    code, out, _ = live.ended(signal.SIGTERM)
    assert code == 1
    assert json.loads(out)["findings"][0]["name"] == "http-on-opaque-port"
    name = json.loads(out)["capture"]["sources"][0]["name"]
    assert name == interfaces
    assert out.replace(f'"name": "{name}"', f'"name": "{written}"') == analyzed(written)
    assert frames_in(written) == json.loads(out)["capture"]["frames"]


_ASK_NOBODY = (
    sys.executable,
    "-c",
    "import socket; socket.socket().connect_ex(('127.0.0.1', 1))",
)
"""Two packets on loopback: a SYN and its RST."""


def test_a_packet_on_loopback_is_captured_once(cable: Wire, tmp_path: Path) -> None:
    written = tmp_path / "lo.pcapng"
    live = Live(cable, "-i", "any", "-w", str(written))
    cable.run(cable.far, *_ASK_NOBODY)
    live.ended(signal.SIGINT)
    assert frames_in(written, "ip.addr == 127.0.0.1") == 2


def test_no_packet_precedes_the_filter(cable: Wire, few: Path, tmp_path: Path) -> None:
    written = tmp_path / "filtered.pcapng"
    stray = f"""
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    s.sendto(b"stray", ("{FAR}", 9))
"""
    noise = subprocess.Popen(["ip", "netns", "exec", cable.near, sys.executable, "-c", stray])
    try:
        for where in ("far", "any"):
            live = Live(cable, "-i", where, "-w", str(written), "tcp", "port", str(PORT))
            cable.send(few)
            live.ended(signal.SIGINT)
            assert frames_in(written) == FEW * FRAMES_A_REQUEST
            assert frames_in(written, f"tcp.port == {PORT}") == FEW * FRAMES_A_REQUEST
    finally:
        noise.kill()
        noise.wait()


@pytest.mark.parametrize("interface", ["far", "any"])
def test_vlan_tags_are_where_they_were(cable: Wire, tmp_path: Path, interface: str) -> None:
    tagged = (frame for flow in range(FEW) for frame in request_frames(flow, vlan=77))
    written = tmp_path / "vlan.pcapng"
    live = Live(cable, "-i", interface, "-w", str(written), "-o", "json")
    cable.send(write_capture(tmp_path / "tagged.pcap", tagged))
    report = live.report()
    assert frames_in(written, "vlan.id == 77 && tcp") == FEW * FRAMES_A_REQUEST
    assert report["ports"][0]["observed"] == {"http": FEW}
    assert report["capture"]["truncated_frames"] == 0


@pytest.mark.parametrize(
    ("words", "frames"),
    [
        ("vlan", 2 * FEW * FRAMES_A_REQUEST),
        ("vlan 77", FEW * FRAMES_A_REQUEST),
        ("vlan 77 and tcp port 1", 0),
        ("tcp and not vlan", FEW * FRAMES_A_REQUEST),
        (f"tcp port {PORT} and (vlan 78 or vlan 79)", FEW * FRAMES_A_REQUEST),
    ],
)
def test_a_filter_may_ask_for_vlans(cable: Wire, tmp_path: Path, words: str, frames: int) -> None:
    """The kernel keeps their tags beside the packet."""
    each = (request_frames(flow, vlan=vlan) for vlan in (0, 77, 78) for flow in range(FEW))
    mixed = write_capture(tmp_path / "mixed.pcap", (frame for some in each for frame in some))
    live = Live(cable, "-i", "far", "-o", "json", *words.split())
    cable.send(mixed)
    assert live.report()["capture"]["frames"] == frames


def test_vlans_of_all_interfaces_cannot_be_asked_for(cable: Wire) -> None:
    code, out, errors = Live(cable, "-i", "any", "vlan", "77").ended()
    assert (code, out) == (2, "")
    what, way = errors.splitlines()
    assert "any" in what
    assert "-i" in way


def test_killed_in_the_middle_it_leaves_a_file_with_all_but_the_last_block(
    cable: Wire, many: Path, tmp_path: Path
) -> None:
    written = tmp_path / "killed.pcapng"
    live = Live(cable, "-i", "far", "-w", str(written), "-o", "ndjson")
    cable.send(many)
    time.sleep(HANDED_OVER_S)
    cable.send(many, "--loop", "3", "--limit", str(FRAMES))
    _, out, _ = live.ended(signal.SIGKILL)
    told = [json.loads(line) for line in out.splitlines() if line.endswith("}")]
    counted = max(each["frames"] for each in told if each["event"] == "counters")
    assert frames_in(written) >= max(counted, FRAMES)


def test_snaplen_cuts_in_the_kernel(cable: Wire, few: Path, tmp_path: Path) -> None:
    written = tmp_path / "cut.pcapng"
    live = Live(cable, "-i", "far", "-w", str(written), "--snaplen", "96", "-o", "json")
    cable.send(few)
    assert live.report()["capture"]["truncated_frames"] == FEW
    assert frames_in(written, "frame.cap_len > 96") == 0


@pytest.mark.parametrize(
    ("limit", "frames"),
    [(("--count", "17"), 17), (("--max-bytes", "54"), 1), (("--max-bytes", "55"), 2)],
)
def test_limits_hold_to_the_frame(
    cable: Wire, few: Path, tmp_path: Path, limit: tuple[str, str], frames: int
) -> None:
    written = tmp_path / "limited.pcapng"
    live = Live(cable, "-i", "far", "-w", str(written), "-o", "json", *limit)
    cable.send(few)
    assert live.report(by=None)["capture"]["frames"] == frames
    assert frames_in(written) == frames


def test_it_ends_by_itself_once_it_can_judge(cable: Wire, few: Path) -> None:
    live = Live(cable, "-i", "far", "--until-verdict", "-o", "json")
    cable.send(few)
    code, out, _ = live.ended()
    assert code == 1
    assert json.loads(out)["ports"][0]["verdict"] == "mismatch"


def test_files_rotate_by_size_and_hold_everything_together(
    cable: Wire, many: Path, tmp_path: Path
) -> None:
    tmp_path.chmod(0o777)
    live = Live(cable, "-i", "far", "-w", str(tmp_path / "part"), "-C", "4", "-Z", "root")
    cable.send(many)
    time.sleep(HANDED_OVER_S)
    live.ended(signal.SIGINT)
    parts = sorted(tmp_path.iterdir(), key=lambda path: int(path.name[4:] or 0))
    assert [path.name for path in parts[:3]] == ["part", "part1", "part2"]
    assert all(4_000_000 < part.stat().st_size < 4_001_000 for part in parts[:-1])
    assert sum(frames_in(part) for part in parts) == FRAMES


def test_rights_are_gone_while_it_runs(cable: Wire, tmp_path: Path) -> None:
    live = Live(cable, "-i", "far", "-w", str(tmp_path / "x.pcapng"))
    status = live.status()
    live.ended(signal.SIGINT)
    assert status["Uid"].split() == ["65534"] * 4
    assert status["Gid"].split() == ["65534"] * 4
    assert {status[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Amb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"


def test_the_file_belongs_to_who_called_sudo(cable: Wire, tmp_path: Path) -> None:
    written = tmp_path / "mine.pcapng"
    sudo = ("env", "SUDO_UID=1234", "SUDO_GID=1235")
    live = Live(cable, "-i", "far", "-w", str(written), prefix=sudo)
    assert live.status()["Uid"].split() == ["1234"] * 4
    live.ended(signal.SIGINT)
    assert (written.stat().st_uid, written.stat().st_gid) == (1234, 1235)


def test_nothing_is_imported_by_whom_rights_were_taken(cable: Wire, few: Path) -> None:
    """The package lies where only root may read; odd frames need modules of their own."""
    home = Path("/root/.sniffdiag-test")
    package = Path(__file__).parents[2] / "sniffdiag"
    shutil.copytree(package, home / "sniffdiag", dirs_exist_ok=True)
    home.chmod(0o700)
    try:
        for output in ("text", "json", "markdown", "ndjson"):
            path = ("env", f"PYTHONPATH={home}")
            live = Live(cable, "-i", "far", "-o", output, prefix=path)
            cable.send(few)
            cable.run(cable.near, *_SEND_AN_ODD_FRAME)
            code, out, errors = live.ended(signal.SIGINT)
            assert (code, "http-on-opaque-port" in out) == (1, True), errors
    finally:
        shutil.rmtree(home)


_WITH_IP_OPTIONS = (
    "02000000000b02000000000a08004600002000010000401100000a4d00010a4d000201010101c350003500080000"
)
_SEND_IT = f"""
import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("near", 0))
s.send(bytes.fromhex("{_WITH_IP_OPTIONS}"))
"""
_SEND_AN_ODD_FRAME = (sys.executable, "-c", _SEND_IT)
"""An IPv4 packet with options, which the scalar decoder takes."""


def test_one_line_names_the_capability_that_is_missing_and_two_ways_out(cable: Wire) -> None:
    powerless = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
    code, out, errors = Live(cable, "-i", "far", prefix=powerless).ended()
    assert (code, out) == (2, "")
    what, ways = errors.splitlines()
    assert "CAP_NET_RAW" in what
    assert "sudo" in ways
    assert "kubectl" in ways


def test_a_ring_is_as_large_as_there_is_memory_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asks = PacketSocket._ask_for_ring

    def asks_in_vain_for_much(packets: PacketSocket) -> None:
        if packets.blocks > 40:
            raise OSError(errno.ENOMEM, "Cannot allocate memory")
        asks(packets)

    monkeypatch.setattr(PacketSocket, "_ask_for_ring", asks_in_vain_for_much)
    capture = LiveCapture(LiveOptions(("lo",), PacketFilter()))
    assert capture.summaries[0].notes == ["lo: there was memory for a ring of 32 MiB only"]
    assert list(capture.chunks(lambda: False)) == []


def test_metrics_can_be_read_meanwhile(cable: Wire, few: Path) -> None:
    live = Live(cable, "-i", "far", "--metrics", "127.0.0.1:9464")
    cable.send(few)
    time.sleep(2.5)
    ask = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:9464/metrics').read().decode())"
    text = cable.run(cable.far, sys.executable, "-c", ask)
    live.ended(signal.SIGINT)
    assert f"sniffdiag_frames_total {FEW * FRAMES_A_REQUEST}\n" in text
    assert re.search(r'port_verdict\{.*service="reviews".*verdict="mismatch"\} 1\n', text)


class Memory(threading.Thread):
    """The most memory of its own that a process took together with its children, in MB.

    The kernel maps rings as shared memory; they are not counted.
    """

    def __init__(self, live: Live) -> None:
        super().__init__(daemon=True)
        self._pid = live.process.pid
        self.most = 0.0
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.wait(0.1):
            children = Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text().split()
            self.most = max(self.most, sum(map(_anonymous_mb, [str(self._pid), *children])))


def _anonymous_mb(pid: str) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has just ended
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:")) / 1000


SOAKS = [
    (8, 0.0),
    pytest.param(80, 0.0, marks=pytest.mark.long),
    pytest.param(80, 600.0, marks=pytest.mark.long),
]
"""How often new clients come, and the seconds in which they do; 0 is as fast as can be."""


@pytest.mark.parametrize(("loops", "seconds"), SOAKS)
def test_memory_stays_under_the_ceiling_whatever_comes(
    cable: Wire, many: Path, loops: int, seconds: float
) -> None:
    before = cable.arrived()
    live = Live(cable, "-i", "far", "-o", "json")
    memory = Memory(live)
    memory.start()
    cable.blast(many, loops, loops * FRAMES / seconds if seconds else 0, anew=True)
    time.sleep(2.0)
    memory.over.set()
    report = live.report()
    assert report["capture"]["dropped"] == 0
    assert report["capture"]["frames"] == cable.arrived() - before == loops * FRAMES
    assert report["capture"]["flows"] == loops * FLOWS
    assert report["capture"]["sealed_early"] >= loops * FLOWS - MOST_FLOWS * PATIENCE
    assert report["ports"][0]["verdict"] == "mismatch"
    assert report["ports"][0]["observed"] == {"http": loops * FLOWS}
    assert memory.most < CEILING_MB


def test_scapy_captures_where_it_is_asked_to(cable: Wire, few: Path) -> None:
    live = Live(cable, "-i", "far", "--engine", "scapy", "-o", "json")
    cable.send(few, "--pps", "200")
    time.sleep(HANDED_OVER_S)
    assert live.report()["ports"][0]["observed"] == {"http": FEW}
