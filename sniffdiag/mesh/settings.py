"""`--set name=value`: what a non-default install changes about a mesh's policy.

Which settings exist, at which versions, and what they change is data of the mesh (`[settings.*]`);
this module reads the values.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sniffdiag.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

_BOOLEANS = {"true": True, "on": True, "1": True, "false": False, "off": False, "0": False}
_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "": 1000}
_DURATION = re.compile(r"(\d{1,9})(ms|s|m|)", re.ASCII)


def parse_settings(texts: Iterable[str]) -> dict[str, str]:
    """`["sniff-inbound=true"]` as a mapping; the last of a name wins.

    Raises:
        PolicyError: A text without "=".
    """
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise PolicyError(
                f'setting "{text}" has no value', hint=f"write --set {name or 'name'}=value"
            )
        pairs[name.strip()] = value.strip()
    return pairs


def value_of(name: str, kind: str, text: str, choices: Collection[str] | None = None) -> Any:
    """The typed value of one setting: bool, milliseconds, or one of `choices`.

    Raises:
        PolicyError: `text` is no value of that kind.
    """
    read, example = _KINDS[kind]
    value = read(text.lower())
    if choices is not None:
        value = value if value in choices else None
        example = " or ".join(choices)
    if value is None:
        raise PolicyError(
            f'setting {name} cannot be "{text}"', hint=f"write --set {name}={example}"
        )
    return value


def _duration_ms(text: str) -> int | None:
    form = _DURATION.fullmatch(text)
    return int(form[1]) * _UNITS_MS[form[2]] if form else None


_KINDS: dict[str, tuple[Callable[[str], object], str]] = {
    "choice": (str, ""),
    "boolean": (_BOOLEANS.get, "true or false"),
    "duration": (_duration_ms, "5s, 100ms or 0s (no limit)"),
}
