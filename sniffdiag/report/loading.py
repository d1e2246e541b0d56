"""Renderers that are loaded when they first render: a run prints one format of several."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any


def renderer(module: str, name: str) -> Callable[[Any], Any]:
    """The function `name` of `sniffdiag.report.module`, which takes what is to be rendered."""

    def render(subject: Any) -> Any:
        return getattr(import_module(f"sniffdiag.report.{module}"), name)(subject)

    return render
