"""Mesh versions as users and image tags write them: "1.3", "1.3.6", "v1.20.3-distroless".

A minor version without a patch means its last patch: who does not say more is likely to run the
newest. Suffixes are dropped: a vendor's build or a release candidate is read as the release it is
named after.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sniffdiag.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Sequence

AUTO = "auto"
"""`--mesh auto`, `--mesh-version auto`: what the declarations show."""

_LAST_PATCH = 10**6
_FORM = re.compile(r"v?(\d{1,3})\.(\d{1,3})(?:\.(\d{1,4}))?(?:[-+._].*)?", re.DOTALL | re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """One release, ordered as releases are."""

    major: int
    minor: int
    patch: int = _LAST_PATCH

    @property
    def minor_text(self) -> str:
        """Without the patch: "1.3"."""
        return f"{self.major}.{self.minor}"

    @property
    def first_patch(self) -> Version:
        """Where the range that this version opens begins: 1.3 opens at 1.3.0."""
        return Version(self.major, self.minor, 0) if self.patch == _LAST_PATCH else self

    def __str__(self) -> str:
        return self.minor_text if self.patch == _LAST_PATCH else f"{self.minor_text}.{self.patch}"


def maybe_version(text: str) -> Version | None:
    """The version that `text` names, or None."""
    form = _FORM.fullmatch(text.strip())
    if form is None:
        return None
    major, minor, patch = form.groups()
    return Version(int(major), int(minor), _LAST_PATCH if patch is None else int(patch))


def detected_version(seen: Sequence[str]) -> str:
    """What `auto` stands for, given the versions that the proxies of the Pods show.

    Raises:
        PolicyError: The Pods say nothing, or several things.
    """
    if not seen:
        raise PolicyError(
            "the declarations do not say which mesh version runs",
            hint="add the output of `kubectl get pods -A -o json`, or give --mesh-version 1.20",
        )
    if len(seen) > 1:
        raise PolicyError(
            f"the Pods run several mesh versions: {', '.join(seen)}",
            hint="choose the one to judge by, for instance --mesh-version " + seen[0],
        )
    return seen[0]
