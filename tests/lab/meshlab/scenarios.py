"""The scenarios, and what must be said about each."""

from __future__ import annotations

from meshlab.declared import Declared
from meshlab.scenario import Expectation, Scenario

OK = Expectation("ok")
HTTP_ON_OPAQUE = Expectation("mismatch", ("http-on-opaque-port",))


def everywhere(expectation: Expectation) -> dict[str, Expectation]:
    """The same at every release."""
    return dict.fromkeys(("1.1", "1.3.6", "1.5", "1.20"), expectation)


SCENARIOS = (
    Scenario(
        "http-on-http-web",
        "HTTP/1.1 on a port named http-web: nothing is wrong",
        (Declared("http-web"),),
        "http",
        "http",
        "http",
        everywhere(OK),
    ),
    Scenario(
        "http-on-tcp-web",
        "the incident: HTTP/1.1 on a port named tcp-web is proxied as opaque TCP at every release",
        (Declared("tcp-web"),),
        "http",
        "http",
        "http",
        everywhere(HTTP_ON_OPAQUE),
    ),
)
