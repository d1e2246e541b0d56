"""`MeshPolicy`: how a mesh reads declared ports, as data; `VersionPolicy`: at one version.

One TOML file a mesh holds the facts with the versions they are true for; this module selects and
merges them, `treat` applies them, and neither knows a mesh by name.
"""

from __future__ import annotations

import tomllib
from dataclasses import field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sniffdiag.errors import PolicyError
from sniffdiag.mesh.facts import Facts, facts_of, merged, override
from sniffdiag.mesh.versions import AUTO, Version, maybe_version
from sniffdiag.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def older_versions(policy: VersionPolicy) -> tuple[str, ...]:
    """Minor versions of the same mesh before this one, oldest first."""
    own = maybe_version(policy.version)
    versions = load_policy(policy.mesh).versions
    return tuple(each for each in versions if own and _bound(each) < own.first_patch)
