"""Exit codes and how a report is turned into one."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

from sniffdiag.model import Severity

if TYPE_CHECKING:  # or every command would pay for it
    from sniffdiag.report.report import Report


class ExitCode(IntEnum):
    """What a diagnosing command says to a shell."""

    CLEAN = 0
    FINDINGS = 1
    UNUSABLE = 2
    """Wrong usage or unreadable input."""
    NO_EVIDENCE = 3
    INTERRUPTED = 130
    """Stopped before there was anything to report; the shells' 128 + SIGINT."""


class FailOn(StrEnum):
    """The least severe finding that makes a command fail."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    NEVER = "never"


def exit_code(report: Report, fail_on: FailOn) -> ExitCode:
    """Findings first; then whether there was anything to judge by."""
    worst = report.worst()
    if worst and fail_on is not FailOn.NEVER and worst.rank <= Severity(fail_on.value).rank:
        return ExitCode.FINDINGS
    if report.capture is not None and not report.judged():
        return ExitCode.NO_EVIDENCE
    return ExitCode.CLEAN
