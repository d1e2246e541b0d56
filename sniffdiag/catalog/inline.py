"""`-s`: one declared port on the command line, for somebody who has no manifests at hand.

    [NAMESPACE/]SERVICE:PORT[:TARGETPORT][/PORTNAME][@APPPROTOCOL][=ADDRESS[,ADDRESS]...]

    shop/reviews:9080/http=10.0.0.7,10.0.0.8
    shop/reviews:80:9080/tcp-web@http=fd00::7
    reviews:80/=10.0.0.7                        no port name, namespace "default"

The addresses may be the ClusterIP, pods or anything in between: they lead to the declared port
under PORT and under TARGETPORT. Without addresses the port number alone does. TCP only; whatever
else a Service can say needs a manifest.
"""

from __future__ import annotations

import re

from sniffdiag.catalog.fields import DEFAULT_NAMESPACE, MAX_PORT, maybe_address
from sniffdiag.catalog.services import ServicePort
from sniffdiag.errors import CatalogError
from sniffdiag.records import dataclass

_FORM = re.compile(
    r"(?:(?P<namespace>[^/:=@\s]+)/)?(?P<service>[^/:=@\s]+)"
    r":(?P<port>\d{1,5})(?::(?P<target>\d{1,5}))?"
    r"(?:/(?P<name>[^/@=\s]*))?(?:@(?P<app_protocol>[^@=\s]+))?",
    re.ASCII,
)
_HINT = "write NAMESPACE/SERVICE:PORT/PORTNAME=ADDRESS, for instance shop/reviews:80/http=10.0.0.7"


@dataclass(frozen=True, slots=True)
class Declaration:
    """A declared port and the addresses that lead to it."""

    port: ServicePort
    addresses: tuple[str, ...]


def parse_declaration(text: str) -> Declaration:
    """Read one `-s` text.

    Raises:
        CatalogError: It does not have that form.
    """
    left, equals, right = text.strip().partition("=")
    form = _FORM.fullmatch(left)
    if form is None:
        raise CatalogError(f'declaration "{text}" does not parse', hint=_HINT)
    port = ServicePort(
        form["namespace"] or DEFAULT_NAMESPACE,
        form["service"],
        _port_number(form["port"], text),
        name=form["name"] or "",
        app_protocol=form["app_protocol"],
        target_port=_port_number(form["target"], text) if form["target"] else None,
        origin=f"-s {text}",
    )
    return Declaration(port, tuple(_addresses(right, text)) if equals else ())


def _port_number(digits: str, text: str) -> int:
    number = int(digits)
    if not 1 <= number <= MAX_PORT:
        raise CatalogError(
            f'declaration "{text}": {number} is no port number', hint=f"1 to {MAX_PORT}"
        )
    return number


def _addresses(right: str, text: str) -> list[str]:
    found = []
    for word in right.split(","):
        bare = word.strip().removeprefix("[").removesuffix("]")
        address = maybe_address(bare)
        if address is None:
            raise CatalogError(f'declaration "{text}": "{word}" is not an IP address', hint=_HINT)
        found.append(address)
    return found
