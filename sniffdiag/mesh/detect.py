"""`--mesh auto`: which mesh the declarations show, and at which version.

What each mesh is known by is data of its policy (`[detect]`): the names of its proxies'
containers, the beginnings of its annotations and labels, and the API groups of its resources.
Gateways are told but never chosen: they stand beside a mesh, not in its place.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sniffdiag.errors import PolicyError
from sniffdiag.mesh.policy import MESHES, MeshPolicy, load_policy
from sniffdiag.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sniffdiag.catalog.services import Trace

NONE = "none"
_TAG = re.compile(r":([^:/@]+)(?:@.*)?$")
"""The tag of an image's name; a registry's port is followed by a path."""


@dataclass(frozen=True, slots=True)
class Detected:
    """The mesh to judge by, and what shows it."""

    mesh: str
    because: str


@dataclass(frozen=True, slots=True)
class _Evidence:
    """What shows one mesh, strongest first."""

    policy: MeshPolicy
    traces: tuple[Trace, ...]

    @property
    def strength(self) -> int:
        """A running proxy tells more than an annotation, that more than an installed API."""
        return max((_STRENGTH[trace.sort] for trace in self.traces), default=0)

    @property
    def because(self) -> str:
        """The strongest trace as a clause."""
        first = max(self.traces, key=lambda t: (_STRENGTH[t.sort], t.count))
        return _CLAUSE[first.sort].format(text=first.text.partition(" ")[0], count=first.count)


_STRENGTH = {"container": 3, "label": 2, "annotation": 2, "group": 1}
_CLAUSE = {
    "container": "{count} container(s) named {text}",
    "label": "label {text} on {count} object(s)",
    "annotation": "annotation {text} on {count} object(s)",
    "group": "{count} object(s) of API group {text}",
}


def detected_mesh(traces: Sequence[Trace], pods_read: int) -> Detected:
    """The one mesh that the declarations show; no mesh where Pods were read and show none.

    Raises:
        PolicyError: They show several, or cannot show any because no Pods were read.
    """
    found = [_evidence(load_policy(mesh), traces) for mesh in MESHES]
    meshes = [e for e in found if e.strength and not e.policy.detect.get("gateway")]
    strongest = max((e.strength for e in meshes), default=0)
    chosen = [e for e in meshes if e.strength == strongest]
    if len(chosen) > 1:
        seen = "; ".join(f"{e.policy.title}: {e.because}" for e in chosen)
        raise PolicyError(
            f"the declarations show several meshes ({seen})",
            hint=f"choose the one to judge by, for instance --mesh {chosen[0].policy.mesh}",
        )
    if chosen:
        return Detected(chosen[0].policy.mesh, chosen[0].because)
    if not pods_read:
        raise PolicyError(
            "the declarations do not say which mesh runs",
            hint="add the output of `kubectl get pods,namespaces -A -o json`, or give --mesh",
        )
    return Detected(NONE, f"none of the {pods_read} Pods shows a mesh's proxy")


def gateways_shown(traces: Sequence[Trace]) -> tuple[str, ...]:
    """Names for `--mesh` of gateways that the declarations show."""
    found = (_evidence(load_policy(mesh), traces) for mesh in MESHES)
    return tuple(e.policy.mesh for e in found if e.strength and e.policy.detect.get("gateway"))


def versions_shown(mesh: str, traces: Iterable[Trace]) -> tuple[str, ...]:
    """Versions in the image tags of the mesh's proxies, oldest first."""
    policy = load_policy(mesh)
    names = policy.detect.get("containers", ())
    found = set()
    for trace in traces:
        name, _, image = trace.text.partition(" ")
        tag = _TAG.search(image)
        if trace.sort == "container" and name in names and tag:
            version = policy.release(tag[1])
            if version is not None:
                found.add(version)
    return tuple(str(version) for version in sorted(found))


def _evidence(policy: MeshPolicy, traces: Iterable[Trace]) -> _Evidence:
    detect = policy.detect
    names, groups = detect.get("containers", ()), detect.get("groups", ())
    keys = tuple(detect.get("keys", ()))
    return _Evidence(
        policy,
        tuple(
            trace
            for trace in traces
            if (trace.sort == "container" and trace.text.partition(" ")[0] in names)
            or (trace.sort == "group" and trace.text in groups)
            or (trace.sort in ("annotation", "label") and trace.text.startswith(keys))
        ),
    )
