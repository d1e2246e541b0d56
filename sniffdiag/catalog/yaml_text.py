"""One YAML document as plain values, safe against strangers' files.

libyaml's composer recurses in C, where 50,000 open brackets are the end of the process. PyYAML
shares aliased nodes instead of copying them, so a "billion laughs" document loads quickly
and explodes in whoever walks it; merge keys (`<<`) explode while loading. All are bounded here.
Importing this module imports PyYAML.
"""

from __future__ import annotations

import re
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node

from sniffdiag.errors import CatalogError

_FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where the wheel has it: ten times faster."""

_ALIAS = re.compile(r"(?:^|[\s,\[{:])\*[^\s*]", re.MULTILINE)
_MAX_MERGED_KEYS = 10_000
_MAX_VALUES = 5_000_000
"""With aliases counted as often as they are used. 10,000 Services are half a million values."""
_DEEPEST = 500
_TOO_DEEP = "nested too deep, or an alias (*name) inside itself"
_UNFIT_VALUES = (ValueError, LookupError, AttributeError)
"""What PyYAML's constructors let escape: `!!bool maybe`, `!!int ''`, 5,000 digits."""


class NotYamlError(CatalogError):
    """What is wrong with a document, in one clause; `line` counts from 0 inside it."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


class _Loader(_FAST):  # type: ignore[misc, valid-type]  # chosen at run time
    """Safe values only; timestamps stay text, as in JSON."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way to configure a loader
        first: [(tag, form) for tag, form in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in _FAST.yaml_implicit_resolvers.items()
    }

    _depth = 0

    def descend_resolver(self, current_node: Node | None, _index: object) -> None:
        """Called before each node; its own task, resolving tags by paths, is nobody's here."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise NotYamlError(_TOO_DEEP, current_node.start_mark.line if current_node else 0)

    def ascend_resolver(self) -> None:
        """Called after each node."""
        self._depth -= 1

    def flatten_mapping(self, node: MappingNode) -> None:
        """Resolve merge keys, innermost first, but not without bounds."""
        before = len(node.value)
        super().flatten_mapping(node)
        if len(node.value) > max(before, _MAX_MERGED_KEYS):
            raise NotYamlError("merge keys (<<) that multiply without end", node.start_mark.line)


def load_yaml(text: str) -> object:
    """The value of one document.

    Raises:
        NotYamlError: It does not parse, or it grows out of proportion.
    """
    try:
        value = yaml.load(text, Loader=_Loader)  # noqa: S506 - derived from the safe loader
        if _ALIAS.search(text) and _unfolded_size(value, {}) > _MAX_VALUES:
            raise NotYamlError("aliases (*name) that multiply without end")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise NotYamlError(_one_line(error.problem), mark.line if mark else 0) from error
    except yaml.YAMLError as error:
        raise NotYamlError(_one_line(str(error))) from error
    except _UNFIT_VALUES as error:
        raise NotYamlError("a value that its tag (!!int, !!bool ...) does not allow") from error
    except RecursionError as error:
        raise NotYamlError(_TOO_DEEP) from error
    return value


def _one_line(text: str | None) -> str:
    return " ".join((text or "cannot be parsed").split())


def _unfolded_size(value: Any, known: dict[int, int]) -> int:
    """How many values a walk would meet; shared ones are computed once and counted every time."""
    if not isinstance(value, (dict, list)):
        return 1
    if id(value) not in known:
        parts = value.values() if isinstance(value, dict) else value
        known[id(value)] = 1 + sum(_unfolded_size(part, known) for part in parts)
    return known[id(value)]
