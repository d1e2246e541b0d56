"""What detectors share: joining the verdicts on the two sides, and text of wire bytes.

A detector is usually two functions of one `Side` each. Joining them here keeps law 5 in one place:
CERTAIN on either side stays, NO takes both sides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sniffdiag.identify.verdict import NEED_MORE, NO, Answer, Heads, Side, Verdict

SILENT = Side(from_start=True, complete=True)
"""A side that said nothing and never will."""

CLAIMS = frozenset({Answer.POSSIBLE, Answer.CERTAIN})

SideProbe = Callable[[Side], Verdict]


def judge(heads: Heads, client: SideProbe, server: SideProbe) -> Verdict:
    """The joint verdict of one probe a side."""
    return join(asked(heads.client, client), asked(heads.server, server))


def asked(side: Side, probe: SideProbe) -> Verdict:
    """What `probe` says of a side; silence is not asked, and rules out all once it is complete."""
    if side.head or side.samples:
        return probe(side)
    return NO if side.complete else NEED_MORE


def join(client: Verdict, server: Verdict) -> Verdict:
    """Both one-sided verdicts as one, the stronger claim first, and the client's of two equals.

    The server's claim stands although the client's bytes say NO: then it is marked
    `by_client=False`, and the resolver takes it for the answer, not for what the flow is.
    """
    answers = (client.answer, server.answer)
    for answer in (Answer.CERTAIN, Answer.POSSIBLE):
        if answer in answers:
            return _claim(answer, client, server)
    return NO if answers == (Answer.NO, Answer.NO) else NEED_MORE


def _claim(answer: Answer, client: Verdict, server: Verdict) -> Verdict:
    why = client.why if client.answer is answer else server.why
    return Verdict(
        answer,
        why,
        facts=client.facts.merged(server.facts),
        by_client=client.answer in CLAIMS,
    )


def raised(verdict: Verdict, why: str) -> Verdict:
    """The same claim as CERTAIN, for the reason given."""
    return replace(verdict, answer=Answer.CERTAIN, why=why)


def text(wire: bytes) -> str:
    """Wire bytes as text without loss: UTF-8, anything else as backslash escapes."""
    return wire.decode("utf-8", "backslashreplace")
