"""`sniffdiag live -r -`: what comes through a pipe is diagnosed as it comes, without any rights."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

import jsonschema
import pytest

PCAPS = Path(__file__).parents[2] / "pcaps" / "tke-rename"
INCIDENT = (PCAPS / "incident.pcap").read_bytes()
DECLARED = ("-s", str(PCAPS / "services.yaml"), "--mesh-version", "1.3.6")
SCHEMA = Path(__file__).parents[2] / "sniffdiag/report/schemas/live-1.schema.json"
COMMAND = (sys.executable, "-m", "sniffdiag")
PATIENCE_S = 60
FILE_HEADER_BYTES = 24


def run(*arguments: str, stdin: bytes = INCIDENT) -> tuple[int, str, str]:
    done = subprocess.run(
        [*COMMAND, *arguments], input=stdin, capture_output=True, check=False, timeout=PATIENCE_S
    )
    assert b"Traceback" not in done.stderr
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def live(*arguments: str, stdin: bytes = INCIDENT) -> tuple[int, str, str]:
    return run("live", "-r", "-", *DECLARED, *arguments, stdin=stdin)


def events(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.parametrize("output", ["text", "json", "markdown"])
def test_the_report_is_that_of_analyze(output: str) -> None:
    code, out, _ = run("analyze", "-", *DECLARED, "-o", output)
    assert live("-o", output)[:2] == (code, out)
    assert code == 1


@pytest.mark.parametrize("limits", [(), ("--count", "100")])
def test_what_was_written_gives_the_same_report_again(
    limits: tuple[str, ...], tmp_path: Path
) -> None:
    written = tmp_path / "w.pcapng"
    _, out, _ = live("-w", str(written), "-o", "json", *limits)
    _, again, _ = run("analyze", str(written), *DECLARED, "-o", "json")
    first, second = json.loads(out), json.loads(again)
    for report in (first, second):
        for source in report["capture"]["sources"]:
            del source["name"], source["format"]
    assert first == second


@pytest.mark.parametrize("frames", [1, 100, 590])
def test_so_many_frames_are_those_that_came_first(frames: int) -> None:
    at = FILE_HEADER_BYTES
    for _ in range(frames):
        at += 16 + int.from_bytes(INCIDENT[at + 8 : at + 12], "little")
    _, out, _ = run("analyze", "-", *DECLARED, "-o", "json", stdin=INCIDENT[:at])
    assert live("--count", str(frames), "-o", "json")[1] == out


def test_every_line_of_events_is_as_the_schema_says_and_the_last_is_the_report() -> None:
    _, out, _ = live("-o", "ndjson")
    schema = json.loads(SCHEMA.read_text())
    told = events(out)
    for each in told:
        jsonschema.validate(each, schema)
    _, report, _ = run("analyze", "-", *DECLARED, "-o", "json")
    assert told[-1]["report"] == json.loads(report)
    counters = [each for each in told if each["event"] == "counters"]
    assert counters[-1]["frames"] == told[-1]["report"]["capture"]["frames"]


def test_every_finding_of_the_report_has_appeared_before_it() -> None:
    _, out, _ = live("-o", "ndjson")
    told = events(out)
    appeared = [each["finding"]["name"] for each in told if each["event"] == "finding-appeared"]
    resolved = [each["finding"]["name"] for each in told if each["event"] == "finding-resolved"]
    standing = sorted(name for name in appeared if name not in resolved)
    assert standing == sorted(finding["name"] for finding in told[-1]["report"]["findings"])
    changed = [each for each in told if each["event"] == "verdict-changed"]
    assert (changed[0]["was"], changed[-1]["verdict"]) == ("no-traffic", "mismatch")


class Silent:
    """A live run whose pipe stays open and brings nothing more."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, "live", "-r", "-", *DECLARED, "-o", "ndjson", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self.process.stdin is not None
        self.process.stdin.write(INCIDENT)
        self.process.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def until(self, event: str) -> dict[str, Any]:
        """The next event of a kind."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            told: dict[str, Any] = json.loads(line)
            if told["event"] == event:
                return told
        raise AssertionError(f"it ended without {event}")


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_gives_the_report_though_the_pipe_is_silent(by: signal.Signals) -> None:
    with Silent() as silent:
        assert silent.until("finding-appeared")["finding"]["name"] == "http-on-opaque-port"
        silent.process.send_signal(by)
        report = silent.until("report")["report"]
        assert report["capture"]["frames"] == 590
        assert not report["capture"]["interrupted"]
        assert silent.process.wait(PATIENCE_S) == 1


def test_time_runs_out_though_the_pipe_is_silent() -> None:
    with Silent("--duration", "1.5") as silent:
        assert silent.until("report")["report"]["capture"]["frames"] == 590
        assert silent.process.wait(PATIENCE_S) == 1


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_pipe_that_brought_nothing_gives_a_report_of_nothing(by: signal.Signals) -> None:
    process = subprocess.Popen(
        [*COMMAND, "live", "-r", "-", *DECLARED, "-o", "json"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )
    assert process.stderr is not None
    assert process.stderr.readline() == b"sniffdiag: reading -\n"
    assert b" 0 frames" in process.stderr.readline()
    process.send_signal(by)
    process.wait(PATIENCE_S)  # the pipe stays open until then
    out, errors = process.communicate()
    assert (process.returncode, b"Traceback" in errors) == (3, False)
    assert json.loads(out)["capture"]["frames"] == 0


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", [("live", "-r", "-"), ("analyze", "-"), ("ports",)])
def test_whoever_stops_it_while_declarations_load_is_told(
    by: signal.Signals, command: tuple[str, ...], tmp_path: Path
) -> None:
    slow = tmp_path / "services.yaml"
    os.mkfifo(slow)
    process = subprocess.Popen(
        [*COMMAND, *command, "-s", str(slow)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with slow.open("wb"):  # as soon as it is opened there, too
        process.send_signal(by)
        assert process.wait(PATIENCE_S) == 130
    out, errors = process.communicate()
    assert (out, errors) == (b"", b"sniffdiag: stopped before the report was made\n")


def test_it_ends_once_it_can_judge_though_the_pipe_is_silent() -> None:
    with Silent("--until-verdict") as silent:
        assert silent.until("report")["report"]["ports"][0]["verdict"] == "mismatch"
        assert silent.process.wait(PATIENCE_S) == 1


def test_whoever_stops_reading_events_ends_it_quietly() -> None:
    with Silent() as silent:
        silent.until("counters")
        assert silent.process.stdout is not None
        silent.process.stdout.close()
        assert silent.process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("-w", "-"), "-w needs a file"),
        (("-w", ""), "-w needs a file"),
        (("-i", "lo"), "neither -i nor a filter"),
        (("port", "80"), "neither -i nor a filter"),
        (("-W", "2", "-w", "x"), "-W limits the files"),
        (("--metrics", "nowhere"), "127.0.0.1:9464"),
        (("-w", "/nonexistent/x"), "cannot write /nonexistent/x"),
    ],
)
def test_wrong_usage_is_one_line(arguments: tuple[str, ...], says: str) -> None:
    code, out, errors = live(*arguments)
    assert (code, out) == (2, "")
    assert says in errors.splitlines()[0]


@pytest.mark.parametrize("by", ["name", "standard input", "link"])
def test_what_is_read_is_never_written_over(by: str, tmp_path: Path) -> None:
    capture, other = tmp_path / "incident.pcap", tmp_path / "link.pcap"
    capture.write_bytes(INCIDENT)
    other.symlink_to(capture)
    target = other if by == "link" else capture
    with capture.open("rb") as stdin:
        source = "-" if by == "standard input" else str(capture)
        done = subprocess.run(
            [*COMMAND, "live", "-r", source, *DECLARED, "-w", str(target)],
            stdin=stdin,
            capture_output=True,
            check=False,
            timeout=PATIENCE_S,
        )
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"is what is read" in done.stderr
    assert capture.read_bytes() == INCIDENT


def test_what_is_no_capture_is_named() -> None:
    code, _, errors = live(stdin=b"apiVersion: v1\n")
    assert code == 2
    assert "standard input is a YAML manifest, not a capture" in errors


_AS_IF_NOTHING_COULD_BE_READ = """
import sys
from sniffdiag.sources import privileges
class Unreadable:
    def find_spec(self, name, path=None, target=None):
        raise ModuleNotFoundError(f"late: {name}")
def drop(who):
    sys.meta_path.insert(0, Unreadable())
    return ""
privileges.drop = drop
from sniffdiag.cli.app import run
run()
"""


@pytest.mark.parametrize("output", ["text", "json", "markdown", "ndjson"])
@pytest.mark.parametrize(
    ("capture", "port"),
    [
        ("http2/grpc-refused.pcap", "8445/tcp"),
        ("http2/hbone.pcap", "8445/http2"),
        ("quic/v1.pcap", "8443/https"),
        ("tls/tls12.pcap", "8444/http"),
    ],
)
def test_nothing_is_imported_once_rights_are_gone(capture: str, port: str, output: str) -> None:
    """Python in root's home is out of reach of nobody, who was told of an internal error."""
    declared = ("-s", f"shop/web:{port}=127.0.0.1", "--mesh-version", "1.20", "-o", output)
    without_reading = (sys.executable, "-c", _AS_IF_NOTHING_COULD_BE_READ)
    done = subprocess.run(
        [*without_reading, "live", "-r", str(PCAPS.parent / capture), *declared],
        capture_output=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert b"late: " not in done.stderr
    assert done.returncode in {0, 1, 3}, done.stderr
    assert done.stdout


@pytest.mark.parametrize(
    ("module", "told"),
    [
        ("sniffdiag.cli.app", b"sniffdiag: stopped before anything was read\n"),
        ("sniffdiag.cli.options", b"sniffdiag: stopped before the report was made\n"),
    ],
)
def test_an_interrupt_while_modules_load_is_one_line(module: str, told: bytes) -> None:
    program = f"""
import sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "{module}":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
from sniffdiag.__main__ import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=False, timeout=PATIENCE_S
    )
    assert done.returncode == 130
    assert done.stderr == told


def test_a_disk_that_is_full_ends_writing_and_not_the_diagnosis(tmp_path: Path) -> None:
    written = tmp_path / "w.pcapng"
    limited = (
        "import os, resource, sys;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000));"
        f"os.execv(sys.executable, {[*COMMAND, 'live', '-r', '-', *DECLARED]} + sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited, "-w", str(written), "-o", "json"],
        input=INCIDENT,
        capture_output=True,
        check=False,
        timeout=PATIENCE_S,
    )
    _, whole, _ = run("analyze", "-", *DECLARED, "-o", "json")
    _, kept, _ = run("analyze", str(written), *DECLARED, "-o", "json")
    report, expected = json.loads(done.stdout), json.loads(whole)
    lost = expected["capture"]["frames"] - json.loads(kept)["capture"]["frames"]
    told = f"writing {written} stopped: File too large; {lost:,} packets were not written"
    assert report["capture"]["sources"][0].pop("notes") == [told]
    assert expected["capture"]["sources"][0].pop("notes") == []
    assert report == expected
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1] == f"sniffdiag: {told}"
    assert 0 < lost < expected["capture"]["frames"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--duration", "nan"), b"give a number of seconds"),
        (("-C", "5"), b"add -w FILE"),
        (("-G", "5"), b"add -w FILE"),
    ],
)
def test_limits_that_would_do_nothing_are_refused(arguments: tuple[str, ...], told: bytes) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "sniffdiag",
            "live",
            "-r",
            "-",
            "-s",
            "a/b:80/http=192.0.2.1",
            *arguments,
        ],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 2
    assert told in done.stderr
