"""Every protocol's samples before every detector: who claims what, made into a page by `make docs`.

A matrix of a hundred squared is mostly empty, so each row names only the detectors that claim a
sample at all. What is certain by two unrelated detectors fails in `test_laws`; this page is for
what is possible by two, where only the resolver keeps them apart.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from sniffdiag.identify.detectors import DETECTORS
from sniffdiag.identify.resolve import identify
from sniffdiag.identify.verdict import Answer
from tests.support.samples import ALL_SAMPLES, Samples, Talk

INTRODUCTION = """\
Each row is one protocol's sample conversations (`tests/identify/samples/`), shown to all detectors
of their transport. *Certain* and *possible* count the samples that a detector claims so; the
diagonal comes first. *Almost* are conversations that only look like the protocol: no detector of
their row may claim them, and the column says what they are observed to be."""
HEADINGS = ("samples of", "certain by", "possible by", "observed as", "almost it, observed as")


@dataclass(frozen=True, slots=True)
class Row:
    """One protocol's samples and what is made of them."""

    protocol: str
    certain: Counter[str]
    possible: Counter[str]
    observed: Counter[str]
    almost: Counter[str]


def row(samples: Samples) -> Row:
    """What all detectors of the transport say of one protocol's samples."""
    talks = samples.certain + samples.possible
    return Row(
        protocol=samples.protocol,
        certain=_claims(samples, talks, Answer.CERTAIN),
        possible=_claims(samples, talks, Answer.POSSIBLE),
        observed=Counter(_observed(samples, talk) for talk in talks),
        almost=Counter(_observed(samples, talk) for talk in samples.almost),
    )


def _claims(samples: Samples, talks: tuple[Talk, ...], answer: Answer) -> Counter[str]:
    return Counter(
        detector.protocol
        for talk in talks
        for detector in DETECTORS
        if samples.transport in detector.transports
        and detector.probe(talk.heads()).answer is answer
    )


def _observed(samples: Samples, talk: Talk) -> str:
    return identify(talk.heads(), samples.transport, oriented=True).protocol


def page() -> str:
    """The matrix as Markdown."""
    lines = [f"| {' | '.join(HEADINGS)} |", "| --- " * len(HEADINGS) + "|"]
    lines += [_line(row(samples)) for _, samples in sorted(ALL_SAMPLES.items())]
    return f"# Confusion matrix\n\n{INTRODUCTION}\n\n" + "\n".join(lines) + "\n"


def _line(of: Row) -> str:
    columns = (of.certain, of.possible, of.observed, of.almost)
    cells = (_cell(of.protocol, counted) for counted in columns)
    return f"| `{of.protocol}` | {' | '.join(cells)} |"


def _cell(protocol: str, counted: Counter[str]) -> str:
    """The protocol itself first, then the others, most frequent first."""
    names = sorted(counted, key=lambda name: (name != protocol, -counted[name], name))
    return ", ".join(f"{name} {counted[name]}" for name in names)
