"""How two one-sided verdicts become one."""

from __future__ import annotations

import itertools

import pytest

from sniffdiag.identify.sides import SILENT, asked, join, text
from sniffdiag.identify.verdict import NEED_MORE, NO, Answer, Side, Verdict, certain, possible

BY = {"no": NO, "need more": NEED_MORE, "possible": possible("c"), "certain": certain("c")}


@pytest.mark.parametrize(("client", "server"), list(itertools.product(BY, BY)))
def test_certain_on_either_side_stays_and_no_takes_both(client: str, server: str) -> None:
    joint = join(BY[client], BY[server])
    answers = {client, server}
    strongest = next((a for a in ("certain", "possible") if a in answers), None)
    expected = strongest or ("no" if answers == {"no"} else "need more")
    assert joint.answer is Answer(expected)
    if strongest:
        assert joint.by_client == (client in {"certain", "possible"})


def never_asked(_side: Side) -> Verdict:
    raise AssertionError


def test_a_side_without_bytes_is_not_asked_and_rules_out_all_only_when_complete() -> None:
    assert asked(Side(), never_asked) is NEED_MORE
    assert asked(SILENT, never_asked) is NO


def test_wire_text_is_kept_without_loss() -> None:
    assert text("é".encode() + b"\xff\x00") == "é\\xff\x00"
