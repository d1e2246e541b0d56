"""`MeshPolicy`: how a mesh reads declared ports, as data, and `treated`, which applies it.

One TOML file a mesh holds the facts with the versions they are true for; this module selects,
merges and interprets them and knows no mesh by name. It reads neither bytes nor flows, and it does
not know what else decides in a live cluster: listener conflicts, Sidecar scopes, excluded ports.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from sniffdiag.errors import PolicyError
from sniffdiag.mesh.settings import value_of
from sniffdiag.mesh.treated import Cause, DirectionTreatment, Treated
from sniffdiag.mesh.versions import AUTO, Version, maybe_version
from sniffdiag.model import Treatment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sniffdiag.catalog.services import ServicePort

MESHES = ("istio", "none")
"""One TOML file beside this module for each."""


@dataclass(frozen=True, slots=True)
class Ways:
    """A treatment for each direction."""

    outbound: Treatment
    inbound: Treatment


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that a mesh's TOML file can say about one version."""

    everything: Ways | None = None
    """Holds for every port whatever is declared."""
    reads: tuple[str, ...] = ()
    """Which declarations count, most important first: "app_protocol", "name"."""
    words: Mapping[str, Ways] = field(default_factory=dict)
    """Text before the first dash, lower-cased."""
    starts: Mapping[str, Ways] = field(default_factory=dict)
    """Beginnings, lower-cased, that are tested before `words`."""
    exact_app_protocols: Mapping[str, Ways] = field(default_factory=dict)
    transports: Mapping[str, Ways] = field(default_factory=dict)
    """Transports that are not judged by what is declared."""
    ports: Mapping[str, Ways] = field(default_factory=dict)
    """Service port numbers that are exempt from sniffing."""
    no_outbound_listener: Mapping[str, int] = field(default_factory=dict)
    """Word to the Service port number on which it gets no listener."""
    unrecognised: Ways = field(default_factory=lambda: _ways("opaque"))
    sniffs: Mapping[str, bool] = field(default_factory=dict)
    """"outbound" and "inbound" to whether undeclared ports are sniffed there."""
    sniffable: tuple[str, ...] = ()
    sniffable_with_http10: tuple[str, ...] = ()
    alpn_selects_http: bool = False
    """The match on the application protocol does not ask for clear text."""
    http10: bool = False
    detection_timeout_ms: Mapping[str, int] = field(default_factory=dict)
    suggest: Mapping[str, str] = field(default_factory=dict)
    """Protocol id to the word that declares it."""
    suggest_app_protocol: Mapping[str, str] = field(default_factory=dict)
    """The same where appProtocol has a better word."""
    otherwise_suggest: str = ""


@dataclass(frozen=True, slots=True)
class VersionPolicy:
    """A mesh at one version and with one set of settings."""

    mesh: str
    """"istio"."""
    title: str
    """"Istio 1.3.6"; "no mesh"."""
    version: str
    """As understood: "1.3.6"; empty for a mesh without versions."""
    facts: Facts
    note: str = ""
    """What the user should know about the choice of version; mostly empty."""

    @property
    def honours_app_protocol(self) -> bool:
        """This version reads appProtocol."""
        return "app_protocol" in self.facts.reads

    @property
    def sniffable(self) -> frozenset[str]:
        """Protocol ids that sniffing recognises; empty where nothing is sniffed."""
        more = self.facts.sniffable_with_http10 if self.facts.http10 else ()
        return frozenset(self.facts.sniffable + more)

    def suggested_prefix(self, protocol: str) -> str:
        """The port-name word by which this version handles `protocol` as what it is."""
        return self.facts.suggest.get(protocol, self.facts.otherwise_suggest)

    def suggested_app_protocol(self, protocol: str) -> str | None:
        """The same for appProtocol; None where this version does not read it."""
        if not self.honours_app_protocol:
            return None
        prefix = self.suggested_prefix(protocol)
        return self.facts.suggest_app_protocol.get(protocol, prefix) or None


@dataclass(frozen=True, slots=True)
class MeshPolicy:
    """All that is known of one mesh, at all versions."""

    mesh: str
    title: str
    versions: tuple[str, ...]
    """Minor versions, oldest first; empty for a mesh without versions."""
    rows: tuple[Mapping[str, Any], ...]
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def at(self, version: str, settings: Mapping[str, str] | None = None) -> VersionPolicy:
        """The policy of `version`, with the defaults it ships with except for `settings`.

        A version newer than all known is read as the newest known, and `note` says so.

        Raises:
            PolicyError: Unknown version, unknown setting, or a setting this version does not have.
        """
        wanted, note = self._known(version)
        merged = _merged(row for row in self.rows if wanted is None or _covers(row, wanted))
        for name, text in (settings or {}).items():
            _override(merged, self._setting(name, wanted), name, text)
        title = f"{self.title} {wanted}" if wanted else self.title
        return VersionPolicy(self.mesh, title, str(wanted) if wanted else "", _facts(merged), note)

    def _known(self, text: str) -> tuple[Version | None, str]:
        """The version to judge by, and what to tell the user about it."""
        if not self.versions and text in ("", AUTO):
            return None, ""
        version = maybe_version(text)
        bounds = [known for known in map(maybe_version, self.versions) if known]
        if version is None or not bounds or not _within(version, bounds):
            raise PolicyError(
                f'no policy for {self.title} version "{text}"',
                hint=f"known versions: {', '.join(self.versions) or 'none, leave it out'}",
            )
        newest = bounds[-1]
        if version > newest:
            return newest, (
                f"{self.title} {version} is newer than the newest version known here; "
                f"judged as {newest}"
            )
        return version, ""

    def _setting(self, name: str, version: Version | None) -> Mapping[str, Any]:
        """The setting `name`, if this version has it."""
        setting = self.settings.get(name)
        if setting is None:
            known = ", ".join(self.settings) or "none"
            raise PolicyError(
                f'{self.title} has no setting "{name}"', hint=f"known settings: {known}"
            )
        if version is not None and not _covers(setting, version):
            old = version < _bound(setting["from"]).first_patch
            why = setting["too_old" if old else "too_new"]
            raise PolicyError(
                f"{name} cannot be set for {self.title} {version}: {why}",
                hint=f"leave out --set {name}, or check --mesh-version",
            )
        return setting


@cache
def load_policy(mesh: str) -> MeshPolicy:
    """The policy of one of `MESHES`.

    Raises:
        PolicyError: No such mesh.
    """
    if mesh not in MESHES:
        raise PolicyError(f'no policy for mesh "{mesh}"', hint=f"known: {', '.join(MESHES)}")
    text = resources.files("sniffdiag.mesh").joinpath(f"{mesh}.toml").read_text("utf-8")
    data = tomllib.loads(text)
    return MeshPolicy(
        mesh, data["title"], tuple(data["versions"]), tuple(data["facts"]), data.get("settings", {})
    )


@cache
def shipped(mesh: str, version: str) -> VersionPolicy:
    """`version` as its own install manifests run it."""
    return load_policy(mesh).at(version)


# --- reading the data ---------------------------------------------------------------------------


def _within(version: Version, known: list[Version]) -> bool:
    """Neither older than all known nor of a major version nobody has heard of."""
    return known[0].first_patch <= version and version.major <= known[-1].major


def _bound(text: str) -> Version:
    version = maybe_version(text)
    if version is None:
        raise PolicyError(f'policy data: "{text}" is no version', hint="correct the TOML file")
    return version


def _covers(row: Mapping[str, Any], version: Version) -> bool:
    """`version` lies between the row's `from` and `to`, both inclusive."""
    if "from" in row and version < _bound(row["from"]).first_patch:
        return False
    return "to" not in row or version <= _bound(row["to"])


def _merged(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """One mapping; tables are united, everything else is replaced by the later row."""
    merged: dict[str, Any] = {}
    for row in rows:
        for key, value in row.items():
            merged[key] = {**merged.get(key, {}), **value} if isinstance(value, dict) else value
    return {key: value for key, value in merged.items() if key not in ("from", "to")}


def _override(merged: dict[str, Any], setting: Mapping[str, Any], name: str, text: str) -> None:
    """Put the value of a setting in place of the shipped default."""
    *tables, key = setting["changes"]
    target = merged
    for table in tables:
        target = target[table]
    target[key] = value_of(name, setting["kind"], text)


_OF_WAYS = frozenset({"words", "starts", "exact_app_protocols", "transports", "ports"})
_WAYS = frozenset({"everything", "unrecognised"})
_KNOWN_FACTS = frozenset(each.name for each in fields(Facts))


def _facts(merged: Mapping[str, Any]) -> Facts:
    unknown = merged.keys() - _KNOWN_FACTS
    if unknown:
        raise PolicyError(
            f"policy data: unknown facts {sorted(unknown)}", hint="see mesh/policy.py"
        )
    return Facts(**{key: _typed(key, value) for key, value in merged.items()})


def _typed(key: str, value: Any) -> Any:
    if key in _WAYS:
        return _ways(value)
    if key in _OF_WAYS:
        return {word: _ways(treatment) for word, treatment in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _ways(value: str | Mapping[str, str]) -> Ways:
    if isinstance(value, str):
        return Ways(Treatment(value), Treatment(value))
    return Ways(Treatment(value["outbound"]), Treatment(value["inbound"]))


# --- applying it --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a declaration amounts to before the sniffing switches are looked at."""

    cause: Cause
    ways: Ways
    because: str
    token: str = ""
    then: str = ""
    """Continues `because` for ports that are not declared."""


def treated(policy: VersionPolicy, port: ServicePort) -> Treated:
    """What this mesh at this version will do with a declared port, and why."""
    reading = _reading(policy, port)
    outbound = _direction(policy, reading, "outbound", reading.ways.outbound)
    inbound = _direction(policy, reading, "inbound", reading.ways.inbound)
    if policy.facts.no_outbound_listener.get(reading.token) == port.port:
        outbound = DirectionTreatment(
            Treatment.NOT_PROXIED,
            f"{policy.title} builds no outbound listener for {reading.token} on port {port.port}",
        )
    return Treated(
        outbound=outbound,
        inbound=inbound,
        cause=reading.cause,
        token=reading.token,
        sniffable=policy.sniffable,
        detection_timeout_ms=_timeout_ms(policy, "outbound", outbound),
        inbound_detection_timeout_ms=_timeout_ms(policy, "inbound", inbound),
        honours_app_protocol=policy.honours_app_protocol,
        alpn_selects_http=policy.facts.alpn_selects_http,
        words=frozenset(policy.facts.words),
        name_words=policy.facts.suggest,
        app_protocols=policy.facts.suggest_app_protocol,
        otherwise_word=policy.facts.otherwise_suggest,
        mesh=policy.mesh,
        title=policy.title,
        version=policy.version,
    )


def near_miss(name: str, words: Iterable[str]) -> str | None:
    """The word that an unrecognised name begins with: "http2" for "http2foo"."""
    first = _first_word(name)
    candidates = [word for word in words if first.startswith(word)]
    return max(candidates, key=len, default=None)


def newest_older_opaque(policy: VersionPolicy, port: ServicePort, protocol: str) -> Treated | None:
    """The newest older version, as shipped, that would pass `protocol` on this port unread.

    None if no known version would, in either direction.
    """
    for version in reversed(_older_versions(policy)):
        there = treated(shipped(policy.mesh, version), port)
        if Treatment.OPAQUE in there.settled(protocol):
            return there
    return None


def _older_versions(policy: VersionPolicy) -> tuple[str, ...]:
    own = maybe_version(policy.version)
    versions = load_policy(policy.mesh).versions
    return tuple(each for each in versions if own and _bound(each) < own.first_patch)


def _reading(policy: VersionPolicy, port: ServicePort) -> _Reading:
    facts = policy.facts
    if facts.everything:
        return _Reading(Cause.NO_MESH, facts.everything, policy.title)
    by_transport = facts.transports.get(port.transport.label)
    if by_transport:
        because = f"{policy.title} does not read the name of a {port.transport.name} port"
        return _Reading(Cause.TRANSPORT, by_transport, because)
    if policy.honours_app_protocol and port.app_protocol is not None:
        return _by_app_protocol(policy, port, port.app_protocol)
    return _by_name(policy, port)


def _by_app_protocol(policy: VersionPolicy, port: ServicePort, value: str) -> _Reading:
    exact = policy.facts.exact_app_protocols.get(value)
    token, ways = (value, exact) if exact else _recognised(policy.facts, value)
    if ways is None:
        what = f'appProtocol "{value}" is unknown to {policy.title} and the name is not consulted'
        return _undeclared(policy, port, Cause.UNKNOWN_APP_PROTOCOL, what)
    because = _says("appProtocol", value, token)
    if _recognised(policy.facts, port.name)[1] not in (None, ways):
        because += f', which beats name "{port.name}"'
    return _Reading(Cause.EXPLICIT, ways, because, token)


def _by_name(policy: VersionPolicy, port: ServicePort) -> _Reading:
    token, ways = _recognised(policy.facts, port.name)
    if ways is not None:
        because = _says("name", port.name, token)
        if port.app_protocol is not None:
            because += f", and {policy.title} does not read appProtocol"
        return _Reading(Cause.EXPLICIT, ways, because, token)
    if not port.name:
        return _undeclared(policy, port, Cause.UNNAMED, "the port has no name")
    near = near_miss(port.name, policy.facts.words)
    if near:
        what = f'name "{port.name}" begins like "{near}", but no dash follows'
        return _undeclared(policy, port, Cause.NEAR_MISS, what)
    what = f'name "{port.name}" begins with no word that {policy.title} knows'
    return _undeclared(policy, port, Cause.UNRECOGNISED, what)


def _recognised(facts: Facts, text: str) -> tuple[str, Ways | None]:
    """The word by which `text` declares a protocol, and what that makes of the port."""
    lowered = text.lower()
    for start, ways in facts.starts.items():
        if lowered.startswith(start):
            return start, ways
    word = _first_word(text)
    return (word, facts.words[word]) if word in facts.words else ("", None)


def _first_word(text: str) -> str:
    return text.partition("-")[0].lower()


def _says(field_name: str, text: str, token: str) -> str:
    if text.lower() == token.lower():
        return f'{field_name} is "{text}"'
    return f'{field_name} "{text}" begins with "{token}"'


def _undeclared(policy: VersionPolicy, port: ServicePort, cause: Cause, what: str) -> _Reading:
    """A port that declares nothing this version understands."""
    joint = " and" if cause is Cause.UNNAMED else ", and"
    exempt = policy.facts.ports.get(str(port.port))
    if exempt:
        then = f"{joint} Service port {port.port} is never sniffed"
        return _Reading(Cause.EXEMPT_PORT, exempt, what, then=then)
    if Treatment.SNIFFED not in (
        policy.facts.unrecognised.outbound,
        policy.facts.unrecognised.inbound,
    ):
        it = f" and {policy.title} reads that" if cause is Cause.UNNAMED else ", so it is read"
        then = f"{it} as tcp"
        return _Reading(cause, policy.facts.unrecognised, what, then=then)
    return _Reading(cause, policy.facts.unrecognised, what, then=joint)


def _direction(
    policy: VersionPolicy, reading: _Reading, direction: str, as_: Treatment
) -> DirectionTreatment:
    """One direction of a reading, with the sniffing switch of that direction applied."""
    if as_ is not Treatment.SNIFFED or reading.cause is Cause.EXPLICIT:
        return DirectionTreatment(as_, reading.because + reading.then)
    if policy.facts.sniffs.get(direction):
        return DirectionTreatment(
            as_, f"{reading.because}{reading.then} {direction} sniffing is on"
        )
    because = f"{reading.because}{reading.then} {direction} sniffing is off"
    return DirectionTreatment(Treatment.OPAQUE, because)


def _timeout_ms(policy: VersionPolicy, direction: str, treatment: DirectionTreatment) -> int | None:
    if treatment.as_ is not Treatment.SNIFFED:
        return None
    return policy.facts.detection_timeout_ms.get(direction)
