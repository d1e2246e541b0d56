"""Text from the wire or from a manifest, made safe for where it is printed (law 8).

Control characters (a terminal obeys them), bidirectional overrides (they deceive the eye) and
whatever else is not printable become visible escapes. Markdown and spreadsheets get more on top.
"""

from __future__ import annotations

import re
import unicodedata

_LIMIT = 160
"""Characters of one quoted text; the rest is replaced by an ellipsis."""
_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>()#+!|~@&:-])")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # OWASP, CSV injection


def printable(text: str, limit: int = _LIMIT) -> str:
    """One line of visible characters."""
    if text.isascii() and text.isprintable() and len(text) <= limit:
        return text
    shown = "".join(c if _is_visible(c) else _visible(c) for c in text[: limit + 1])
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _is_visible(character: str) -> bool:
    return unicodedata.category(character) not in _UNSAFE_CATEGORIES


def _visible(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def markdown(text: str) -> str:
    """Printable text in which nothing is Markdown, HTML, a mention or a table border."""
    return _MARKDOWN.sub(r"\\\1", printable(text, 1000))


def markdown_code(text: str) -> str:
    """Printable text as an inline code span that it cannot leave."""
    return "`" + printable(text).replace("`", "'").replace("|", "\\|") + "`"


def csv_cell(text: str) -> str:
    """Printable text that no spreadsheet takes for a formula."""
    shown = printable(text)
    return "'" + shown if shown.startswith(_FORMULA_STARTS) else shown
