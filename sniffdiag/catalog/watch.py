"""A cluster's declarations as they change: every resource listed, then watched, in its own thread.

The protocol is that of the API server (Kubernetes API concepts, "Efficient detection of changes"):
a watch goes on from the resourceVersion of the list, or of the last event or bookmark; when the
server no longer keeps that version (410 Gone) everything is listed again and compared, so that a
change made in the gap is still told; when a connection ends, the next one goes on where it was.

Whoever watches calls `poll` now and then: it gives the declarations as they are, and what changed
since it was last asked. It never waits.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Self

from sniffdiag.catalog.api import (
    FORBIDDEN,
    GONE,
    Answer,
    ApiError,
    UnreachableError,
    code_of,
)
from sniffdiag.catalog.cluster import Cluster, Json, Page, Resource
from sniffdiag.catalog.documents import CLUSTER
from sniffdiag.catalog.fields import Fields
from sniffdiag.catalog.history import History
from sniffdiag.catalog.manifests import Given
from sniffdiag.catalog.objects import Objects
from sniffdiag.catalog.services import (
    Catalog,
    DeclarationChange,
    Edit,
    EditedField,
    ServicePort,
)
from sniffdiag.errors import CatalogError
from sniffdiag.model import Transport
from sniffdiag.records import dataclass

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
REST_S, _REST_FACTOR = 2.0, 10
"""Between two catalogs where only addresses changed: pods come and go all the time."""
_UNTOLD = 10_000
"""Changes that are kept for whoever never polls."""

_ObjectId = tuple[str, str, str]
_PortId = tuple[str, str, int, int]


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
        self._store = _Store()
        followers = [_Follower(cluster, each, self._store) for each in cluster.resources()]
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
        self._store.close()
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
        while self._store.wait(rest_s):
            began_s = time.monotonic()
            self._join()
            rest_s = max(REST_S, _REST_FACTOR * (time.monotonic() - began_s))

    def _join(self) -> None:
        objects, problems, changes = self._store.take()
        catalog = self._given.catalog(objects, problems)
        with self._ready:
            self.catalog = catalog
            self._untold.extend(changes)


class _Store:
    """What all followers know, object by object."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._objects: dict[_ObjectId, Objects] = {}
        self._problems: dict[str, str] = {}
        self._changes: list[DeclarationChange] = []
        self._edits: dict[_PortId, dict[EditedField, Edit]] = {}
        """Seen by ourselves, for Services that do not tell their past."""
        self._stale = self._urgent = self._closed = False

    @property
    def closed(self) -> bool:
        """Nobody watches any more."""
        return self._closed

    def close(self) -> None:
        """Wake whoever waits."""
        with self._news:
            self._closed = True
            self._news.notify_all()

    def pause(self, seconds: float) -> None:
        """Wait, but not longer than anybody watches."""
        with self._news:
            self._news.wait_for(lambda: self._closed, seconds)

    def wait(self, rest_s: float) -> bool:
        """Until a new catalog is due: at once for a declaration; False when closed."""
        with self._news:
            self._news.wait_for(lambda: self._urgent or self._closed, rest_s)
            self._news.wait_for(lambda: self._stale or self._closed)
            return not self._closed

    def take(self) -> tuple[list[Objects], tuple[str, ...], list[DeclarationChange]]:
        """Everything for a catalog, and the changes since the last one."""
        with self._news:
            self._stale = self._urgent = False
            changes, self._changes = self._changes, []
            return list(self._objects.values()), tuple(self._problems.values()), changes

    def problem(self, resource: Resource, line: str) -> None:
        """What is wrong with a resource now; empty: nothing."""
        with self._news:
            if self._problems.get(resource.plural, "") != line:
                self._problems.pop(resource.plural, None)
                if line:
                    self._problems[resource.plural] = line
                self._notify()

    def put(self, resource: Resource, item: Json, *, told: bool = True) -> None:
        """An object as it is now; `told` unless it is there from the beginning."""
        read = Objects()
        read.add_document(f"{CLUSTER} {resource.plural}", item)
        with self._news:
            own = _object_id(resource, item)
            if told:
                self._compare(self._objects.get(own), read, item)
            self._keep_edits(read)
            self._objects[own] = read
            self._notify()

    def drop(self, own: _ObjectId) -> None:
        """An object that is gone."""
        with self._news:
            gone = self._objects.pop(own, None)
            if gone is not None:
                self._compare(gone, Objects(), {})
                self._notify()

    def known(self, resource: Resource) -> list[_ObjectId]:
        """The objects of a resource."""
        with self._news:
            return [own for own in self._objects if own[0] == resource.plural]

    def _notify(self) -> None:
        self._stale = True
        self._news.notify_all()

    def _compare(self, before: Objects | None, after: Objects, item: Json) -> None:
        """Note what changed of what the ports of a Service declare."""
        was, now = _ports(before) if before else {}, _ports(after)
        metadata = item.get("metadata")
        history = History(Fields(metadata if isinstance(metadata, dict) else {}, "", []), {})
        for key in was.keys() | now.keys():
            change = _change(was.get(key), now.get(key), history)
            if change is not None:
                self._note_edits(key, change)
                self._changes.append(change)
                self._urgent = True

    def _note_edits(self, key: _PortId, change: DeclarationChange) -> None:
        if change.before is None or change.after is None:
            self._edits.pop(key, None)
            return
        seen = self._edits.setdefault(key, {})
        for field, was, now in _differences(change.before, change.after):
            first = seen[field].before if field in seen else was
            seen[field] = Edit(field, first, now, change.manager, change.at_ns)

    def _keep_edits(self, read: Objects) -> None:
        for own, service in read.services.items():
            ports = tuple(self._with_edits(port) for port in service.ports)
            read.services[own] = replace(service, ports=ports)

    def _with_edits(self, port: ServicePort) -> ServicePort:
        """What was seen, where the Service does not say what it was before."""
        told = {edit.field: edit for edit in port.edits if edit.before_known}
        now = dict(_said(port))
        seen = {
            field: edit
            for field, edit in self._edits.get(port.key, {}).items()
            if edit.after == now[field] != edit.before
        }
        unknown = {edit.field: edit for edit in port.edits}
        edits = {**unknown, **seen, **told}
        return replace(port, edits=tuple(edits[field] for field in sorted(edits))) if seen else port


class _Follower(threading.Thread):
    """One resource, for as long as the store is open."""

    def __init__(self, cluster: Cluster, resource: Resource, store: _Store) -> None:
        super().__init__(name=resource.plural, daemon=True)
        self._cluster = cluster
        self._resource = resource
        self._store = store
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
            self._store.problem(self._resource, line)
            return False
        return True

    def run(self) -> None:
        """List and watch in turns."""
        while not self._store.closed:
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
                listed.add(_object_id(page.resource, item))
                self._store.put(page.resource, item, told=told)
        for own in self._store.known(self._resource):
            if own not in listed:
                self._store.drop(own)
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
                self._store.problem(self._resource, "")
            try:
                for line in () if self._store.closed else answer:
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
            self._store.drop(_object_id(self._resource, item))
        elif kind in ("ADDED", "MODIFIED"):
            self._store.put(self._resource, item)
        metadata = item.get("metadata")
        version = metadata.get("resourceVersion") if isinstance(metadata, dict) else None
        self._version = version if isinstance(version, str) else self._version

    def _well(self) -> None:
        self._failures = 0
        self._store.problem(self._resource, "")

    def _refused(self, error: ApiError) -> None:
        if error.code == GONE:
            self._version = ""  # list again; at once the first time, as after every long silence
            if self._failures == 0:
                self._failures = 1
                return
        if error.code == FORBIDDEN and self._version:
            explained = self._cluster.explained(self._resource, "watch", error)
            self._store.problem(self._resource, f"{explained}: listed every {LIST_EVERY_S:.0f} s")
            self._version = ""
            self._store.pause(LIST_EVERY_S)
            return
        self._failed(str(self._cluster.explained(self._resource, "watch", error)))

    def _failed(self, why: str) -> None:
        """Try again, ever more slowly, and not all at the same moment."""
        self._failures += 1
        if self._failures >= _FAILURES_TOLD:
            what = f"{self._resource.what} are as they were when the API server last answered"
            self._store.problem(self._resource, f"{CLUSTER}: {what}: {why}")
        pause_s = min(_FIRST_PAUSE_S * 2 ** min(self._failures, 16), _LONGEST_PAUSE_S)
        self._store.pause(pause_s * random.uniform(0.5, 1))  # noqa: S311 - no secret


def _event(line: bytes) -> tuple[str, Json]:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UnreachableError("the watch broke off in an event") from error
    item = event.get("object") if isinstance(event, dict) else None
    if not isinstance(item, dict):
        raise UnreachableError("the watch is answered by something else than events")
    return str(event.get("type")), item


def _object_id(resource: Resource, item: Json) -> _ObjectId:
    metadata = item.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    return resource.plural, str(named.get("namespace") or ""), str(named.get("name") or "")


def _ports(objects: Objects) -> dict[_PortId, ServicePort]:
    return {port.key: port for each in objects.services.values() for port in each.ports}


def _said(port: ServicePort) -> Iterator[tuple[EditedField, str | None]]:
    yield EditedField.NAME, port.name or None
    yield EditedField.APP_PROTOCOL, port.app_protocol


def _differences(
    before: ServicePort, after: ServicePort
) -> list[tuple[EditedField, str | None, str | None]]:
    now = dict(_said(after))
    return [(field, was, now[field]) for field, was in _said(before) if was != now[field]]


def _change(
    before: ServicePort | None, after: ServicePort | None, history: History
) -> DeclarationChange | None:
    field = EditedField.NAME
    if before is not None and after is not None:
        differences = _differences(before, after)
        if not differences:
            return None
        field = differences[0][0]
    manager, at_ns = "", None
    if after is not None:
        manager, at_ns = history.writer((after.port, Transport(after.transport).name), field)
    return DeclarationChange(time.time_ns() if at_ns is None else at_ns, before, after, manager)
