"""Measures sniffdiag against the C tools on the same captures and says which promises hold.

Whole processes, started one after the other in turns, so that a busy machine is busy for all of
them; the median of the rounds counts. Three rounds or more also write docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

from tests.benchmarks.files import FILES, path_of

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
ROUNDS_WORTH_PUBLISHING = 3
SNIFFDIAG = (sys.executable, "-m", "sniffdiag")
DECLARED = "shop/cart:8080/http-web=10.96.0.1"
FINDINGS = 1
"""Exit code of `analyze`; anything above is a failure."""


@dataclass(frozen=True, slots=True)
class Task:
    """One program on one capture."""

    program: str
    capture: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took."""

    seconds: float
    cpu_seconds: float
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A promise: `value` must not exceed `limit`."""

    promise: str
    limit: float
    value: float
    unit: str = ""

    @property
    def holds(self) -> bool:
        return self.value <= self.limit


PROGRAMS: dict[str, tuple[str, ...]] = {
    "sniffdiag flows": (*SNIFFDIAG, "flows"),
    "ndpiReader": ("ndpiReader", "-q", "-i"),
    "tshark conv,tcp": ("tshark", "-q", "-z", "conv,tcp", "-r"),
    "tcpdump -w": ("tcpdump", "-w", "/dev/null", "-r"),
    "capinfos": ("capinfos",),
    "sniffdiag --version": (*SNIFFDIAG, "--version"),
    "sniffdiag analyze": (*SNIFFDIAG, "analyze", "--mesh-version", "1.20", "-s", DECLARED),
}

MEASURED: dict[str, tuple[str, ...]] = {
    "big": ("sniffdiag flows", "ndpiReader", "tshark conv,tcp", "tcpdump -w", "capinfos"),
    "double": ("sniffdiag flows", "ndpiReader"),
    "small": ("sniffdiag flows", "ndpiReader", "tshark conv,tcp", "tcpdump -w", "capinfos"),
    "oneshot": ("sniffdiag flows", "ndpiReader", "tcpdump -w"),
    "quarter-gz": ("sniffdiag flows", "tshark conv,tcp", "capinfos"),
    "ten": ("sniffdiag --version", "sniffdiag analyze"),
}
"""Left out: tshark on a million flows (minutes, gigabytes), ndpiReader on gzip (cannot read it)."""

CAPTURE_TITLES = {
    "big": "1 M packets, 553 MB, 5.5 k flows",
    "double": "2 M packets, 1.1 GB, the same flows",
    "small": "1 M frames of 64 bytes",
    "oneshot": "1 M flows of one HTTP request each, 8 M packets, 1.5 GB",
    "quarter-gz": "a quarter of the first, gzip",
    "ten": "ten frames",
}

TABLE_HEAD = (
    "| program | seconds | CPU seconds | peak MB | times sniffdiag |\n"
    "| --- | ---: | ---: | ---: | ---: |\n"
)

Costs = dict[tuple[str, str], Cost]


def bars(costs: Costs) -> Iterator[Bar]:
    """What must hold."""

    def seconds(capture: str, program: str = "sniffdiag flows") -> float:
        return costs[capture, program].seconds

    own = costs["big", "sniffdiag flows"]
    yield Bar(
        "1 M packets: wall time / ndpiReader", 0.5, own.seconds / seconds("big", "ndpiReader")
    )
    yield Bar(
        "1 M packets: wall time / tshark -q -z conv,tcp",
        1 / 15,
        own.seconds / seconds("big", "tshark conv,tcp"),
    )
    yield Bar("1 M packets: peak memory", 250, own.peak_mb, " MB")
    yield Bar("twice the file: wall time / once", 2.2, seconds("double") / own.seconds)
    yield Bar(
        "1 M one-request flows: wall time / ndpiReader",
        1,
        seconds("oneshot") / seconds("oneshot", "ndpiReader"),
    )
    yield Bar("--version", 0.15, seconds("ten", "sniffdiag --version"), " s")
    yield Bar("analyze on ten frames", 0.5, seconds("ten", "sniffdiag analyze"), " s")


def tasks() -> Iterator[Task]:
    """Everything to run in one round."""
    for capture, programs in MEASURED.items():
        for program in programs:
            names = () if program.endswith("--version") else (str(path_of(capture)),)
            yield Task(program, capture, (*PROGRAMS[program], *names))


def prepare() -> None:
    """Write missing captures, in another process, which may grow, and warm the page cache."""
    subprocess.run([sys.executable, "-m", "tests.benchmarks.captures"], check=True)
    for name in FILES:
        with path_of(name).open("rb") as file:
            while file.read(1 << 20):
                pass


def cost_of(task: Task) -> Cost:
    """Run it once. wait4 tells the peak of this one child."""
    began = time.perf_counter()
    child = subprocess.Popen(task.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    took = time.perf_counter() - began
    child.returncode = os.waitstatus_to_exitcode(status)
    if not 0 <= child.returncode <= FINDINGS:
        sys.exit(f"exit code {child.returncode}: {' '.join(task.command)}")
    return Cost(took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def measure(rounds: int) -> Costs:
    """Medians of `rounds` turns."""
    runs: dict[tuple[str, str], list[Cost]] = {}
    for number in range(1, rounds + 1):
        for task in tasks():
            cost = cost_of(task)
            runs.setdefault((task.capture, task.program), []).append(cost)
            sys.stderr.write(
                f"{number}/{rounds} {task.capture}: {task.program} {cost.seconds:.2f} s, "
                f"{cost.peak_mb:.0f} MB\n"
            )
    return {
        key: Cost(
            median(cost.seconds for cost in costs),
            median(cost.cpu_seconds for cost in costs),
            median(cost.peak_mb for cost in costs),
        )
        for key, costs in runs.items()
    }


def bar_table(costs: Costs) -> str:
    """Promises and whether they hold."""
    lines = ["| promise | at most | measured | holds |", "| --- | ---: | ---: | --- |"]
    lines += [
        f"| {bar.promise} | {bar.limit:.3g}{bar.unit} | {bar.value:.3g}{bar.unit} | "
        f"{'yes' if bar.holds else '**no**'} |"
        for bar in bars(costs)
    ]
    return "\n".join(lines) + "\n"


def cost_tables(costs: Costs) -> Iterator[str]:
    """One table a capture; the last column is how many times as long a tool takes as sniffdiag."""
    for capture, programs in MEASURED.items():
        own = costs[capture, programs[0]].seconds
        yield f"\n## {CAPTURE_TITLES[capture]}\n\n"
        yield TABLE_HEAD
        for program in programs:
            cost = costs[capture, program]
            figures = f"{cost.seconds:.2f} | {cost.cpu_seconds:.2f} | {cost.peak_mb:.0f}"
            yield f"| `{program}` | {figures} | {cost.seconds / own:.2f} |\n"


def machine() -> str:
    """What the figures were measured on."""
    cpu_lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in cpu_lines if "model name" in line), "")
    python, numpy = platform.python_version(), version("numpy")
    tools = ", ".join(_first_line(tool) for tool in ("tshark", "tcpdump"))
    ndpi = subprocess.run(["ndpiReader", "-h"], capture_output=True, text=True, check=False)
    ndpi_version = next((li for li in ndpi.stdout.splitlines() if "nDPI" in li), "nDPI")
    return (
        f"{os.cpu_count()} cores ({model}), {platform.system()}; Python {python}, numpy {numpy}; "
        f"{ndpi_version.removeprefix('Welcome to ').strip()}, {tools}."
    )


def _first_line(tool: str) -> str:
    done = subprocess.run([tool, "--version"], capture_output=True, text=True, check=False)
    words = (done.stdout or done.stderr).splitlines()[0]
    return words.partition(" (Git")[0].strip().rstrip(".")


def page(costs: Costs, rounds: int) -> str:
    """docs/benchmarks.md."""
    introduction = (
        f"Whole processes, output discarded, captures in the page cache, programs in turns; "
        f"medians of {rounds} rounds. `make bench` makes the captures, measures and writes this "
        f"page.\n\n"
        f"Machine: {machine()}\n"
    )
    return f"# Benchmarks\n\n{introduction}\n{bar_table(costs)}{''.join(cost_tables(costs))}"


def main() -> int:
    """Measure, print, publish; 1 if a promise is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.run", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns to take (default 3)")
    rounds = parser.parse_args().rounds
    prepare()
    costs = measure(rounds)
    sys.stdout.write(bar_table(costs) + "".join(cost_tables(costs)))
    if rounds >= ROUNDS_WORTH_PUBLISHING:
        PAGE.write_text(page(costs, rounds))
    return 0 if all(bar.holds for bar in bars(costs)) else 1


if __name__ == "__main__":
    sys.exit(main())
