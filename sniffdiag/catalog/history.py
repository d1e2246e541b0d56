"""What a Service says about its own past: the declaration as applied, and who wrote over it.

`kubectl apply` keeps what it was given in an annotation that consoles and controllers leave alone,
and the API server records in `metadata.managedFields` which manager owns each field and when that
manager last wrote (Kubernetes, "Server-Side Apply", field management). A manager that changes a
value becomes its owner, so the owner of `f:name` is whoever named the port last.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sniffdiag.catalog.fields import Fields, nanoseconds
from sniffdiag.catalog.services import Edit, EditedField
from sniffdiag.model import Transport
from sniffdiag.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_PORT_ITSELF = "f:port"
_FIELDS = {EditedField.NAME: "f:name", EditedField.APP_PROTOCOL: "f:appProtocol"}
_Key = tuple[int, str]
"""Port number and protocol, by which the API server merges `spec.ports`."""


@dataclass(frozen=True, slots=True)
class _Owner:
    """One entry of managedFields that owns something of a port."""

    manager: str
    at_ns: int | None


class History:
    """The past of one Service's ports. Nothing here is worth a problem line: it is a hint."""

    def __init__(self, metadata: Fields, annotations: dict[str, str]) -> None:
        self._metadata = metadata.unquestioned()
        self._was_applied = _LAST_APPLIED in annotations
        self._applied = _applied_ports(annotations)

    def edits(self, key: _Key, name: str | None, app_protocol: str | None) -> tuple[Edit, ...]:
        """What of a port's declaration is no longer as it was applied."""
        now = {EditedField.NAME: name or None, EditedField.APP_PROTOCOL: app_protocol}
        if not self._was_applied:
            return tuple(self._by_other_managers(key, now))
        applied = self._applied.get(key)
        if applied is None:
            return ()
        found = []
        for field, after in now.items():
            before = applied.text(field) or None
            if before != (after or None):
                owner = _latest(self._owners(key, _FIELDS[field]))
                found.append(Edit(field, before, after, owner.manager, owner.at_ns))
        return tuple(found)

    def writer(self, key: _Key, field: EditedField) -> tuple[str, int | None]:
        """Who owns a field, and when they last wrote; of a field that is gone, who wrote last."""
        owner = _latest(self._owners(key, _FIELDS[field]))
        if not owner.manager:
            owner = _latest(map(_owner, self._entries()))
        return owner.manager, owner.at_ns

    def _by_other_managers(self, key: _Key, now: dict[EditedField, str | None]) -> Iterator[Edit]:
        """Without that annotation: fields owned by none of those who made the port."""
        makers = {owner.manager for owner in self._owners(key, _PORT_ITSELF)}
        for field, after in now.items():
            owners = list(self._owners(key, _FIELDS[field]))
            if makers and owners and makers.isdisjoint(owner.manager for owner in owners):
                owner = _latest(owners)
                yield Edit(field, None, after, owner.manager, owner.at_ns, before_known=False)

    def _owners(self, key: _Key, field: str) -> Iterator[_Owner]:
        """Managers of a field of the port, or of all ports where that is all that is recorded."""
        for entry in self._entries():
            spec = entry.mapping("fieldsV1").mapping("f:spec")
            owned = spec.raw("f:ports")
            if isinstance(owned, dict) and (not owned or field in _owned_of(owned, key)):
                yield _owner(entry)

    def _entries(self) -> Iterator[Fields]:
        """Without those of the status."""
        each = self._metadata.each("managedFields")
        return (entry for entry in each if not entry.text("subresource"))


def _owner(entry: Fields) -> _Owner:
    return _Owner(entry.text("manager") or "", nanoseconds(entry.text("time")))


def _owned_of(ports: dict[object, object], key: _Key) -> dict[object, object]:
    """The fields of one port; its key reads `k:{"port":8080,"protocol":"TCP"}`."""
    for text, owned in ports.items():
        if isinstance(text, str) and text.startswith("k:") and isinstance(owned, dict):
            named = _decoded(text.removeprefix("k:"))
            if (named.get("port"), named.get("protocol", Transport.TCP.name)) == key:
                return owned
    return {}


def _latest(owners: Iterable[_Owner]) -> _Owner:
    return max(owners, key=lambda owner: owner.at_ns or 0, default=_Owner("", None))


def _applied_ports(annotations: dict[str, str]) -> dict[_Key, Fields]:
    """The ports that `kubectl apply` was last given, by number and protocol."""
    applied = _decoded(annotations.get(_LAST_APPLIED, "null"))
    found: dict[_Key, Fields] = {}
    for port in Fields(applied, "", []).mapping("spec").each("ports"):
        number = port.port("port")
        if number is not None:
            found.setdefault((number, port.text("protocol") or Transport.TCP.name), port)
    return found


def _decoded(text: str) -> dict[object, object]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
