"""`Facts`: everything that a mesh's TOML file can say about one version, and reading it.

The vocabulary of the policy files: each field of `Facts`, `Reading` and `LayerFour` is a key there.
Knows no mesh by name.
"""

from __future__ import annotations

from dataclasses import field, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sniffdiag.errors import PolicyError
from sniffdiag.mesh.settings import value_of
from sniffdiag.mesh.treated import Advice
from sniffdiag.model import Direction, Treatment
from sniffdiag.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Ways:
    """A treatment for each direction."""

    outbound: Treatment
    inbound: Treatment

    def of(self, direction: Direction) -> Treatment:
        """One direction."""
        return self.outbound if direction is Direction.OUTBOUND else self.inbound


class Compare(StrEnum):
    """How a declared text is held against the words of a reading."""

    FIRST_WORD = "first-word"
    """The text before the first dash, in any case."""
    DASHED = "dashed"
    """The same, and the dash must be there."""
    WHOLE = "whole"
    """The whole text, in any case."""
    EXACT = "exact"
    """The whole text in its exact spelling."""
    PORTS = "ports"
    """A list of port numbers and ranges: the words are "listed" and "unlisted"."""


NEXT = "next"
"""An unknown value is as good as none: the next reading is asked."""
UNDECLARED = "undeclared"
"""An unknown value ends the reading: the port counts as not declared."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One place where a declaration may stand, and what the values there mean."""

    source: str
    """"name", "app_protocol", or a `catalog.services.Stated` source with {port} for the number."""
    compare: Compare = Compare.FIRST_WORD
    words: Mapping[str, Ways] = field(default_factory=dict)
    starts: Mapping[str, Ways] = field(default_factory=dict)
    """Beginnings, lower-cased, that are tested before `words`."""
    exact: Mapping[str, Ways] = field(default_factory=dict)
    """Whole texts in their exact spelling, tested before everything."""
    unknown: str | Ways = NEXT
    where: tuple[str, ...] = ()
    """Sources of which one must state something for this reading to count."""
    cluster_ip_only: bool = False
    """Not read for headless Services."""
    because: str = ""
    """Instead of the usual sentence; with {value}, {of}, {port}."""


@dataclass(frozen=True, slots=True)
class LayerFour:
    """Ports whose proxy never looks above layer 4."""

    where: tuple[str, ...]
    """Sources, the first that states something counts."""
    value: str
    unless: tuple[str, ...] = ()
    """Sources that bring a layer 7 proxy back if they state anything but `unless_not`."""
    unless_not: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that a mesh's TOML file can say about one version."""

    everything: Ways | None = None
    """Holds for every port whatever is declared."""
    directions: tuple[str, ...] = ("outbound", "inbound")
    """On which side there is a proxy at all."""
    only_where: tuple[str, ...] = ()
    """Sources of which one must state something, else the policy is not about the port."""
    layer4: LayerFour | None = None
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For each direction, the names of the readings that count, most important first."""
    readings: Mapping[str, Reading] = field(default_factory=dict)
    words: Mapping[str, Ways] = field(default_factory=dict)
    """Text before the first dash, lower-cased."""
    starts: Mapping[str, Ways] = field(default_factory=dict)
    """Beginnings, lower-cased, that are tested before `words`."""
    exact_app_protocols: Mapping[str, Ways] = field(default_factory=dict)
    transports: Mapping[str, Ways] = field(default_factory=dict)
    """Transports that are not judged by what is declared."""
    ports: Mapping[str, Ways] = field(default_factory=dict)
    """Service port numbers that undeclared ports are told by."""
    ports_because: str = "is never sniffed"
    inbound_by_target_port: bool = False
    """Inbound, numbers are those of the pod's port and not the Service's."""
    no_outbound_listener: Mapping[str, int] = field(default_factory=dict)
    """Word to the Service port number on which it gets no listener."""
    unrecognised: Ways = field(default_factory=lambda: ways("opaque"))
    sniffs: Mapping[str, bool] = field(default_factory=dict)
    """"outbound" and "inbound" to whether undeclared ports are sniffed there."""
    sniffable: tuple[str, ...] = ()
    sniffable_with_http10: tuple[str, ...] = ()
    alpn_selects_http: bool = False
    """The match on the application protocol does not ask for clear text."""
    http10: bool = False
    follows_client: bool = False
    pins_http_version: bool = False
    sniffs_by_design: bool = False
    sniffs_known_methods_only: bool = False
    """Sniffing takes HTTP/1 for HTTP only where it knows the method."""
    detection_timeout_ms: Mapping[str, int] = field(default_factory=dict)
    suggest: Mapping[str, str] = field(default_factory=dict)
    """Protocol id to the word that declares it."""
    suggest_app_protocol: Mapping[str, str] = field(default_factory=dict)
    """The same where appProtocol has a better word."""
    otherwise_suggest: str = ""
    advice: Mapping[str, Advice] = field(default_factory=dict)


def merged(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """One mapping; tables are united, everything else is replaced by the later row."""
    united: dict[str, Any] = {}
    for row in rows:
        united = _united(united, row)
    return {key: value for key, value in united.items() if key not in ("from", "to")}


def _united(table: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    united = dict(table)
    for key, value in more.items():
        known = united.get(key)
        if isinstance(value, dict):
            value = _united(known if isinstance(known, dict) else {}, value)  # noqa: PLW2901
        united[key] = value
    return united


def override(merged: dict[str, Any], setting: Mapping[str, Any], name: str, text: str) -> None:
    """Put the value of a setting in place of the shipped default."""
    *tables, key = setting["changes"]
    target = merged
    for table in tables:
        target = target.setdefault(table, {})
    kind, choices = setting["kind"], setting.get("choices")
    value = value_of(name, kind, text, choices)
    target[key] = choices[value] if choices else value


_OF_WAYS = frozenset({"words", "starts", "exact", "exact_app_protocols", "transports", "ports"})
_WAYS = frozenset({"everything", "unrecognised"})
_KNOWN_FACTS = frozenset(each.name for each in fields(Facts))


def facts_of(merged: Mapping[str, Any]) -> Facts:
    """The united rows of one version.

    Raises:
        PolicyError: A key that no field stands for.
    """
    unknown = merged.keys() - _KNOWN_FACTS
    if unknown:
        raise PolicyError(f"policy data: unknown facts {sorted(unknown)}", hint="see mesh/facts.py")
    facts = Facts(**{key: _typed(key, value) for key, value in merged.items()})
    return replace(facts, readings={**_common_readings(facts), **facts.readings})


def _common_readings(facts: Facts) -> dict[str, Reading]:
    """Name and appProtocol, as far as they are read with the words that they share."""
    name = Reading("name", words=facts.words, starts=facts.starts)
    return {
        "name": name,
        "app_protocol": replace(
            name,
            source="app_protocol",
            exact=facts.exact_app_protocols,
            unknown=UNDECLARED,
        ),
    }


def _typed(key: str, value: Any) -> Any:
    if key in _WAYS:
        return ways(value)
    if key in _OF_WAYS:
        return {word: ways(treatment) for word, treatment in value.items()}
    make = _MADE_BY.get(key)
    if make:
        return make(value)
    return tuple(value) if isinstance(value, list) else value


def _readings(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Reading]:
    return {name: _reading_of(name, table) for name, table in tables.items()}


def _reading_of(name: str, table: Mapping[str, Any]) -> Reading:
    made = {key: _typed(key, value) for key, value in table.items()}
    if "compare" in made:
        made["compare"] = Compare(made["compare"])
    if made.get("unknown", NEXT) not in (NEXT, UNDECLARED):
        made["unknown"] = ways(made["unknown"])
    return Reading(**{"source": name, **made})


def _reads(value: list[str] | Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    if isinstance(value, list):
        return {direction.value: tuple(value) for direction in Direction}
    return {direction: tuple(names) for direction, names in value.items()}


def _layer4(table: Mapping[str, Any]) -> LayerFour:
    return LayerFour(**{key: _typed(key, value) for key, value in table.items()})


def _advice(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Advice]:
    return {
        of: Advice(**{key: _typed(key, value) for key, value in table.items()})
        for of, table in tables.items()
    }


def ways(value: str | Mapping[str, str]) -> Ways:
    """A treatment for both directions, or a table of two."""
    if isinstance(value, str):
        return Ways(Treatment(value), Treatment(value))
    return Ways(Treatment(value["outbound"]), Treatment(value["inbound"]))


_MADE_BY: dict[str, Callable[[Any], Any]] = {
    "readings": _readings,
    "reads": _reads,
    "layer4": _layer4,
    "advice": _advice,
}
