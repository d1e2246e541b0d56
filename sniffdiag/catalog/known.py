"""`Known`: what is known of a watched cluster, object by object, and what changes of it.

Written by every follower's thread and read by the one that makes catalogs.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace

from sniffdiag.catalog.cluster import Json, Resource, mapping_of
from sniffdiag.catalog.documents import CLUSTER
from sniffdiag.catalog.fields import Fields
from sniffdiag.catalog.history import History
from sniffdiag.catalog.objects import Objects
from sniffdiag.catalog.services import DeclarationChange, Edit, EditedField, ServicePort
from sniffdiag.model import Transport

_ObjectId = tuple[str, str, str]
_PortId = tuple[str, str, int, int]


class Known:
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
            own = object_id(resource, item)
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
        history = History(Fields(mapping_of(item, "metadata"), "", []), {})
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
        now = port.said
        seen = {
            field: edit
            for field, edit in self._edits.get(port.key, {}).items()
            if edit.after == now[field] != edit.before
        }
        unknown = {edit.field: edit for edit in port.edits}
        edits = {**unknown, **seen, **told}
        return replace(port, edits=tuple(edits[field] for field in sorted(edits))) if seen else port


def object_id(resource: Resource, item: Json) -> _ObjectId:
    """Which object it is: plural of its kind, namespace, name."""
    named = mapping_of(item, "metadata")
    return resource.plural, str(named.get("namespace") or ""), str(named.get("name") or "")


def _ports(objects: Objects) -> dict[_PortId, ServicePort]:
    return {port.key: port for each in objects.services.values() for port in each.ports}


def _differences(
    before: ServicePort, after: ServicePort
) -> list[tuple[EditedField, str | None, str | None]]:
    now = after.said
    return [(field, was, now[field]) for field, was in before.said.items() if was != now[field]]


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
