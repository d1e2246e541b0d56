"""What a test may need from outside, in one place: oracle tools, the sample captures, a lab.

A stranger gets a green run that says what it left out. With SNIFFDIAG_REQUIRE_ALL=1, as `.ci/run`
sets it, nothing may be missing and no test may skip.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator

import pytest
from hypothesis import settings

from tests.support import corpus

# How long an example takes says how busy the machine is, no more.
settings.register_profile("sniffdiag", deadline=None)
settings.load_profile("sniffdiag")

ORACLE_TOOLS = ("tshark", "ndpiReader", "tcpdump")
INSTALL_THEM = "apt-get install tshark libndpi-bin tcpdump"
ONLY_WHEN_ASKED_FOR = ("lab", "long", "netns")
LEFT_OUT = pytest.StashKey[list[pytest.Item]]()


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to start where everything is required and something is missing."""
    config.stash[LEFT_OUT] = []
    if not everything_is_required():
        return
    if missing := missing_tools():
        raise pytest.UsageError(f"oracle tools are missing: {missing}; {INSTALL_THEM}")
    if reason := corpus.why_missing():
        raise pytest.UsageError(reason)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this machine or this run cannot judge."""
    asked_for = config.getoption("markexpr")
    unwanted = {mark for mark in ONLY_WHEN_ASKED_FOR if mark not in asked_for}
    wanted = [item for item in items if not unwanted & {mark.name for mark in item.iter_markers()}]
    if missing_tools():
        left_out = [item for item in wanted if item.get_closest_marker("oracle")]
        config.stash[LEFT_OUT] = left_out
        wanted = [item for item in wanted if item not in left_out]
    if reason := corpus.why_missing():
        for item in wanted:
            if item.get_closest_marker("corpus"):
                item.add_marker(pytest.mark.skip(reason=reason), append=False)
    kept = set(wanted)
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = wanted


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say what the missing tools cost."""
    if left_out := config.stash[LEFT_OUT]:
        wanted = f"{len(left_out)} oracle tests need {missing_tools()}: {INSTALL_THEM}"
        terminalreporter.write_line(wanted, yellow=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A skip is a failure where everything is required."""
    report = yield
    expected_failure = hasattr(report, "wasxfail")
    if report.skipped and everything_is_required() and not expected_failure:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} skips, and SNIFFDIAG_REQUIRE_ALL allows none"
    return report


def everything_is_required() -> bool:
    """`.ci/run` asks for every test."""
    return os.environ.get("SNIFFDIAG_REQUIRE_ALL", "") not in {"", "0"}


def missing_tools() -> str:
    """Names of the oracle tools that are not on PATH."""
    return ", ".join(tool for tool in ORACLE_TOOLS if shutil.which(tool) is None)
