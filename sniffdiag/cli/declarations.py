"""`-s`: manifests and one-line declarations told apart."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from sniffdiag.catalog.manifests import load
from sniffdiag.catalog.services import Catalog, CatalogSummary
from sniffdiag.errors import CatalogError

_ONE_LINE = re.compile(r"[^=\s]+/[^=\s]+:[^=]*=")
_HINT = "give manifests or the output of `kubectl get svc,endpointslices,pods -A -o json`"


def load_catalog(given: Sequence[str]) -> Catalog:
    """The catalog behind all `-s`; what exists as a file is a file whatever it looks like.

    Raises:
        CatalogError: Nothing can be used, or a declaration does not parse.
    """
    one_line = [text for text in given if _ONE_LINE.match(text) and not Path(text).exists()]
    files = [text for text in given if text not in one_line]
    catalog = load(list(dict.fromkeys(files)), declarations=one_line, stdin=sys.stdin.buffer)
    if not catalog.ports and not catalog.pods_read:
        _refuse_what_is_no_manifest(catalog.summary)
    return catalog


def _refuse_what_is_no_manifest(summary: CatalogSummary) -> None:
    """Objects that declare no ports are an answer; text that is no object is a wrong file."""
    if not summary.documents:
        problem = next(iter(summary.problems), f"{', '.join(summary.sources)}: empty")
    elif summary.problems:
        problem = summary.problems[0]
    else:
        return
    raise CatalogError(f"nothing usable in the declarations: {problem}", hint=_HINT)
