"""docs/json.md names every field that a schema promises."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "json.md").read_text()
SCHEMAS = sorted((ROOT / "sniffdiag" / "report" / "schemas").glob("*.json"))


def fields(schema: Any) -> Iterator[str]:
    """Names of properties at any depth."""
    if isinstance(schema, list):
        for each in schema:
            yield from fields(each)
    elif isinstance(schema, dict):
        properties = schema.get("properties", {})
        yield from properties
        for part in (*properties.values(), *(v for k, v in schema.items() if k != "properties")):
            yield from fields(part)


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_every_field_is_explained(path: Path) -> None:
    named = set(re.findall(r"\w+", PAGE))
    promised = set(fields(json.loads(path.read_text())))
    assert promised
    assert promised - named == set()
