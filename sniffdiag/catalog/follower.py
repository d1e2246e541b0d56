"""`Follower`: one resource of a cluster, listed and then watched, in a thread of its own.

The protocol is that of the API server (Kubernetes API concepts, "Efficient detection of changes"):
a watch goes on from the resourceVersion of the list, or of the last event or bookmark; when the
server no longer keeps that version (410 Gone) everything is listed again and compared, so that a
change made in the gap is still told; when a connection ends, the next one goes on where it was.
"""

from __future__ import annotations

import json
import random
import threading
import time

from sniffdiag.catalog.api import (
    FORBIDDEN,
    GONE,
    Answer,
    ApiError,
    UnreachableError,
    code_of,
)
from sniffdiag.catalog.cluster import Cluster, Json, Page, Resource, mapping_of
from sniffdiag.catalog.documents import CLUSTER
from sniffdiag.catalog.known import Known, object_id
from sniffdiag.errors import CatalogError

WATCH_SECONDS = 120
"""After which the server is asked to end a watch: the longest that a dead connection goes
unnoticed."""
_SLACK_SECONDS = 30
LIST_EVERY_S = 30.0
"""Where listing is allowed and watching is not."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 30.0
_SHORT_WATCH_S = 1.0
"""A watch that ends sooner without a word counts as failed: or it would be begun without end."""
_FAILURES_TOLD = 3
"""A proxy that restarts is not worth a line in the report."""


class Follower(threading.Thread):
    """One resource, for as long as somebody watches."""

    def __init__(self, cluster: Cluster, resource: Resource, known: Known) -> None:
        super().__init__(name=resource.plural, daemon=True)
        self._cluster = cluster
        self._resource = resource
        self._known = known
        self._version = ""
        self._answer: Answer | None = None
        self._failures = 0

    def begin(self) -> bool:
        """List for the first time; False where the resource may not be read and is done without.

        Raises:
            CatalogError: It is needed, or nobody answers.
        """
        try:
            self._list(told=False)
        except ApiError as error:
            line = self._cluster.done_without(self._resource, error)
            self._known.problem(self._resource, line)
            return False
        return True

    def run(self) -> None:
        """List and watch in turns."""
        while not self._known.closed:
            try:
                if not self._version:
                    self._list()
                self._watch()
            except ApiError as error:
                self._refused(error)
            except CatalogError as error:
                self._failed(str(error))

    def hang_up(self) -> None:
        """End what is being read."""
        if self._answer is not None:
            self._answer.hang_up()

    def _list(self, *, told: bool = True) -> None:
        """Read everything, and tell how it differs from what was known."""
        pages: list[Page] = []
        for page in self._cluster.pages(self._resource):
            pages = [page] if page.afresh else [*pages, page]
        listed = set()
        for page in pages:
            self._resource = page.resource
            for item in page.objects:
                listed.add(object_id(page.resource, item))
                self._known.put(page.resource, item, told=told)
        for own in self._known.known(self._resource):
            if own not in listed:
                self._known.drop(own)
        self._version = pages[-1].version

    def _watch(self) -> None:
        """Follow the events of one connection to its end."""
        began_s = time.monotonic()
        path = self._resource.path(
            self._cluster.namespace,
            watch=1,
            allowWatchBookmarks="true",
            resourceVersion=self._version,
            timeoutSeconds=WATCH_SECONDS,
        )
        heard = False
        with self._cluster.server.lines(path, WATCH_SECONDS + _SLACK_SECONDS) as answer:
            self._answer = answer
            if answer.accepted:
                self._known.problem(self._resource, "")
            try:
                for line in () if self._known.closed else answer:
                    self._take(line)
                    if not heard:
                        heard = True
                        self._well()
            finally:
                self._answer = None
        if heard or time.monotonic() - began_s > _SHORT_WATCH_S:
            self._well()
        else:
            raise UnreachableError("the API server ends every watch at once")

    def _take(self, line: bytes) -> None:
        """One event.

        Raises:
            ApiError: The server ends the watch, mostly because the version is too old.
            UnreachableError: The line is no event: the connection broke off in it.
        """
        kind, item = _event(line)
        if kind == "ERROR":
            code = item.get("code")
            code = code if isinstance(code, int) else code_of(str(item.get("reason")))
            raise ApiError(code, str(item.get("message") or "the watch ended"))
        if kind == "DELETED":
            self._known.drop(object_id(self._resource, item))
        elif kind in ("ADDED", "MODIFIED"):
            self._known.put(self._resource, item)
        version = mapping_of(item, "metadata").get("resourceVersion")
        self._version = version if isinstance(version, str) else self._version

    def _well(self) -> None:
        self._failures = 0
        self._known.problem(self._resource, "")

    def _refused(self, error: ApiError) -> None:
        if error.code == GONE:
            self._version = ""  # list again; at once the first time, as after every long silence
            if self._failures == 0:
                self._failures = 1
                return
        if error.code == FORBIDDEN and self._version:
            explained = self._cluster.explained(self._resource, "watch", error)
            self._known.problem(self._resource, f"{explained}: listed every {LIST_EVERY_S:.0f} s")
            self._version = ""
            self._known.pause(LIST_EVERY_S)
            return
        self._failed(str(self._cluster.explained(self._resource, "watch", error)))

    def _failed(self, why: str) -> None:
        """Try again, ever more slowly, and not all at the same moment."""
        self._failures += 1
        if self._failures >= _FAILURES_TOLD:
            what = f"{self._resource.what} are as they were when the API server last answered"
            self._known.problem(self._resource, f"{CLUSTER}: {what}: {why}")
        pause_s = min(_FIRST_PAUSE_S * 2 ** min(self._failures, 16), _LONGEST_PAUSE_S)
        self._known.pause(pause_s * random.uniform(0.5, 1))  # noqa: S311 - no secret


def _event(line: bytes) -> tuple[str, Json]:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UnreachableError("the watch broke off in an event") from error
    item = event.get("object") if isinstance(event, dict) else None
    if not isinstance(item, dict):
        raise UnreachableError("the watch is answered by something else than events")
    return str(event.get("type")), item
