"""From manifests, kubectl dumps and one-line declarations to a `Catalog`."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sniffdiag.catalog.addresses import build_catalog
from sniffdiag.catalog.documents import Document, Problem, Readable, read_documents
from sniffdiag.catalog.inline import parse_declaration
from sniffdiag.catalog.objects import Objects
from sniffdiag.catalog.services import Catalog, CatalogSummary

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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
    given = Given(sources, declarations, stdin)
    if cluster is not None:
        with _cycle_collection_paused():
            given.read(cluster.documents())
        given.sources.insert(0, cluster.title)
    return given.catalog()


class Given:
    """What was given that does not change any more, ready to be joined with what does."""

    def __init__(
        self, sources: Sequence[str], declarations: Sequence[str], stdin: Readable | None
    ) -> None:
        self._declared = [parse_declaration(text) for text in declarations]
        self._objects = Objects()
        self._documents = 0
        self.sources = list(sources)
        with _cycle_collection_paused():
            self.read(read_documents(sources, stdin))

    def read(self, documents: Iterable[Document | Problem]) -> None:
        """Read more of it."""
        for found in documents:
            if isinstance(found, Problem):
                self._objects.problems.append(found.line)
                continue
            self._documents += 1
            self._objects.add_document(found.origin, found.value)

    def catalog(self, others: Iterable[Objects] = (), problems: Sequence[str] = ()) -> Catalog:
        """All of it, with objects that are read elsewhere."""
        with _cycle_collection_paused():
            objects = self._objects
            documents = self._documents
            if others:
                objects = Objects()
                objects.merge(self._objects)
                for other in others:
                    documents += 1
                    objects.merge(other)
            summary = CatalogSummary(
                sources=tuple(self.sources),
                documents=documents,
                ignored_kinds=tuple(sorted(objects.ignored_kinds.items())),
                problems=(*problems, *objects.problems),
            )
            return build_catalog(objects, self._declared, summary)


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
