"""What is often given for manifests and is none, in words that tell what to give instead."""

from __future__ import annotations

import re

_LOOKED_AT = 4096
"""Characters; who gives the wrong thing does so from its first line on."""

_NO_TEXT = re.compile(r"[\x00-\x06\x0e-\x1a\x1c-\x1f\ufffd]")
_NO_TEXT_SHARE = 0.2
"""Of the characters; a few are damage in one document, beside which others are good."""
_TEXTS = (
    (
        re.compile(r"\s*NAME(?:SPACE)?[ \t]+[A-Z]"),
        "the table that kubectl prints; add -o json to that command",
    ),
    (
        re.compile(r"\s*No resources found"),
        "kubectl found nothing; add -A to that command, or choose another --context",
    ),
)
_TEMPLATE = re.compile(r"\{\{-?[ \t]*[\w.\"/]")
_ERROR = r"(?:[Ee]rror: |Error from server|Unable to connect|The connection to the server|E\d{4} )"
_SAID = re.compile(rf"(?:[ \t]*\r?\n|(?:{_ERROR}|Warning: |W\d{{4}} ).*(?:\n|$))*")
"""What kubectl and klog say on standard error, before anything else."""


def mistaken_for(text: str) -> str:
    """What the whole of it is; nothing where it may be manifests."""
    head = text[:_LOOKED_AT]
    if len(_NO_TEXT.findall(head)) > _NO_TEXT_SHARE * len(head):
        return "binary data; compressed manifests are unpacked first, and a capture has no -s"
    return next((what for form, what in _TEXTS if form.match(head)), "")


def template_in(text: str) -> str:
    """Why a document that does not parse does not."""
    if _TEMPLATE.search(text):
        return "a template; give what `helm template` or `helm get manifest` prints of it"
    return ""


def said_before(text: str) -> tuple[int, list[str]]:
    """Up to where kubectl's own words go before the manifests (`2>&1`), and its errors in them."""
    said = _SAID.match(text)
    end = said.end() if said else 0
    return end, [line for line in text[:end].splitlines() if re.match(_ERROR, line)]
