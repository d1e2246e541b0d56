"""What `-i` may be given."""

from __future__ import annotations

import pytest

from sniffdiag.errors import SourceError
from sniffdiag.sources.live import names_of


def test_however_interfaces_are_named_each_is_captured_on_once() -> None:
    assert names_of(["eth0,lo", "lo"]) == names_of(["eth0", " lo"]) == ("eth0", "lo")


@pytest.mark.parametrize("given", [[""], ["eth0", ""], ["eth0,"], [" "]])
def test_an_empty_name_is_no_interface(given: list[str]) -> None:
    """A capture on nothing would wait without end."""
    with pytest.raises(SourceError, match="empty name"):
        names_of(given)
