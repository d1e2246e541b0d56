"""Exact fixes: the command that changes one port's declaration, and who else reads it.

What a mesh's policy advises comes first; else appProtocol where the mesh version honours it, since
nothing else refers to it; renaming a port can orphan whatever names it.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping

from sniffdiag.catalog.services import EditedField, ServicePort
from sniffdiag.diagnose.finding import Fix
from sniffdiag.mesh.treated import Advice, Cause, Treated
from sniffdiag.mesh.words import near_miss
from sniffdiag.model import HTTP_FAMILY
from sniffdiag.observe.port_observation import PortObservation, Sighting

_NAME_MAX = 63  # DNS-1123 label (k8s validation.go, validateServicePort)

_RENAME_TRAPS = (
    (
        "what refers to the port by its name must follow: Ingress backends, ServiceMonitor "
        "endpoints, BackendTLSPolicy sectionName, GKE and AWS port annotations"
    ),
    "a console or a Helm chart that owns the Service will write the old name back",
)
_APP_PROTOCOL_TRAPS = {
    "http": (
        "Azure's load balancer turns its TCP probe into an HTTP GET / when it sees this value",
    ),
    "https": ("Linkerd 2.18 and later reads this value as opaque",),
    "http2": (
        "Linkerd 2.18 and later reads this value as opaque",
        "GKE reads HTTP2 as HTTP/2 over TLS",
    ),
    "grpc": (
        "Linkerd 2.18 and later reads this value as opaque",
        "Traefik's Gateway rejects it on a GRPCRoute",
    ),
}


def declare_as(seen: PortObservation, sighting: Sighting) -> Fix:
    """Declare the port as what was observed on it."""
    if not sighting.was_http2:
        return declare_protocol(seen, sighting.protocol)
    return declare_protocol(seen, "grpc" if sighting.shape.grpc_over_http1 else "http2")


def declare_protocol(seen: PortObservation, protocol: str) -> Fix:
    """Declare the port as `protocol`, by appProtocol where this mesh version honours it."""
    port, treated = seen.declared, seen.treated
    advice = treated.advice.get("http" if protocol in HTTP_FAMILY else "opaque")
    if advice is not None:
        return _advised(seen, advice, protocol)
    if treated.honours_app_protocol:
        value = treated.app_protocol_for(protocol)
        return Fix(
            f"Set appProtocol: {value} on port {port.port} of Service {port.full_name}.",
            _patch(port, {"appProtocol": value}),
            _APP_PROTOCOL_TRAPS.get(value, ()),
        )
    if not treated.reads_name:
        return Fix(f"Tell {treated.title} that port {port.port} of {port.full_name} is {protocol}.")
    name = renamed(port, treated.word_for(protocol), treated)
    return Fix(
        f'Rename port {port.port} of Service {port.full_name} to "{name}".',
        _patch(port, {"name": name}),
        _RENAME_TRAPS,
    )


def take_back(port: ServicePort) -> Fix:
    """Declare the port as it was applied, where all of that is known."""
    known = [edit for edit in port.edits if edit.before_known]
    said = " and ".join(f"{edit.field.value} {_or_absent(edit.before)}" for edit in known)
    managers = sorted({edit.manager for edit in known if edit.manager})
    return Fix(
        f"Give port {port.port} of Service {port.full_name} its {said} back.",
        _patch(port, {edit.field.value: edit.before for edit in known}),
        tuple(f"{manager} will write its own again when it next saves" for manager in managers),
    )


def _or_absent(value: str | None) -> str:
    return "(none)" if value is None else f'"{value}"'


def _advised(seen: PortObservation, advice: Advice, protocol: str) -> Fix:
    """A fix that the mesh's policy words itself, filled in for this port."""
    port, treated = seen.declared, seen.treated
    number = str(port.port)
    others = [part for part in treated.listed_ports if part != number]
    values = {
        "namespace": port.namespace,
        "service": port.service,
        "of": port.full_name,
        "port": number,
        "target": str(port.target_port or port.port),
        "word": treated.app_protocol_for(protocol),
        "with_port": ",".join([*others, number]),
        "without_port": ",".join(others),
    }
    return Fix(
        advice.summary.format(**values),
        " ".join(shlex.quote(word.format(**values)) for word in advice.command),
        advice.traps,
    )


def renamed(port: ServicePort, word: str, treated: Treated) -> str:
    """A name that begins with `word` and keeps what the old one said beyond its first word.

    The name that `kubectl apply` last set is taken back where it says the right thing: a console
    that renamed the port left it in the Service's annotations.
    """
    edit = port.edited(EditedField.NAME)
    if edit and edit.before and edit.before.split("-", 1)[0] == word:
        return edit.before
    first, _, rest = port.name.partition("-")
    if treated.cause is Cause.NEAR_MISS:
        rest = port.name.removeprefix(near_miss(port.name, treated.words) or "")
    elif first != treated.token:
        rest = port.name
    rest = re.sub(r"[^a-z0-9-]+", "-", rest.lower()).strip("-")
    return f"{word}-{rest}"[:_NAME_MAX].rstrip("-") if rest else word


def _patch(port: ServicePort, change: Mapping[str, str | None]) -> str:
    """Strategic merge: `spec.ports` merges by `port`, so the other ports keep what they say."""
    body = {"spec": {"ports": [{"port": port.port, "protocol": port.transport.name, **change}]}}
    words = ["kubectl", "-n", port.namespace, "patch", "service", port.service]
    words += ["--type", "strategic", "-p", json.dumps(body, separators=(",", ":"))]
    return " ".join(shlex.quote(w) for w in words)
