"""The sample captures of other projects, with their labels. They stay outside of this repository.

SNIFFDIAG_CORPUS names the folder: `index.jsonl`, one object per capture, and the files themselves.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Sample:
    """One capture and what its index says about it."""

    path: Path
    flows: tuple[dict[str, Any], ...]
    """Fields: README.md beside the index."""

    def __str__(self) -> str:
        """The id of a parametrised test."""
        return self.path.name


def why_missing() -> str:
    """One sentence, empty if the captures are there."""
    named = os.environ.get("SNIFFDIAG_CORPUS")
    if not named:
        return "SNIFFDIAG_CORPUS does not name a folder of sample captures"
    if not (Path(named) / "index.jsonl").is_file():
        return f"SNIFFDIAG_CORPUS={named} holds no index.jsonl"
    return ""


def samples() -> list[Sample]:
    """All captures in the order of the index; none where they are missing."""
    if why_missing():
        return []
    folder = Path(os.environ["SNIFFDIAG_CORPUS"])
    rows = [json.loads(line) for line in (folder / "index.jsonl").read_text().splitlines()]
    return [Sample(folder / row["file"], tuple(row["flows"])) for row in rows]
