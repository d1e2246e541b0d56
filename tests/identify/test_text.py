"""Line protocols: only complete lines count, and the first one decides."""

from __future__ import annotations

import re

import pytest

from sniffdiag.identify.clue import AGAINST, OPEN, Sign
from sniffdiag.identify.text import LINE_LIMIT_BYTES, Dialect, opening, resuming

DIALECT = Dialect(
    first=re.compile(rb"\d{3} "),
    telling=re.compile(rb"\d{3}-SHOP"),
    why="a number",
    why_telling="the shop",
    any_line=re.compile(rb"\d{3}[ -]"),
)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(b"220", Sign.OPEN, id="no line yet"),
        pytest.param(b"\x00\x01", Sign.AGAINST, id="not text"),
        pytest.param(b"2" * (LINE_LIMIT_BYTES + 1), Sign.AGAINST, id="too long for a line"),
        pytest.param(b"220 hi\r\n", Sign.FOR, id="first line"),
        pytest.param(b"220-SHOP\r\n", Sign.PROOF, id="telling first line"),
        pytest.param(b"220 hi\r\n250-SHOP\r\n", Sign.PROOF, id="telling second line"),
        pytest.param(b"220 hi\r\n250-SHOP", Sign.FOR, id="telling line without its end"),
        pytest.param(b"hello\r\n250-SHOP\r\n", Sign.AGAINST, id="another first line"),
    ],
)
def test_openings(data: bytes, expected: Sign) -> None:
    assert opening(DIALECT)(data).sign is expected


def test_joined_late_only_telling_lines_count() -> None:
    resume = resuming(DIALECT)
    assert resume(b"250 hi\r\n") == AGAINST
    assert resume(b"250 hi\r\n250-SHOP\r\n").sign is Sign.PROOF
    assert resume(b"<p>\r\n250-SHOP\r\n") == AGAINST
    assert resume(b"250") == OPEN
