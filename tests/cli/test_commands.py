"""The command as a user meets it: exit codes, streams, help, wrong usage and odd names."""

from __future__ import annotations

import fcntl
import io
import json
import os
import re
import resource
import signal
import subprocess
import sys
import termios
import time
from array import array
from pathlib import Path
from unittest.mock import Mock

import pytest

from sniffdiag.cli import app
from tests.support.capture_files import pcap, pcap_record
from tests.support.small_captures import DECLARED, FRAMES, PLAIN

PCAPS = Path(__file__).parents[2] / "pcaps" / "tke-rename"
INCIDENT, SERVICES = str(PCAPS / "incident.pcap"), str(PCAPS / "services.yaml")
OLD = ("--mesh-version", "1.3.6")
ANALYZE = ("analyze", INCIDENT, "-s", SERVICES, *OLD)
COMMAND = (sys.executable, "-m", "sniffdiag")
STRAY = "a/b:80/http=192.0.2.1"
ENVIRONMENT = {**os.environ, "SNIFFDIAG_DEBUG": "1"}


def sniffdiag(
    *arguments: str, stdin: bytes = b"", stdout: int = subprocess.PIPE
) -> subprocess.CompletedProcess[str]:
    run = subprocess.run(
        [*COMMAND, *arguments],
        input=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
        check=False,
        timeout=60,
    )
    err = run.stderr.decode()
    assert "Traceback" not in err
    return subprocess.CompletedProcess(run.args, run.returncode, (run.stdout or b"").decode(), err)


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (0, ("analyze", INCIDENT, "-s", SERVICES, "--mesh-version", "1.3.6", "--fail-on", "never")),
        (0, ("flows", INCIDENT)),
        (0, ("flows", "-r", INCIDENT, "-o", "csv")),
        (0, ("flows", INCIDENT, INCIDENT)),
        (0, ("flows", str(PCAPS), INCIDENT)),
        (0, ("ports", "-s", SERVICES, *OLD)),
        (0, ("protocols",)),
        (0, ("--version",)),
        (1, ANALYZE),
        (1, ("analyze", "-r", INCIDENT, "-s", SERVICES)),
        (1, (*ANALYZE, "-n", "shop", "--fail-on", "error")),
        (2, ()),
        (2, ("bogus",)),
        (2, ("flows",)),
        (2, ("flows", "--bogus")),
        (2, ("flows", "")),
        (2, ("flows", SERVICES)),
        (2, ("flows", "/nonexistent.pcap")),
        (2, ("flows", "-")),
        (2, ("analyze", INCIDENT)),
        (2, (*ANALYZE, "--set", "foo")),
        (2, (*ANALYZE, "--set", "foo=bar")),
        (2, (*ANALYZE, "--set", "sniff-inbound=maybe")),
        (2, (*ANALYZE, "--mesh", "foo")),
        (2, (*ANALYZE, "--fail-on", "bogus")),
        (2, (*ANALYZE, "-o", "bogus")),
        (2, (*ANALYZE, "-n", "")),
        (2, (*ANALYZE, "--context", "")),
        (2, (*ANALYZE, "--kubeconfig", " ")),
        (2, ("analyze", INCIDENT, "-s", SERVICES, "--mesh-version", "99")),
        (2, ("analyze", INCIDENT, "-s", STRAY)),
        (2, ("analyze", INCIDENT, "-s", "", *OLD)),
        (2, ("analyze", INCIDENT, "-s", "/nonexistent.yaml", *OLD)),
        (2, ("analyze", "-", "-s", "-", *OLD)),
        (3, ("analyze", INCIDENT, "-s", STRAY, *OLD)),
        (3, (*ANALYZE, "-n", "nowhere")),
    ],
    ids=lambda value: (
        " ".join(value).replace(str(PCAPS), "") or "nothing"
        if isinstance(value, tuple)
        else str(value)
    ),
)
def test_the_exit_code_says_what_came_of_it(code: int, arguments: tuple[str, ...]) -> None:
    run = sniffdiag(*arguments)
    assert run.returncode == code, run.stderr
    assert bool(run.stdout) == (code != 2)


def test_an_unset_shell_variable_is_guessed() -> None:
    run = sniffdiag(*ANALYZE, "-n", "")
    assert run.stderr == "sniffdiag: an option has an empty value\n  is a shell variable unset?\n"


def test_wrong_usage_is_one_line_and_a_hint() -> None:
    lines = sniffdiag("flows", "/nonexistent.pcap").stderr.splitlines()
    assert lines[0] == "sniffdiag: cannot read /nonexistent.pcap: No such file or directory"
    assert len(lines) == 2


@pytest.mark.parametrize("command", ["analyze", "flows", "ports", "protocols"])
def test_help_shows_examples_that_survive_copying(command: str) -> None:
    text = sniffdiag(command, "--help").stdout
    after = text.split("Examples:\n")[1].splitlines()[0]
    assert after.startswith("    ")
    assert f"sniffdiag {command}" in after
    assert text.startswith(f"Usage: sniffdiag {command} ")


def test_no_colour_or_progress_goes_to_what_is_no_terminal() -> None:
    for arguments in (ANALYZE, ("flows", INCIDENT), ("--help",), ("flows", "--bogus")):
        run = sniffdiag(*arguments)
        assert "\x1b" not in run.stdout + run.stderr


@pytest.mark.parametrize(
    "arguments", [("flows", INCIDENT), ANALYZE, ("protocols",), ("--version",), ("--help",)]
)
def test_a_full_disk_is_one_line_and_code_2(arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        run = sniffdiag(*arguments, stdout=full.fileno())
    assert run.returncode == 2
    assert re.fullmatch("sniffdiag: [a-z: ]+: No space left on device\n", run.stderr)


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (0, ("flows", INCIDENT)),
        (1, ANALYZE),
        (2, ("flows", "/nonexistent.pcap")),
        (2, ("flows", "--bogus")),
    ],
)
def test_remarks_that_nobody_can_read_change_no_result(
    code: int, arguments: tuple[str, ...]
) -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123 - a device
        run = subprocess.run(
            [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=full, check=False
        )
    assert run.returncode == code
    assert run.stdout.decode() == sniffdiag(*arguments).stdout


@pytest.mark.parametrize(("code", "arguments"), [(0, ("flows", INCIDENT)), (1, ANALYZE)])
def test_a_reader_that_has_gone_is_no_error_and_changes_no_code(
    code: int, arguments: tuple[str, ...]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        run = sniffdiag(*arguments, "-o", "json", stdout=writing)
    finally:
        os.close(writing)
    assert (run.returncode, run.stderr) == (code, "")


def test_too_little_memory_is_one_line_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "app", Mock(side_effect=MemoryError))
    errors = io.StringIO()
    monkeypatch.setattr(sys, "stderr", errors)
    monkeypatch.setattr(app, "forget_standard_output", lambda: None)
    with pytest.raises(SystemExit) as end:
        app.run()
    assert end.value.code == 2
    first, second = errors.getvalue().splitlines()
    assert first == "sniffdiag: not enough memory"
    assert "editcap" in second


def test_closed_streams_are_not_an_internal_error() -> None:
    shell = f'"{sys.executable}" -m sniffdiag flows - <&- 2>&1'
    run = subprocess.run(["sh", "-c", shell], capture_output=True, env=ENVIRONMENT, check=False)
    assert run.returncode == 2
    assert b"standard input is empty" in run.stdout


def test_a_file_named_twice_counts_once() -> None:
    run = sniffdiag("flows", INCIDENT, INCIDENT)
    assert run.stdout == sniffdiag("flows", INCIDENT).stdout
    assert "named twice, read once" in run.stderr


def test_a_name_full_of_escapes_reaches_no_terminal(tmp_path: Path) -> None:
    evil = tmp_path / "evil\x1b[31m\u202e\n.pcap"
    evil.write_bytes(PLAIN[:-3])
    for command in (("flows", str(evil)), ("analyze", str(evil), "-s", DECLARED[0], *OLD)):
        run = sniffdiag(*command)
        assert not {"\x1b", "\u202e"} & set(run.stdout + run.stderr)


def test_a_huge_file_of_zeros_is_refused_at_once(tmp_path: Path) -> None:
    sparse = tmp_path / "sparse.pcap"
    with sparse.open("wb") as file:
        file.truncate(5 << 30)
    assert sniffdiag("flows", str(sparse)).returncode == 2


def test_a_directory_of_rotated_files_is_one_capture(tmp_path: Path) -> None:
    for name, part in (("ring2", FRAMES[:20]), ("ring0", FRAMES[20:31]), ("ring1", FRAMES[31:])):
        (tmp_path / f"{name}.pcap").write_bytes(pcap(part))
    (tmp_path / "notes.txt").write_text("not a capture")
    run = sniffdiag("flows", str(tmp_path))
    assert run.stdout == sniffdiag("flows", "-", stdin=PLAIN).stdout
    assert "notes.txt is a text file, not a capture" in run.stderr


def test_hundreds_of_files_of_one_time_are_read_whatever_the_shell_s_limit(tmp_path: Path) -> None:
    for at in range(300):
        (tmp_path / f"{at}.pcap").write_bytes(pcap([FRAMES[0], FRAMES[-1]]))
    shell = f'ulimit -S -n 100; exec "{sys.executable}" -m sniffdiag flows "{tmp_path}" -o json'
    run = subprocess.run(["sh", "-c", shell], capture_output=True, env=ENVIRONMENT, check=True)
    assert json.loads(run.stdout)["capture"]["frames"] == 600
    assert b"Too many open files" not in run.stdout


def test_remarks_about_hundreds_of_files_are_no_flood(tmp_path: Path) -> None:
    for at in range(50):
        (tmp_path / f"{at}.pcap").write_bytes(PLAIN[: -1 - at])
    run = sniffdiag("flows", str(tmp_path))
    assert run.stderr.count("ends in the middle of a record") == 20
    assert "and 30 more such remarks" in run.stderr


def test_an_unknown_mesh_version_asks_for_pods_or_the_option() -> None:
    run = sniffdiag("analyze", INCIDENT, "-s", STRAY)
    assert "--mesh-version" in run.stderr


def test_several_mesh_versions_are_an_answer_and_no_traceback() -> None:
    pods = "\n---\n".join(
        f"{{apiVersion: v1, kind: Pod, metadata: {{name: p{minor}}}, spec: {{containers: "
        f"[{{name: istio-proxy, image: 'istio/proxyv2:1.{minor}.0'}}]}}}}"
        for minor in (3, 20)
    )
    run = sniffdiag("ports", "-s", "-", "-s", STRAY, stdin=f"# pods\n---\n{pods}\n".encode())
    assert run.returncode in {0, 2}
    assert "1.3" in run.stdout + run.stderr


def until_read(pipe: int) -> None:
    """Until the other side has taken all bytes, and a moment more to fold them."""
    unread = array("i", [1])
    while unread[0]:
        time.sleep(0.05)
        fcntl.ioctl(pipe, termios.FIONREAD, unread)
    time.sleep(1)


def test_ctrl_c_on_a_slow_pipe_reports_what_was_read() -> None:
    arguments = ["analyze", "-", *OLD, *(part for text in DECLARED for part in ("-s", text))]
    with subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(PLAIN + pcap_record(FRAMES[0])[:20])
        process.stdin.flush()
        until_read(process.stdin.fileno())
        process.send_signal(signal.SIGINT)
        out, err = process.stdout.read().decode(), process.stderr.read().decode()
        assert process.wait() == 1, err
    assert "stopped by the user" in out
    assert "http-on-opaque-port" in out
    assert err == ""


def best_cpu_seconds(*arguments: str) -> float:
    """Processor time, which other work on the machine does not lengthen much; best of five."""
    took = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        sniffdiag(*arguments)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(took)


def test_a_capture_of_ten_frames_is_analysed_without_waiting(tmp_path: Path) -> None:
    small = tmp_path / "ten.pcap"
    small.write_bytes(pcap(FRAMES[:10]))
    assert best_cpu_seconds("analyze", str(small), "-s", DECLARED[0], *OLD) <= 1.0


def test_the_mesh_is_found_in_the_declarations_and_the_report_says_how() -> None:
    run = sniffdiag("ports", "-s", SERVICES, "--mesh", "auto")
    assert run.returncode == 0
    assert "judged by Istio 1.3.6: 3 container(s) named istio-proxy" in run.stdout


def test_services_alone_do_not_tell_the_mesh() -> None:
    run = sniffdiag("ports", "-s", DECLARED[0], "--mesh", "auto")
    assert run.returncode == 2
    assert "kubectl get pods" in run.stderr


def test_the_mesh_s_own_tls_needs_no_declarations() -> None:
    capture = "pcaps/lab/http-on-tcp-web/1.20-mtls/s1-eth0.pcap"
    run = sniffdiag("analyze", capture)
    assert "shop/reviews:8080" in run.stdout
    assert "opaque" in run.stdout


def test_readable_bytes_ask_for_declarations() -> None:
    run = sniffdiag("analyze", "pcaps/protocols/redis.pcap")
    assert run.returncode == 2
    assert "no declarations were given" in run.stderr
