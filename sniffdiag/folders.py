"""Directories that users name."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def is_folder(name: str) -> bool:
    """As `Path.is_dir`, which raises where a parent may not be looked into."""
    return os.path.isdir(name)  # noqa: PTH112 - as above


def files_below(folder: str) -> tuple[list[Path], list[OSError]]:
    """Every regular file in order of their paths; and why folders could not be looked into.

    Links to folders are not followed. Files of which nothing can be learned are among them:
    whoever opens them learns why.
    """
    refused: list[OSError] = []
    found = [
        Path(below, name)
        for below, _, names in os.walk(folder, onerror=refused.append)
        for name in names
    ]
    return sorted(path for path in found if _may_be_regular(path)), refused


def _may_be_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True
