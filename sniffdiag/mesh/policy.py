"""`MeshPolicy`: how a mesh reads declared ports, as data, and `treated`, which applies it.

One TOML file a mesh holds the facts with the versions they are true for; this module selects,
merges and interprets them and knows no mesh by name. It reads neither bytes nor flows, and it does
not know what else decides in a live cluster: listener conflicts, Sidecar scopes, excluded ports.
"""

from __future__ import annotations

import tomllib
from dataclasses import field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sniffdiag.errors import PolicyError
from sniffdiag.mesh.facts import (
    NEXT,
    Compare,
    Facts,
    LayerFour,
    Reading,
    Ways,
    facts_of,
    merged,
    override,
    ways,
)
from sniffdiag.mesh.treated import Cause, DirectionTreatment, Treated
from sniffdiag.mesh.versions import AUTO, Version, maybe_version
from sniffdiag.model import Treatment
from sniffdiag.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sniffdiag.catalog.services import ServicePort, Stated

MESHES = (
    "istio",
    "linkerd",
    "kuma",
    "consul",
    "osm",
    "app-mesh",
    "cilium",
    "envoy-gateway",
    "traefik",
    "ingress-nginx",
    "none",
)
"""One TOML file beside this module for each."""


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
    waits_ms: frozenset[int] = frozenset()
    """Detection timeouts of all versions of the mesh."""
    note: str = ""
    """What the user should know about the choice of version; mostly empty."""

    @property
    def honours_app_protocol(self) -> bool:
        """This version reads appProtocol."""
        return self.reads("app_protocol")

    def reads(self, source: str) -> bool:
        """This version looks there, in one direction at least."""
        names = {name for reads in self.facts.reads.values() for name in reads}
        return any(self.facts.readings[name].source == source for name in names)

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
    releases: tuple[Mapping[str, str], ...] = ()
    """Releases that are not numbered like versions, newest first: `prefix`, `from`, `means`."""
    detect: Mapping[str, Any] = field(default_factory=dict)
    """By what the declarations show this mesh (`mesh.detect`)."""

    def at(self, version: str, settings: Mapping[str, str] | None = None) -> VersionPolicy:
        """The policy of `version`, with the defaults it ships with except for `settings`.

        A version newer than all known is read as the newest known, and `note` says so.

        Raises:
            PolicyError: Unknown version, unknown setting, or a setting this version does not have.
        """
        wanted, note = self._known(version)
        facts = merged(row for row in self.rows if wanted is None or _covers(row, wanted))
        for name, text in (settings or {}).items():
            override(facts, self._setting(name, wanted), name, text)
        title = f"{self.title} {wanted}" if wanted else self.title
        version = str(wanted) if wanted else ""
        return VersionPolicy(self.mesh, title, version, facts_of(facts), self._waits_ms(), note)

    def _waits_ms(self) -> frozenset[int]:
        timeouts = (row.get("detection_timeout_ms", {}).values() for row in self.rows)
        return frozenset(ms for each in timeouts for ms in each if ms)

    def _known(self, text: str) -> tuple[Version | None, str]:
        """The version to judge by, and what to tell the user about it."""
        if not self.versions:
            said = f"{self.title} is judged the same at every version"
            return None, "" if text in ("", AUTO) else said
        version = self.release(text)
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

    def release(self, text: str) -> Version | None:
        """The version that a text names, be it a release of another numbering."""
        for release in self.releases:
            own = text.strip().removeprefix(release["prefix"])
            if own == text.strip():
                continue
            version = maybe_version(own)
            if "from" not in release or (version and version >= _bound(release["from"])):
                return maybe_version(release["means"]) if "means" in release else version
        return maybe_version(text)

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
    text = Path(__file__).with_name(f"{mesh}.toml").read_text("utf-8")
    data = tomllib.loads(text)
    return MeshPolicy(
        mesh,
        data["title"],
        tuple(data["versions"]),
        tuple(data["facts"]),
        data.get("settings", {}),
        tuple(data.get("releases", ())),
        data.get("detect", {}),
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


# --- applying it --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Read:
    """What a declaration amounts to before the sniffing switches are looked at."""

    cause: Cause
    ways: Ways
    because: str
    token: str = ""
    then: str = ""
    """Continues `because` for ports that are not declared."""


def treated(policy: VersionPolicy, port: ServicePort) -> Treated:
    """What this mesh at this version will do with a declared port, and why."""
    outbound = _direction(policy, port, "outbound")
    inbound = _direction(policy, port, "inbound")
    facts = policy.facts
    if facts.no_outbound_listener.get(outbound.token) == port.port:
        outbound = replace(
            outbound,
            as_=Treatment.NOT_PROXIED,
            because=f"{policy.title} builds no outbound listener for {outbound.token} on port "
            f"{port.port}",
        )
    return Treated(
        outbound=outbound,
        inbound=inbound,
        sniffable=policy.sniffable,
        detection_timeout_ms=_timeout_ms(policy, "outbound", outbound),
        inbound_detection_timeout_ms=_timeout_ms(policy, "inbound", inbound),
        waits_ms=policy.waits_ms,
        honours_app_protocol=policy.honours_app_protocol,
        alpn_selects_http=facts.alpn_selects_http,
        words=frozenset(facts.words),
        name_words=facts.suggest,
        app_protocols=facts.suggest_app_protocol,
        otherwise_word=facts.otherwise_suggest,
        reads_name=policy.reads("name"),
        advice=facts.advice,
        listed_ports=_listed_ports(policy, port),
        follows_client=facts.follows_client,
        sniffs_by_design=facts.sniffs_by_design,
        pins_http_version=facts.pins_http_version,
        sniffs_known_methods_only=facts.sniffs_known_methods_only,
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


def _read(policy: VersionPolicy, port: ServicePort, direction: str) -> _Read:
    facts = policy.facts
    if facts.everything:
        return _Read(Cause.NO_MESH, facts.everything, policy.title)
    outside = _outside(policy, port, direction)
    if outside:
        return _Read(Cause.NO_MESH, ways("not-proxied"), outside)
    by_transport = facts.transports.get(port.transport.label)
    if by_transport:
        because = f"{policy.title} does not read the name of a {port.transport.name} port"
        return _Read(Cause.TRANSPORT, by_transport, because)
    if facts.layer4 and _is_layer4(facts.layer4, port):
        return _Read(Cause.LAYER_4, ways("opaque"), facts.layer4.because)
    for name in facts.reads.get(direction, ()):
        found = _declared(policy, port, facts.readings[name], _number(facts, port, direction))
        if found:
            return found
    return _not_declared(policy, port, direction)


def _outside(policy: VersionPolicy, port: ServicePort, direction: str) -> str:
    """Why the policy is not about this port in this direction; empty where it is."""
    facts = policy.facts
    if direction not in facts.directions:
        return f"{policy.title} has no proxy {direction}"
    if facts.only_where and not any(_stated(port, source) for source in facts.only_where):
        kinds = dict.fromkeys(source.partition(" ")[0] for source in facts.only_where)
        return f"no {' or '.join(kinds)} in the declarations is about this port"
    return ""


def _is_layer4(layer4: LayerFour, port: ServicePort) -> bool:
    said = next(filter(None, (_stated(port, source) for source in layer4.where)), None)
    if said is None or said.value != layer4.value:
        return False
    lifts = next(filter(None, (_stated(port, source) for source in layer4.unless)), None)
    return lifts is None or lifts.value == layer4.unless_not


def _stated(port: ServicePort, source: str) -> Stated | None:
    """The first statement of a source; sources name the Service's port number as {port}."""
    wanted = source.replace("{port}", str(port.port))
    return next((each for each in port.stated if each.source == wanted), None)


def _number(facts: Facts, port: ServicePort, direction: str) -> int | str:
    """The number of the port as the proxy of this side knows it."""
    if direction == "inbound" and facts.inbound_by_target_port:
        return port.target_port or port.port
    return port.port


def _declared(
    policy: VersionPolicy, port: ServicePort, reading: Reading, number: int | str
) -> _Read | None:
    """What one reading says; None if it says nothing."""
    elsewhere = reading.where and not any(_stated(port, source) for source in reading.where)
    if elsewhere or (reading.cluster_ip_only and port.headless):
        return None
    if reading.source == "name":
        return _by_name(policy, port, reading)
    if reading.source == "app_protocol":
        return _by_app_protocol(policy, port, reading)
    stated = _stated(port, reading.source)
    return _by_statement(policy, reading, stated, number) if stated else None


def _by_statement(
    policy: VersionPolicy, reading: Reading, stated: Stated, number: int | str
) -> _Read | None:
    token, ways_ = _recognised(reading, stated.value, number)
    what = _says_stated(reading, stated, number, token)
    if ways_ is not None:
        return _Read(Cause.EXPLICIT, ways_, what, token)
    if isinstance(reading.unknown, Ways):
        said = f"{what}, which {policy.title} does not know"
        return _Read(Cause.UNRECOGNISED, reading.unknown, said)
    return None


def _by_app_protocol(policy: VersionPolicy, port: ServicePort, reading: Reading) -> _Read | None:
    value = port.app_protocol
    if value is None:
        return None
    token, ways = _recognised(reading, value)
    if ways is None:
        return _by_unknown_app_protocol(policy, port, reading, value)
    because = _says("appProtocol", value, token)
    names = policy.facts.readings["name"]
    if policy.reads("name") and _recognised(names, port.name)[1] not in (None, ways):
        because += f', which beats name "{port.name}"'
    return _Read(Cause.EXPLICIT, ways, because, token)


def _by_unknown_app_protocol(
    policy: VersionPolicy, port: ServicePort, reading: Reading, value: str
) -> _Read | None:
    what = f'appProtocol "{value}" is unknown to {policy.title}'
    if isinstance(reading.unknown, Ways):
        return _Read(Cause.UNKNOWN_APP_PROTOCOL, reading.unknown, what)
    if reading.unknown == NEXT:
        return None
    what += " and the name is not consulted"
    return _undeclared(policy, port.port, Cause.UNKNOWN_APP_PROTOCOL, what)


def _by_name(policy: VersionPolicy, port: ServicePort, reading: Reading) -> _Read | None:
    token, ways = _recognised(reading, port.name)
    if ways is None:
        return None
    because = _says("name", port.name, token)
    if port.app_protocol is not None and not policy.honours_app_protocol:
        because += f", and {policy.title} does not read appProtocol"
    return _Read(Cause.EXPLICIT, ways, because, token)


def _not_declared(policy: VersionPolicy, port: ServicePort, direction: str) -> _Read:
    """No reading said anything."""
    number = _number(policy.facts, port, direction)
    readings = [policy.facts.readings[name] for name in policy.facts.reads.get(direction, ())]
    sources = {reading.source for reading in readings}
    names = policy.facts.readings["name"]
    if "name" not in sources:
        what = "nothing that it reads states a protocol"
        if "app_protocol" in sources and port.app_protocol is not None:
            what = f'appProtocol "{port.app_protocol}" is unknown to {policy.title}'
        return _undeclared(policy, number, Cause.UNSTATED, what)
    if not port.name:
        return _undeclared(policy, number, Cause.UNNAMED, "the port has no name")
    near = near_miss(port.name, names.words)
    if near:
        what = f'name "{port.name}" begins like "{near}", but no dash follows'
        return _undeclared(policy, number, Cause.NEAR_MISS, what)
    what = f'name "{port.name}" begins with no word that {policy.title} knows'
    return _undeclared(policy, number, Cause.UNRECOGNISED, what)


def _recognised(reading: Reading, text: str, number: int | str = 0) -> tuple[str, Ways | None]:
    """The word by which `text` declares a protocol, and what that makes of the port."""
    if text in reading.exact:
        return text, reading.exact[text]
    lowered = text.lower()
    for start, meaning in reading.starts.items():
        if lowered.startswith(start):
            return start, meaning
    word = _word(reading.compare, text, number)
    return (word, reading.words[word]) if word in reading.words else ("", None)


def _word(compare: Compare, text: str, number: int | str) -> str:
    """The part of a declared text that is looked up."""
    if compare is Compare.PORTS:
        return "listed" if _lists(_ports_in(text), number) else "unlisted"
    if compare is Compare.EXACT:
        return text
    if compare is Compare.WHOLE:
        return text.lower()
    if compare is Compare.DASHED and "-" not in text:
        return ""
    return _first_word(text)


def _ports_in(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _lists(ports: Iterable[str], number: int | str) -> bool:
    """A number, or a range of them; a name only stands for itself."""
    return any(part == str(number) or _in_range(part, number) for part in ports)


def _in_range(part: str, number: int | str) -> bool:
    first, dash, last = part.partition("-")
    is_range = bool(dash) and first.isdecimal() and last.isdecimal()
    return is_range and isinstance(number, int) and int(first) <= number <= int(last)


def _listed_ports(policy: VersionPolicy, port: ServicePort) -> tuple[str, ...]:
    """The list of ports in force outbound: as stated, else the default one."""
    facts = policy.facts
    for name in facts.reads.get("outbound", ()):
        reading = facts.readings[name]
        stated = _stated(port, reading.source)
        if reading.compare is Compare.PORTS and stated:
            return _ports_in(stated.value)
    return tuple(p for p, meaning in facts.ports.items() if meaning.outbound is Treatment.OPAQUE)


def _first_word(text: str) -> str:
    return text.partition("-")[0].lower()


def _says(field_name: str, text: str, token: str) -> str:
    if text.lower() == token.lower():
        return f'{field_name} is "{text}"'
    return f'{field_name} "{text}" begins with "{token}"'


def _says_stated(reading: Reading, stated: Stated, number: int | str, token: str) -> str:
    if reading.because:
        return reading.because.format(value=stated.value, of=stated.of, port=number)
    kind, _, key = stated.source.partition(" ")
    whose = f"{key} of {kind} {stated.of}"
    if reading.compare is Compare.PORTS:
        return f"{whose} {_LISTS[token]} port {number}"
    return f'{whose} is "{stated.value}"'


_LISTS = {"listed": "lists", "unlisted": "does not list", "": "does not list"}


def _undeclared(policy: VersionPolicy, number: int | str, cause: Cause, what: str) -> _Read:
    """A port that declares nothing this version understands."""
    facts = policy.facts
    joint = " and" if cause in (Cause.UNNAMED, Cause.UNSTATED) else ", and"
    by_number = facts.ports.get(str(number))
    if by_number:
        whose = "Service port" if not facts.inbound_by_target_port else "port"
        then = f"{joint} {whose} {number} {facts.ports_because}"
        return _Read(Cause.EXEMPT_PORT, by_number, what, then=then)
    unrecognised = facts.unrecognised
    if Treatment.SNIFFED in (unrecognised.outbound, unrecognised.inbound):
        return _Read(cause, unrecognised, what, then=joint)
    it = f" and {policy.title} reads that" if joint == " and" else ", so it is read"
    return _Read(cause, unrecognised, what, then=f"{it} as {_AS[unrecognised.outbound]}")


_AS = {Treatment.OPAQUE: "tcp"}
_AS |= {other: other.value for other in Treatment if other not in _AS}


def _direction(policy: VersionPolicy, port: ServicePort, direction: str) -> DirectionTreatment:
    """One direction, with its sniffing switch applied."""
    read = _read(policy, port, direction)
    as_ = read.ways.outbound if direction == "outbound" else read.ways.inbound
    if as_ is not Treatment.SNIFFED or read.cause is Cause.EXPLICIT:
        return DirectionTreatment(as_, read.because + read.then, read.cause, read.token)
    sniffs = bool(policy.facts.sniffs.get(direction))
    because = f"{read.because}{read.then} {direction} sniffing is {'on' if sniffs else 'off'}"
    return DirectionTreatment(as_ if sniffs else Treatment.OPAQUE, because, read.cause, read.token)


def _timeout_ms(policy: VersionPolicy, direction: str, treatment: DirectionTreatment) -> int | None:
    if treatment.as_ is not Treatment.SNIFFED:
        return None
    return policy.facts.detection_timeout_ms.get(direction)
