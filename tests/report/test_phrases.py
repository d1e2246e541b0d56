"""Phrases that several formats print."""

from __future__ import annotations

import pytest

from sniffdiag.catalog.services import DeclarationChange, ServicePort
from sniffdiag.report.live import Event, EventKind
from sniffdiag.report.live_lines import event_line
from sniffdiag.report.phrases import change_phrase
from tests.support.observations import port

AT_22_09_14 = 1_795_385_354_000_000_000
NAMED, RENAMED = port("http-web"), port("tcp-8080-8080")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (NAMED, RENAMED, "renamed http-web → tcp-8080-8080"),
        (NAMED, port(""), "renamed http-web → (unnamed)"),
        (NAMED, port("http-web", app_protocol="grpc"), "appProtocol (none) → grpc"),
        (
            port("http-web", app_protocol=""),
            RENAMED,
            "renamed http-web → tcp-8080-8080, appProtocol (empty) → (none)",
        ),
        (None, NAMED, "declared http-web"),
        (None, port("web", app_protocol="http"), "declared web + appProtocol http"),
        (NAMED, None, "no longer declared (was http-web)"),
    ],
)
def test_a_change_of_a_declaration_in_words(
    before: ServicePort | None, after: ServicePort | None, said: str
) -> None:
    change = DeclarationChange(AT_22_09_14, before, after, "tke-apiserver")
    assert change_phrase(change) == f"shop/reviews port 8080 {said} by manager tke-apiserver"


def test_a_change_as_a_line_of_the_live_screen() -> None:
    change = DeclarationChange(AT_22_09_14, NAMED, port("tcp-\x1b[2J"), "")
    event = Event(EventKind.DECLARATION_CHANGED, AT_22_09_14, change=change)
    assert event_line(event) == ("22:09:14  shop/reviews port 8080 renamed http-web → tcp-\\x1b[2J")
