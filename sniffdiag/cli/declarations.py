"""`-s`: manifests and one-line declarations told apart."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from sniffdiag.catalog.manifests import load
from sniffdiag.catalog.services import Catalog

_ONE_LINE = re.compile(r"[^=\s]+/[^=\s]+:[^=]*=")


def load_catalog(given: Sequence[str]) -> Catalog:
    """The catalog behind all `-s`; what exists as a file is a file whatever it looks like.

    Raises:
        CatalogError: Nothing can be read, or a declaration does not parse.
    """
    one_line = [text for text in given if _ONE_LINE.match(text) and not Path(text).exists()]
    files = [text for text in given if text not in one_line]
    return load(files, declarations=one_line, stdin=sys.stdin.buffer)
