"""Files, directories and standard input as the documents they hold: one decoded value each.

A document that does not parse becomes one problem line (file, document, line) and the rest is
still used. Therefore a YAML stream is cut at its `---` lines first, which YAML 1.2 (9.1.2,
c-forbidden) allows nowhere inside a document. JSON is read by the standard library, which is many
times faster than any YAML reader, and kubectl prints both.

Nothing here knows what a Service is.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sniffdiag.catalog.mistaken import mistaken_for, said_before, template_in
from sniffdiag.errors import CatalogError
from sniffdiag.folders import files_below, is_folder
from sniffdiag.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

STDIN = "-"
CLUSTER = "cluster"
"""What `-s` is given to read the cluster itself; a file of that name is ./cluster."""
_SUFFIXES = (".yaml", ".yml", ".json")
_BOMS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"", "utf-8-sig"))
"""PowerShell redirects `kubectl get` into UTF-16."""

_YAML_BORDER = re.compile(r"^(?:---|\.\.\.)(?=[ \t\r\n]|$)", re.MULTILINE)
_YAML_CONTENT = re.compile(r"^(?!%|---[ \t]*(?:#.*)?$|\.\.\.[ \t]*$)[ \t]*[^\s#]", re.MULTILINE)
"""A line that is more than a directive, a border, a comment or blank."""
_JSON_SPACE = re.compile(r"[\s,]*")


class Readable(Protocol):
    """Standard input, as far as it is needed here."""

    def read(self) -> bytes:
        """Everything up to the end."""


@dataclass(frozen=True, slots=True)
class Document:
    """One value of a file."""

    origin: str
    """"file:line" of its first line."""
    value: object


@dataclass(frozen=True, slots=True)
class Problem:
    """A document or file that could not be read, as one line."""

    line: str


def read_documents(
    sources: Sequence[str], stdin: Readable | None = None
) -> Iterator[Document | Problem]:
    """Every document of every source, in the order given; directories are walked in name order.

    Raises:
        CatalogError: Not a single source can be read.
    """
    failures: list[str] = []
    readable = 0
    for source in sources:
        for path in _files(source):
            data = path if isinstance(path, Problem) else _read(path, stdin)
            if isinstance(data, Problem):
                failures.append(data.line)
                yield data
                continue
            readable += 1
            yield from _documents(str(path), _decoded(data))
    if failures and not readable:
        raise CatalogError(
            failures[0],
            hint="give manifests or the output of `kubectl get svc,endpointslices,pods -A -o json`",
        )


def _files(source: str) -> list[str | Problem]:
    if source in ("", STDIN) or not is_folder(source):
        return [source]
    paths, refused = files_below(source)
    found: list[str | Problem] = [_not_read(error.filename, error) for error in refused]
    found += [str(path) for path in paths if path.suffix in _SUFFIXES]
    return found or [source]


def _not_read(name: str, error: Exception) -> Problem:
    reason = getattr(error, "strerror", None) or error
    return Problem(f"{name}: cannot be read: {reason}")


def _read(path: str, stdin: Readable | None) -> bytes | Problem:
    if path == STDIN:
        return (stdin or sys.stdin.buffer).read()
    if not path:
        return Problem("manifests with an empty name: is a shell variable unset?")
    try:
        return Path(path).read_bytes()
    except IsADirectoryError:
        return Problem(f"{path}: a directory without {', '.join(_SUFFIXES)} files")
    except (OSError, ValueError) as error:
        return _not_read(path, error)


def _decoded(data: bytes) -> str:
    encoding = next(name for bom, name in _BOMS if data.startswith(bom))
    return data.decode(encoding, errors="replace")


def _documents(path: str, text: str) -> Iterator[Document | Problem]:
    """JSON where the text begins like JSON: nobody writes whole manifests as YAML flow mappings."""
    name = "standard input" if path == STDIN else path
    mistake = mistaken_for(text)
    if mistake:
        yield Problem(f"{name}: {mistake}")
        return
    begin, errors = said_before(text)
    yield from (Problem(f"{name}: kubectl failed: {error}") for error in errors)
    text = "\n" * text.count("\n", 0, begin) + text[begin:]
    if text.lstrip()[:1] in ("{", "["):
        yield from _json_documents(name, text)
    else:
        yield from _yaml_documents(name, text)


def _json_documents(name: str, text: str) -> Iterator[Document | Problem]:
    """One value, or several one after the other, as `jq` and repeated `kubectl` calls print."""
    decoder = json.JSONDecoder()
    at = _after_space(text, 0)
    while at < len(text):
        line = text.count("\n", 0, at) + 1
        try:
            value, end = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            yield Problem(f"{name}:{error.lineno}: not valid JSON: {error.msg}")
            return
        except (ValueError, RecursionError):
            yield Problem(f"{name}:{line}: not usable JSON: nested too deep, or a number too long")
            return
        yield Document(f"{name}:{line}", value)
        at = _after_space(text, end)


def _after_space(text: str, at: int) -> int:
    space = _JSON_SPACE.match(text, at)
    return space.end() if space else at


def _yaml_documents(name: str, text: str) -> Iterator[Document | Problem]:
    from sniffdiag.catalog.yaml_text import NotYamlError, load_yaml  # noqa: PLC0415 - slow import

    number = 0
    for line, chunk in _yaml_chunks(text):
        content = _YAML_CONTENT.search(chunk)
        if content is None:
            continue
        number += 1
        try:
            begins = line + chunk.count("\n", 0, content.start())
            yield Document(f"{name}:{begins}", load_yaml(chunk))
        except NotYamlError as error:
            at = line + min(error.line, chunk.rstrip().count("\n"))
            why = template_in(chunk) or f"not usable YAML: {error}"
            yield Problem(f"{name}:{at}: document {number} is {why}")


def _yaml_chunks(text: str) -> Iterator[tuple[int, str]]:
    """First line number and text of each piece between `---` or `...` lines, borders included."""
    starts = [0, *(border.start() for border in _YAML_BORDER.finditer(text) if border.start())]
    line = 1
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        yield line, text[start:end]
        line += text.count("\n", start, end)
