"""`-s`: manifests, one-line declarations and the cluster told apart."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sniffdiag.catalog.api import Access
from sniffdiag.catalog.documents import CLUSTER
from sniffdiag.catalog.manifests import Given, load
from sniffdiag.catalog.services import Catalog, CatalogSummary
from sniffdiag.errors import CatalogError, UsageError

if TYPE_CHECKING:
    from sniffdiag.catalog.cluster import Cluster
    from sniffdiag.catalog.watch import Watch
    from sniffdiag.pipeline.diagnosis import MeshChoice
    from sniffdiag.pipeline.live import Declared

_ONE_LINE = re.compile(r"[^=\s]+/[^=\s]+:[^=]*=")
_CURRENT = Access()
_HINT = "give manifests or the output of `kubectl get svc,endpointslices,pods -A -o json`"


def load_catalog(given: Sequence[str], access: Access = _CURRENT) -> Catalog:
    """The catalog behind all `-s`; what looks like a declaration and exists as a file is a file.

    Raises:
        CatalogError: Nothing can be used, or a declaration does not parse.
        UsageError: A cluster is chosen and not read.
    """
    asked = _asks_for_cluster(given, access)
    files, one_line = _told_apart(given)
    cluster = _opened(access) if asked else None
    catalog = load(files, declarations=one_line, stdin=sys.stdin.buffer, cluster=cluster)
    return _usable(catalog)


def declared_live(given: Sequence[str], access: Access, choice: MeshChoice) -> Declared:
    """What a capture that goes on is judged by; a cluster among it is to be watched.

    Raises:
        CatalogError: As above.
        UsageError: As above.
    """
    from sniffdiag.pipeline.live import Declared  # noqa: PLC0415 - other commands need none of it

    watch = _watched(given, access)
    return Declared(watch.catalog if watch else load_catalog(given, access), choice, watch)


def _watched(given: Sequence[str], access: Access) -> Watch | None:
    """The cluster and all else that is given; None where it is not among it."""
    if not _asks_for_cluster(given, access):
        return None
    from sniffdiag.catalog.watch import Watch  # noqa: PLC0415 - files need none of it

    watch = Watch(_opened(access), Given(*_told_apart(given), sys.stdin.buffer))
    _usable(watch.catalog)
    return watch


def _told_apart(given: Sequence[str]) -> tuple[list[str], list[str]]:
    """Files, and declarations in one line."""
    one_line = [text for text in given if _ONE_LINE.match(text) and not Path(text).exists()]
    files = [text for text in given if text not in one_line and text != CLUSTER]
    return list(dict.fromkeys(files)), one_line


def _usable(catalog: Catalog) -> Catalog:
    if catalog.summary.sources and not catalog.ports and not catalog.pods_read:
        _refuse_what_is_no_manifest(catalog.summary)
    return catalog


def _opened(access: Access) -> Cluster:
    from sniffdiag.catalog.cluster import open_cluster  # noqa: PLC0415 - files need none of it

    return open_cluster(access)


def _asks_for_cluster(given: Sequence[str], access: Access) -> bool:
    """Whether `cluster` is among them; -n may be given without, as it selects from files, too."""
    asked = CLUSTER in given
    if not asked and (access.context or access.kubeconfig or access.all_namespaces):
        raise UsageError(
            "--context, --kubeconfig and -A choose what to read of a cluster",
            hint="add -s cluster, or leave them out",
        )
    return asked


def _refuse_what_is_no_manifest(summary: CatalogSummary) -> None:
    """Objects that declare no ports are an answer; text that is no object is a wrong file."""
    if not summary.documents:
        problem = next(iter(summary.problems), f"{', '.join(summary.sources)}: empty")
    elif summary.problems:
        problem = summary.problems[0]
    else:
        return
    raise CatalogError(f"nothing usable in the declarations: {problem}", hint=_HINT)
