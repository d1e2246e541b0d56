"""A cluster's declarations as they change.

Every resource is listed and watched by its `Follower`; what they learn is `Known`, and becomes a
catalog in a thread of its own. Whoever watches calls `poll` now and then: it gives the declarations
as they are, and what changed since it was last asked. It never waits.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Self

from sniffdiag.catalog.cluster import Cluster
from sniffdiag.catalog.follower import Follower
from sniffdiag.catalog.known import Known
from sniffdiag.catalog.manifests import Given
from sniffdiag.catalog.services import Catalog, DeclarationChange
from sniffdiag.records import dataclass

REST_S, _REST_FACTOR = 2.0, 10
"""Between two catalogs where only addresses changed: pods come and go all the time."""
_UNTOLD = 10_000
"""Changes that are kept for whoever never polls."""


@dataclass(frozen=True, slots=True)
class News:
    """How things stand, and what brought them there."""

    catalog: Catalog
    """The same object as before where nothing changed."""
    changes: tuple[DeclarationChange, ...]


class Watch:
    """A cluster that is read when this is made, and watched while its context lasts.

    Apart, because the one needs whatever rights lead to the cluster, and no thread may be left
    behind when rights are given up (capabilities are each thread's own).
    """

    def __init__(self, cluster: Cluster, given: Given) -> None:
        """Read it.

        Raises:
            CatalogError: Whatever `Cluster.documents` raises.
        """
        self._given = given
        self._given.sources.insert(0, cluster.title)
        self._known = Known()
        followers = [Follower(cluster, each, self._known) for each in cluster.resources()]
        self._followers = [follower for follower in followers if follower.begin()]
        self._builder = threading.Thread(target=self._build, name="catalog", daemon=True)
        self._ready = threading.Lock()
        self._untold: deque[DeclarationChange] = deque(maxlen=_UNTOLD)
        self.catalog = Catalog()
        """As of now."""
        self._join()

    def __enter__(self) -> Self:
        for thread in (*self._followers, self._builder):
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._known.close()
        for follower in self._followers:
            follower.hang_up()
        for thread in (*self._followers, self._builder):
            thread.join(1.0)

    def poll(self) -> News:
        """The catalog, and the changes that it has and the last one had not."""
        with self._ready:
            changes = tuple(self._untold)
            self._untold.clear()
            return News(self.catalog, changes)

    def _build(self) -> None:
        rest_s = REST_S
        while self._known.wait(rest_s):
            began_s = time.monotonic()
            self._join()
            rest_s = max(REST_S, _REST_FACTOR * (time.monotonic() - began_s))

    def _join(self) -> None:
        objects, problems, changes = self._known.take()
        catalog = self._given.catalog(objects, problems)
        with self._ready:
            self.catalog = catalog
            self._untold.extend(changes)
