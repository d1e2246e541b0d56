"""From manifests, kubectl dumps and one-line declarations to a `Catalog`."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from itertools import chain
from typing import TYPE_CHECKING

from sniffdiag.catalog.addresses import build_catalog
from sniffdiag.catalog.documents import Problem, Readable, read_documents
from sniffdiag.catalog.inline import parse_declaration
from sniffdiag.catalog.objects import Objects
from sniffdiag.catalog.services import Catalog, CatalogSummary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sniffdiag.catalog.cluster import Cluster


def load(
    sources: Sequence[str],
    *,
    declarations: Sequence[str] = (),
    stdin: Readable | None = None,
    cluster: Cluster | None = None,
) -> Catalog:
    """Read files, directories and "-" (standard input), the texts of `-s`, and a cluster.

    Malformed documents and fields become `summary.problems`; the rest is used.

    Raises:
        CatalogError: No source can be read, or a declaration does not parse.
    """
    declared = [parse_declaration(text) for text in declarations]
    objects = Objects()
    documents = 0
    with _cycle_collection_paused():
        of_cluster = cluster.documents() if cluster else ()
        for found in chain(of_cluster, read_documents(sources, stdin)):
            if isinstance(found, Problem):
                objects.problems.append(found.line)
                continue
            documents += 1
            objects.add_document(found.origin, found.value)
        summary = CatalogSummary(
            sources=(*([cluster.title] if cluster else []), *sources),
            documents=documents,
            ignored_kinds=tuple(sorted(objects.ignored_kinds.items())),
            problems=tuple(objects.problems),
        )
        return build_catalog(objects, declared, summary)


@contextmanager
def _cycle_collection_paused() -> Iterator[None]:
    """Decoded manifests are a million containers without a cycle among them.

    Looking for one is a third of the time: 1.55 s instead of 1.08 s for 10,000 Services.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
