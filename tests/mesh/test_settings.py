"""`--set name=value`."""

from __future__ import annotations

import pytest

from sniffdiag.errors import PolicyError
from sniffdiag.mesh.settings import parse_settings, value_of


def test_settings_are_names_and_values_and_the_last_wins() -> None:
    texts = ["sniff-inbound=true", " http10 = on ", "sniff-inbound=false"]
    assert parse_settings(texts) == {"sniff-inbound": "false", "http10": "on"}


def test_a_setting_without_a_value_is_refused() -> None:
    with pytest.raises(PolicyError) as caught:
        parse_settings(["sniff-inbound"])
    assert caught.value.hint == "write --set sniff-inbound=value"


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("boolean", "TRUE", True),
        ("boolean", "off", False),
        ("duration", "100ms", 100),
        ("duration", "5s", 5000),
        ("duration", "0", 0),
        ("duration", "1m", 60_000),
    ],
)
def test_values_are_read_as_users_write_them(kind: str, text: str, value: object) -> None:
    assert value_of("x", kind, text) == value


@pytest.mark.parametrize("text", ["", "-5s", "5 s", "1.5s", "9999999999999s", "٣s"])
def test_a_duration_that_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(PolicyError) as caught:
        value_of("detection-timeout", "duration", text)
    assert "5s" in caught.value.hint
