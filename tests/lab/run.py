"""`python tests/lab/run.py --out pcaps/lab [--only NAME]`: run scenarios, write what they show."""

from __future__ import annotations

import argparse
import fnmatch
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from meshlab.case import Case, cases
from meshlab.cluster import LabError, check_host, running_cluster
from meshlab.processes import PROGRAMS
from meshlab.runner import run_case
from meshlab.scenarios import SCENARIOS


def chosen(pattern: str, version: str | None) -> list[Case]:
    """The cases whose scenario matches a shell pattern."""
    found = [
        case
        for scenario in SCENARIOS
        for case in cases(scenario)
        if fnmatch.fnmatch(scenario.name, pattern)
    ]
    return [case for case in found if version in {None, case.version}]


def servers(wanted: list[Case]) -> list[str]:
    """Programs that the chosen scenarios need on this machine."""
    kinds = {case.scenario.application.server for case in wanted}
    return sorted(PROGRAMS[kind] for kind in kinds & PROGRAMS.keys())


def main() -> int:
    """Run what was chosen; 1 if a case could not be run, 2 if the lab cannot run here."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the captures")
    parser.add_argument("--only", default="*", help="scenario name or shell pattern")
    parser.add_argument("--version", help="one release only: 1.1, 1.3.6, 1.20, 1.20-mtls ...")
    parser.add_argument("--logs", type=Path, help="keep the logs of all processes in this folder")
    options = parser.parse_args()
    wanted = chosen(options.only, options.version)
    try:
        check_host(servers(wanted))
        with tempfile.TemporaryDirectory(prefix="sniffdiag-lab-") as temporary:
            logs = options.logs or Path(temporary)
            logs.mkdir(parents=True, exist_ok=True)
            logs.chmod(0o755)
            return run_all(wanted, options.out, logs)
    except LabError as error:
        sys.stderr.write(f"{error}\n")
        return 2


def run_all(wanted: list[Case], out: Path, logs: Path) -> int:
    """Run the cases one after the other in one cluster."""
    failed = 0
    with running_cluster(logs.resolve()) as cluster:
        for case in wanted:
            began = time.monotonic()
            try:
                said = str(run_case(cluster, case, out).client)
            except LabError as error:
                failed += 1
                said = f"NOT RUN: {error}"
            sys.stdout.write(f"{case.folder}: {said} ({time.monotonic() - began:.1f} s)\n")
            sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
