"""What Envoy's HTTP filters leave in messages, judged by the hop on which it is seen.

The filters write all field names in lower case, set `server` (the client's sidecar `envoy`, the
server's `istio-envoy`), and give requests `x-request-id`, `x-forwarded-proto`, trace contexts and
what Istio's filters need; the server's sidecar takes the latter out again. Which of these was on
which hop in how many connections was measured with a real Envoy (pcaps/lab). Sources: envoy
source/common/http/conn_manager_utility.cc, istio pilot/pkg/networking/core/v1alpha3/httproute.go.
An application can write any of these; marks of the handshake and the comparison of two hops cannot
be imitated and outweigh them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sniffdiag.marks.mark import Family, Glimpse, Mark, Says
from sniffdiag.marks.messages import MessageHead
from sniffdiag.model import Direction, Leg

_NAME = "envoy-http"
BETWEEN_SIDECARS = ("x-envoy-decorator-operation", "x-istio-attributes", "x-envoy-peer-metadata")
"""Set by the HTTP filters of the client's sidecar and taken out by those of the server's."""
_BY_CLIENTS_ALONE = ("x-envoy-attempt-count", "x-envoy-expected-rq-timeout-ms")
"""Set by the client's and left in by the server's."""
_BY_EITHER = ("x-request-id", "x-forwarded-proto")
_PARENT = ("x-b3-parentspanid",)
"""A second HTTP proxy continued the first one's trace."""
_CLIENT_CERTIFICATE = ("x-forwarded-client-cert",)
_CLIENTS_SERVER_FIELD, _SERVERS_SERVER_FIELD = "envoy", "istio-envoy"


def _read(glimpse: Glimpse) -> Iterator[Mark]:
    asked, answered = glimpse.asked, glimpse.answered
    if asked is not None:
        yield from _REQUESTS[glimpse.leg](asked)
    if answered is not None and not answered.is_bare_refusal:
        yield from _RESPONSES[glimpse.leg](answered)


def _request(about: Direction, says: Says, why: str, message: MessageHead) -> Mark:
    return Mark(_NAME, about, says, why, by_client=True, at=message.at)


def _response(about: Direction, says: Says, why: str, message: MessageHead) -> Mark:
    return Mark(_NAME, about, says, why, by_client=False, at=message.at)


def _no_marks(_message: MessageHead) -> Iterator[Mark]:
    """Requests before any proxy, and answers of the application itself, bear none."""
    yield from ()


def _request_on_the_wire(message: MessageHead) -> Iterator[Mark]:
    """Between the sidecars: what the client's set."""
    if message.any_capital:
        why = "request fields keep the capitals that HTTP filters would have made small"
        yield _request(Direction.OUTBOUND, Says.UNTOUCHED, why, message)
    elif found := _present(message, *BETWEEN_SIDECARS, *_BY_CLIENTS_ALONE):
        why = f"{found} was added to the request"
        yield _request(Direction.OUTBOUND, Says.HTTP, why, message)
    elif message.has("connection"):
        why = "the request keeps its Connection field, which HTTP filters take out"
        yield _request(Direction.OUTBOUND, Says.UNTOUCHED, why, message)
    elif not message.has("x-request-id") and message.whole:
        why = "the request has no x-request-id, which HTTP filters always add"
        yield _request(Direction.OUTBOUND, Says.UNTOUCHED, why, message)


def _answer_on_the_wire(message: MessageHead) -> Iterator[Mark]:
    """Between the sidecars: what the server's set."""
    server = message.values.get("server")
    if server == _SERVERS_SERVER_FIELD and not message.any_capital:
        why = "the answer says server: istio-envoy on its way between the pods"
        yield _response(Direction.INBOUND, Says.HTTP, why, message)
    elif message.any_capital:
        why = "answer fields keep the capitals that HTTP filters would have made small"
        yield _response(Direction.INBOUND, Says.UNTOUCHED, why, message)
    elif message.whole and server != _CLIENTS_SERVER_FIELD:
        why = "the answer does not say server: istio-envoy, which HTTP filters would have set"
        yield _response(Direction.INBOUND, Says.UNTOUCHED, why, message)


def _answer_to_the_application(message: MessageHead) -> Iterator[Mark]:
    """From the client's own sidecar."""
    server = message.values.get("server")
    if message.any_capital:
        why = "answer fields reach the client with capitals, so no HTTP filter wrote them"
        yield _response(Direction.OUTBOUND, Says.OPAQUE, why, message)
        yield _response(Direction.INBOUND, Says.UNTOUCHED, why, message)
    elif server == _CLIENTS_SERVER_FIELD:
        why = "the client is answered with server: envoy"
        yield _response(Direction.OUTBOUND, Says.HTTP, why, message)
    elif server == _SERVERS_SERVER_FIELD:
        why = "the client is answered with server: istio-envoy: its own sidecar left that unread"
        yield _response(Direction.OUTBOUND, Says.OPAQUE, why, message)
        why = "the answer reaches the client with server: istio-envoy"
        yield _response(Direction.INBOUND, Says.HTTP, why, message)
    elif message.whole:
        why = "the client is answered without server: envoy, which HTTP filters would have set"
        yield _response(Direction.OUTBOUND, Says.OPAQUE, why, message)
        yield _response(Direction.INBOUND, Says.UNTOUCHED, why, message)


def _request_to_the_application(message: MessageHead) -> Iterator[Mark]:
    """From the server's own sidecar: the pair of what is there and what is gone tells both."""
    if message.any_capital:
        why = "request fields reach the server with capitals, so no HTTP filter wrote them"
        yield _request(Direction.OUTBOUND, Says.UNTOUCHED, why, message)
        yield _request(Direction.INBOUND, Says.OPAQUE, why, message)
    elif found := _present(message, *BETWEEN_SIDECARS):
        why = f"{found} was added to the request"
        yield _request(Direction.OUTBOUND, Says.HTTP, why, message)
        why = f"{found} is still in the request, which the server's HTTP filters would take out"
        yield _request(Direction.INBOUND, Says.OPAQUE, why, message)
    elif found := _present(message, *_BY_CLIENTS_ALONE, *_PARENT):
        why = f"{found} in the request comes of the client's HTTP filters"
        yield _request(Direction.OUTBOUND, Says.HTTP, why, message)
        why = "fields that travel between sidecars were taken out of the request"
        yield _request(Direction.INBOUND, Says.HTTP, why, message)
    elif (found := _present(message, *_CLIENT_CERTIFICATE)) or _all(message, *_BY_EITHER):
        why = f"{found or 'x-request-id'} was added to the request"
        yield _request(Direction.INBOUND, Says.HTTP, why, message)
    elif message.whole and not message.has(*_BY_EITHER):
        why = "the request has no x-request-id, which HTTP filters always add"
        yield _request(Direction.OUTBOUND, Says.UNTOUCHED, why, message)
        yield _request(Direction.INBOUND, Says.OPAQUE, why, message)


def _present(message: MessageHead, *names: str) -> str:
    """The first of these fields that is there, empty if none is."""
    return next((name for name in names if name in message.names), "")


def _all(message: MessageHead, *names: str) -> bool:
    return message.names.issuperset(names)


_Judge = Callable[[MessageHead], Iterator[Mark]]
_REQUESTS: dict[Leg, _Judge] = {
    Leg.APP_TO_PROXY: _no_marks,
    Leg.WIRE: _request_on_the_wire,
    Leg.PROXY_TO_APP: _request_to_the_application,
}
_RESPONSES: dict[Leg, _Judge] = {
    Leg.APP_TO_PROXY: _answer_to_the_application,
    Leg.WIRE: _answer_on_the_wire,
    Leg.PROXY_TO_APP: _no_marks,
}

FAMILY = Family(_NAME, _read)
