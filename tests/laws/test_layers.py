"""The layer table of docs/architecture.md, enforced on the imports as they are written."""

from __future__ import annotations

import ast
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "sniffdiag"

FED_BY: dict[str, set[str]] = {
    "sources": set(),
    "decode": {"sources"},
    "nominate": {"sources", "decode"},
    "flows": {"decode", "nominate"},
    "identify": set(),
    "marks": {"identify"},
    "catalog": set(),
    "mesh": {"catalog"},
    "observe": {"flows", "nominate", "identify", "marks", "catalog", "mesh"},
    "diagnose": {"observe", "catalog", "mesh"},
    "report": {"diagnose", "observe", "identify", "catalog", "mesh"},
}
"""Which layers each layer takes its input from. A Y: packets and declarations meet in `observe`."""

CENTRAL: dict[str, set[str]] = {
    "sources": {"frames"},
    "decode": {"headers"},
    "nominate": {"tags", "settled", "messages"},
    "flows": {"flow", "tallied", "messages", "stream_codes"},
    "identify": {
        "verdict",
        "resolve",
        "detectors",
        "details",
        "exchanges",
        "ja4",
        "messages",
        "tls_clear",
        "http1",
        "http2_messages",
        "patterns",
        "sides",
    },
    "marks": {"mark", "families", "istio_mtls", "tls_records"},
    "catalog": {"services"},
    "mesh": {"treated", "words"},
    "observe": {"port_observation", "change", "conduct", "http_counts", "observe"},
    "diagnose": {"finding"},
    "report": {"report", "listing"},
}
"""The modules of a layer that others may import: its types, and what it does in one call."""

EVERYBODY = {
    "sniffdiag.model",
    "sniffdiag.errors",
    "sniffdiag.addresses",
    "sniffdiag.version",
    "sniffdiag.records",
    "sniffdiag.kubectl",
    "sniffdiag.folders",
}
SEE_EVERY_LAYER = {"pipeline"}
PUBLIC_API_ONLY = {"cli", "__init__", "__main__"}
PUBLIC_API = {
    "sniffdiag.pipeline",
    "sniffdiag.catalog",
    "sniffdiag.cli",
    "sniffdiag.report",
}

COLUMNS = {"sources", "decode", "nominate", "flows", "observe", "pipeline"}
HOMES: dict[str, set[str]] = {
    "numpy": COLUMNS,
    "dpkt": {"decode"},
    "scapy": {"sources"},
    "socket": {"sources"},
    "zstandard": {"sources"},
    "lz4": {"sources"},
    "yaml": {"catalog"},
    "cryptography": {"identify"},
    "hpack": {"identify/header_fields.py"},
    "tabulate": {"report/tables.py"},
    "typer": {"cli"},
    "subprocess": {"kubectl.py"},
    "kubernetes": {"catalog/api_client.py"},
    "urllib3": {"catalog/api_client.py"},
    "pickle": {"pipeline/forks.py"},
}
"""Where a dependency may be imported: layers, or one file."""


@dataclass(frozen=True, slots=True)
class Module:
    """One source file."""

    path: Path

    @property
    def relative(self) -> str:
        return self.path.relative_to(PACKAGE).as_posix()

    @property
    def layer(self) -> str:
        """The folder, or the file's own name at the top."""
        return self.relative.split("/")[0].removesuffix(".py")

    def imports(self) -> Iterator[str]:
        """Full names of the imported modules, function-level imports included."""
        for node in ast.walk(ast.parse(self.path.read_text())):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield from (_imported(node.module, alias.name) for alias in node.names)

    def __str__(self) -> str:
        return self.relative


def _imported(module: str, name: str) -> str:
    """`from a.b import c` imports module a.b.c if there is one, else a.b."""
    below = PACKAGE.parent.joinpath(*module.split("."), name)
    return f"{module}.{name}" if below.is_dir() or below.with_suffix(".py").exists() else module


MODULES = [Module(path) for path in sorted(PACKAGE.rglob("*.py"))]
each_module = pytest.mark.parametrize("module", MODULES, ids=str)


@each_module
def test_a_layer_imports_only_the_central_modules_of_the_layers_it_is_fed_by(
    module: Module,
) -> None:
    if module.layer in SEE_EVERY_LAYER:
        return
    own = [name for name in module.imports() if name.split(".")[0] == "sniffdiag"]
    assert [name for name in own if not _allowed(module.layer, name)] == []


def _allowed(layer: str, name: str) -> bool:
    if name in EVERYBODY or name == "sniffdiag" or name.startswith(f"sniffdiag.{layer}"):
        return True
    if layer in PUBLIC_API_ONLY:
        return any(name == api or name.startswith(f"{api}.") for api in PUBLIC_API)
    _, other, *rest = name.split(".")
    return other in FED_BY.get(layer, set()) and set(rest) <= CENTRAL[other] and bool(rest)


@each_module
def test_a_dependency_is_imported_only_where_it_belongs(module: Module) -> None:
    roots = {name.split(".")[0] for name in module.imports()}
    misplaced = {
        root for root in roots & HOMES.keys() if not {module.layer, module.relative} & HOMES[root]
    }
    assert misplaced == set()


def test_every_folder_is_a_layer_of_the_table() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if any(path.glob("*.py"))}
    assert folders - {"cli", "pipeline"} == FED_BY.keys() == CENTRAL.keys()


def test_the_layers_have_no_cycle() -> None:
    order = list(FED_BY)
    assert all(order.index(fed) < order.index(layer) for layer in order for fed in FED_BY[layer])


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*/__init__.py")), ids=lambda p: p.parent.name)
def test_a_package_imports_nothing_by_itself(path: Path) -> None:
    assert [type(node) for node in ast.parse(path.read_text()).body] in ([], [ast.Expr])


HEAVY = {
    "numpy",
    "scapy",
    "dpkt",
    "yaml",
    "typer",
    "tabulate",
    "zstandard",
    "lz4",
    "hpack",
    "cryptography",
    "kubernetes",
}


def loaded_after(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after `statement`."""
    script = f"{statement}\nimport json, sys; print(json.dumps(list(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, cwd=PACKAGE.parent
    )
    return {name.split(".")[0] for name in json.loads(run.stdout)}


@pytest.mark.parametrize("module", ["sniffdiag", "sniffdiag.__main__"])
def test_the_entry_points_import_nothing_heavy(module: str) -> None:
    assert loaded_after(f"import {module}") & HEAVY == set()


@pytest.mark.parametrize("layer", ["identify", "marks", "catalog", "mesh"])
def test_layers_without_columns_never_load_numpy(layer: str) -> None:
    modules = [
        m.relative.removesuffix(".py").replace("/", ".") for m in MODULES if m.layer == layer
    ]
    script = "\n".join(f"import sniffdiag.{name.removesuffix('.__init__')}" for name in modules)
    assert "numpy" not in loaded_after(script)


def test_version_is_told_within_150_ms() -> None:
    """Best of several, in time of a processor: the machine may be busy, the program may not."""
    took = []
    for _ in range(7):
        began = _used_by_children()
        command = [sys.executable, "-m", "sniffdiag", "--version"]
        subprocess.run(command, check=True, capture_output=True, cwd=PACKAGE.parent)
        took.append(_used_by_children() - began)
    assert min(took) <= 0.15


def _used_by_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
