"""What a declared text says, held against the words of a `Reading`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sniffdiag.mesh.facts import Compare, Reading, Ways

if TYPE_CHECKING:
    from collections.abc import Iterable


def recognised(reading: Reading, text: str, number: int | str = 0) -> tuple[str, Ways | None]:
    """The word by which `text` declares a protocol, and what that makes of the port."""
    if text in reading.exact:
        return text, reading.exact[text]
    lowered = text.lower()
    for start, meaning in reading.starts.items():
        if lowered.startswith(start):
            return start, meaning
    word = _word(reading.compare, text, number)
    return (word, reading.words[word]) if word in reading.words else ("", None)


def near_miss(name: str, words: Iterable[str]) -> str | None:
    """The word that an unrecognised name begins with: "http2" for "http2foo"."""
    first = _first_word(name)
    candidates = [word for word in words if first.startswith(word)]
    return max(candidates, key=len, default=None)


def _word(compare: Compare, text: str, number: int | str) -> str:
    """The part of a declared text that is looked up."""
    if compare is Compare.PORTS:
        return "listed" if _lists(ports_in(text), number) else "unlisted"
    if compare is Compare.EXACT:
        return text
    if compare is Compare.WHOLE:
        return text.lower()
    if compare is Compare.DASHED and "-" not in text:
        return ""
    return _first_word(text)


def ports_in(text: str) -> tuple[str, ...]:
    """The entries of a list of ports."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _lists(ports: Iterable[str], number: int | str) -> bool:
    """A number, or a range of them; a name only stands for itself."""
    return any(part == str(number) or _in_range(part, number) for part in ports)


def _in_range(part: str, number: int | str) -> bool:
    first, dash, last = part.partition("-")
    is_range = bool(dash) and first.isdecimal() and last.isdecimal()
    return is_range and isinstance(number, int) and int(first) <= number <= int(last)


def _first_word(text: str) -> str:
    """`http2` of `HTTP2-web`."""
    return text.partition("-")[0].lower()
