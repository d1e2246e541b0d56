"""`-s`: a declared port on the command line."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sniffdiag.catalog.inline import parse_declaration
from sniffdiag.errors import CatalogError


@pytest.mark.parametrize(
    ("text", "expected", "addresses"),
    [
        (
            "shop/reviews:8080/http-web=10.0.0.1,10.0.0.2",
            ("shop", "reviews", 8080, None, "http-web", None),
            ("10.0.0.1", "10.0.0.2"),
        ),
        (
            "shop/reviews:8080/=10.0.0.1",
            ("shop", "reviews", 8080, None, "", None),
            ("10.0.0.1",),
        ),
        (
            "shop/reviews:8080=10.0.0.1",
            ("shop", "reviews", 8080, None, "", None),
            ("10.0.0.1",),
        ),
        (
            "reviews:80:9080/tcp-web@kubernetes.io/h2c=FD00:0::7,[fd00::8]",
            ("default", "reviews", 80, 9080, "tcp-web", "kubernetes.io/h2c"),
            ("fd00::7", "fd00::8"),
        ),
        ("reviews:80/http", ("default", "reviews", 80, None, "http", None), ()),
    ],
)
def test_a_declaration_says_what_a_service_would(
    text: str, expected: tuple[object, ...], addresses: tuple[str, ...]
) -> None:
    found = parse_declaration(text)
    port = found.port
    assert expected == (
        port.namespace,
        port.service,
        port.port,
        port.target_port,
        port.name,
        port.app_protocol,
    )
    assert found.addresses == addresses
    assert port.origin == f"-s {text}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "reviews",
        "shop/reviews",
        "shop/reviews:http",
        "shop/reviews:0/http=10.0.0.1",
        "shop/reviews:80:70000/http=10.0.0.1",
        "shop/reviews:99999/http=10.0.0.1",
        "shop/reviews:80/http=",
        "shop/reviews:80/http=reviews.example",
        "shop/reviews:80/http=10.0.0.1,",
        "a/b/c:80/http=10.0.0.1",
        "reviews:٣/http=10.0.0.1",
    ],
)
def test_what_does_not_parse_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(CatalogError) as caught:
        parse_declaration(text)
    assert caught.value.hint


@given(st.text(max_size=40))
def test_any_text_parses_or_is_refused(text: str) -> None:
    with suppress(CatalogError):
        parse_declaration(text)
