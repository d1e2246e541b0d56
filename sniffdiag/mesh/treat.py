"""`treated`: what a mesh at a version does with a declared port, by applying its policy.

Reads neither bytes nor flows, and does not know what else decides in a live cluster: listener
conflicts, Sidecar scopes, excluded ports.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sniffdiag.mesh.facts import NEXT, Compare, Facts, LayerFour, Reading, Ways, ways
from sniffdiag.mesh.policy import VersionPolicy, older_versions, shipped
from sniffdiag.mesh.treated import Cause, DirectionTreatment, Treated
from sniffdiag.mesh.words import near_miss, ports_in, recognised
from sniffdiag.model import Direction, Treatment
from sniffdiag.records import dataclass

if TYPE_CHECKING:
    from sniffdiag.catalog.services import ServicePort, Stated


@dataclass(frozen=True, slots=True)
class _Read:
    """What a declaration amounts to before the sniffing switches are looked at."""

    cause: Cause
    ways: Ways
    because: str
    token: str = ""
    then: str = ""
    """Continues `because` for ports that are not declared."""


def treated(policy: VersionPolicy, port: ServicePort) -> Treated:
    """What this mesh at this version will do with a declared port, and why."""
    outbound = _direction(policy, port, Direction.OUTBOUND)
    inbound = _direction(policy, port, Direction.INBOUND)
    facts = policy.facts
    if facts.no_outbound_listener.get(outbound.token) == port.port:
        outbound = replace(
            outbound,
            as_=Treatment.NOT_PROXIED,
            because=f"{policy.title} builds no outbound listener for {outbound.token} on port "
            f"{port.port}",
        )
    return Treated(
        outbound=outbound,
        inbound=inbound,
        sniffable=policy.sniffable,
        waits_ms=policy.waits_ms,
        honours_app_protocol=policy.honours_app_protocol,
        alpn_selects_http=facts.alpn_selects_http,
        words=frozenset(facts.words),
        name_words=facts.suggest,
        app_protocols=facts.suggest_app_protocol,
        otherwise_word=facts.otherwise_suggest,
        reads_name=policy.reads("name"),
        advice=facts.advice,
        listed_ports=_listed_ports(policy, port),
        follows_client=facts.follows_client,
        sniffs_by_design=facts.sniffs_by_design,
        pins_http_version=facts.pins_http_version,
        sniffs_known_methods_only=facts.sniffs_known_methods_only,
        mesh=policy.mesh,
        title=policy.title,
        version=policy.version,
    )


def newest_older_opaque(policy: VersionPolicy, port: ServicePort, protocol: str) -> Treated | None:
    """The newest older version, as shipped, that would pass `protocol` on this port unread.

    None if no known version would, in either direction.
    """
    for version in reversed(older_versions(policy)):
        there = treated(shipped(policy.mesh, version), port)
        if Treatment.OPAQUE in there.settled(protocol):
            return there
    return None


def _read(policy: VersionPolicy, port: ServicePort, direction: Direction) -> _Read:
    facts = policy.facts
    if facts.everything:
        return _Read(Cause.NO_MESH, facts.everything, policy.title)
    outside = _outside(policy, port, direction)
    if outside:
        return _Read(Cause.NO_MESH, ways("not-proxied"), outside)
    by_transport = facts.transports.get(port.transport.label)
    if by_transport:
        because = f"{policy.title} does not read the name of a {port.transport.name} port"
        return _Read(Cause.TRANSPORT, by_transport, because)
    if facts.layer4 and _is_layer4(facts.layer4, port):
        return _Read(Cause.LAYER_4, ways("opaque"), facts.layer4.because)
    for name in facts.reads.get(direction, ()):
        found = _declared(policy, port, facts.readings[name], _number(facts, port, direction))
        if found:
            return found
    return _not_declared(policy, port, direction)


def _outside(policy: VersionPolicy, port: ServicePort, direction: Direction) -> str:
    """Why the policy is not about this port in this direction; empty where it is."""
    facts = policy.facts
    if direction not in facts.directions:
        return f"{policy.title} has no proxy {direction}"
    if facts.only_where and not any(_stated(port, source) for source in facts.only_where):
        kinds = dict.fromkeys(source.partition(" ")[0] for source in facts.only_where)
        return f"no {' or '.join(kinds)} in the declarations is about this port"
    return ""


def _is_layer4(layer4: LayerFour, port: ServicePort) -> bool:
    said = next(filter(None, (_stated(port, source) for source in layer4.where)), None)
    if said is None or said.value != layer4.value:
        return False
    lifts = next(filter(None, (_stated(port, source) for source in layer4.unless)), None)
    return lifts is None or lifts.value == layer4.unless_not


def _stated(port: ServicePort, source: str) -> Stated | None:
    """The first statement of a source; sources name the Service's port number as {port}."""
    wanted = source.replace("{port}", str(port.port))
    return next((each for each in port.stated if each.source == wanted), None)


def _number(facts: Facts, port: ServicePort, direction: Direction) -> int | str:
    """The number of the port as the proxy of this side knows it."""
    if direction is Direction.INBOUND and facts.inbound_by_target_port:
        return port.target_port or port.port
    return port.port


def _declared(
    policy: VersionPolicy, port: ServicePort, reading: Reading, number: int | str
) -> _Read | None:
    """What one reading says; None if it says nothing."""
    elsewhere = reading.where and not any(_stated(port, source) for source in reading.where)
    if elsewhere or (reading.cluster_ip_only and port.headless):
        return None
    if reading.source == "name":
        return _by_name(policy, port, reading)
    if reading.source == "app_protocol":
        return _by_app_protocol(policy, port, reading)
    stated = _stated(port, reading.source)
    return _by_statement(policy, reading, stated, number) if stated else None


def _by_statement(
    policy: VersionPolicy, reading: Reading, stated: Stated, number: int | str
) -> _Read | None:
    token, ways_ = recognised(reading, stated.value, number)
    what = _says_stated(reading, stated, number, token)
    if ways_ is not None:
        return _Read(Cause.EXPLICIT, ways_, what, token)
    if isinstance(reading.unknown, Ways):
        said = f"{what}, which {policy.title} does not know"
        return _Read(Cause.UNRECOGNISED, reading.unknown, said)
    return None


def _by_app_protocol(policy: VersionPolicy, port: ServicePort, reading: Reading) -> _Read | None:
    value = port.app_protocol
    if value is None:
        return None
    token, ways = recognised(reading, value)
    if ways is None:
        return _by_unknown_app_protocol(policy, port, reading, value)
    because = _says("appProtocol", value, token)
    names = policy.facts.readings["name"]
    if policy.reads("name") and recognised(names, port.name)[1] not in (None, ways):
        because += f', which beats name "{port.name}"'
    return _Read(Cause.EXPLICIT, ways, because, token)


def _by_unknown_app_protocol(
    policy: VersionPolicy, port: ServicePort, reading: Reading, value: str
) -> _Read | None:
    what = f'appProtocol "{value}" is unknown to {policy.title}'
    if isinstance(reading.unknown, Ways):
        return _Read(Cause.UNKNOWN_APP_PROTOCOL, reading.unknown, what)
    if reading.unknown == NEXT:
        return None
    what += " and the name is not consulted"
    return _undeclared(policy, port.port, Cause.UNKNOWN_APP_PROTOCOL, what)


def _by_name(policy: VersionPolicy, port: ServicePort, reading: Reading) -> _Read | None:
    token, ways = recognised(reading, port.name)
    if ways is None:
        return None
    because = _says("name", port.name, token)
    if port.app_protocol is not None and not policy.honours_app_protocol:
        because += f", and {policy.title} does not read appProtocol"
    return _Read(Cause.EXPLICIT, ways, because, token)


def _not_declared(policy: VersionPolicy, port: ServicePort, direction: Direction) -> _Read:
    """No reading said anything."""
    number = _number(policy.facts, port, direction)
    readings = [policy.facts.readings[name] for name in policy.facts.reads.get(direction, ())]
    sources = {reading.source for reading in readings}
    names = policy.facts.readings["name"]
    if "name" not in sources:
        what = "nothing that it reads states a protocol"
        if "app_protocol" in sources and port.app_protocol is not None:
            what = f'appProtocol "{port.app_protocol}" is unknown to {policy.title}'
        return _undeclared(policy, number, Cause.UNSTATED, what)
    if not port.name:
        return _undeclared(policy, number, Cause.UNNAMED, "the port has no name")
    near = near_miss(port.name, names.words)
    if near:
        what = f'name "{port.name}" begins like "{near}", but no dash follows'
        return _undeclared(policy, number, Cause.NEAR_MISS, what)
    what = f'name "{port.name}" begins with no word that {policy.title} knows'
    return _undeclared(policy, number, Cause.UNRECOGNISED, what)


def _listed_ports(policy: VersionPolicy, port: ServicePort) -> tuple[str, ...]:
    """The list of ports in force outbound: as stated, else the default one."""
    facts = policy.facts
    for name in facts.reads.get(Direction.OUTBOUND, ()):
        reading = facts.readings[name]
        stated = _stated(port, reading.source)
        if reading.compare is Compare.PORTS and stated:
            return ports_in(stated.value)
    return tuple(p for p, meaning in facts.ports.items() if meaning.outbound is Treatment.OPAQUE)


def _says(field_name: str, text: str, token: str) -> str:
    if text.lower() == token.lower():
        return f'{field_name} is "{text}"'
    return f'{field_name} "{text}" begins with "{token}"'


def _says_stated(reading: Reading, stated: Stated, number: int | str, token: str) -> str:
    if reading.because:
        return reading.because.format(value=stated.value, of=stated.of, port=number)
    kind, _, key = stated.source.partition(" ")
    whose = f"{key} of {kind} {stated.of}"
    if reading.compare is Compare.PORTS:
        return f"{whose} {_LISTS[token]} port {number}"
    return f'{whose} is "{stated.value}"'


_LISTS = {"listed": "lists", "unlisted": "does not list", "": "does not list"}


def _undeclared(policy: VersionPolicy, number: int | str, cause: Cause, what: str) -> _Read:
    """A port that declares nothing this version understands."""
    facts = policy.facts
    joint = " and" if cause in (Cause.UNNAMED, Cause.UNSTATED) else ", and"
    by_number = facts.ports.get(str(number))
    if by_number:
        whose = "Service port" if not facts.inbound_by_target_port else "port"
        then = f"{joint} {whose} {number} {facts.ports_because}"
        return _Read(Cause.EXEMPT_PORT, by_number, what, then=then)
    unrecognised = facts.unrecognised
    if Treatment.SNIFFED in (unrecognised.outbound, unrecognised.inbound):
        return _Read(cause, unrecognised, what, then=joint)
    it = f" and {policy.title} reads that" if joint == " and" else ", so it is read"
    return _Read(cause, unrecognised, what, then=f"{it} as {_AS[unrecognised.outbound]}")


_AS = {Treatment.OPAQUE: "tcp"}
_AS |= {other: other.value for other in Treatment if other not in _AS}


def _direction(
    policy: VersionPolicy, port: ServicePort, direction: Direction
) -> DirectionTreatment:
    """One direction, with its sniffing switch applied."""
    read = _read(policy, port, direction)
    as_ = read.ways.of(direction)
    because = read.because + read.then
    if as_ is Treatment.SNIFFED and read.cause is not Cause.EXPLICIT:
        sniffs = bool(policy.facts.sniffs.get(direction))
        as_ = Treatment.SNIFFED if sniffs else Treatment.OPAQUE
        because += f" {direction} sniffing is {'on' if sniffs else 'off'}"
    timeouts = policy.facts.detection_timeout_ms if as_ is Treatment.SNIFFED else {}
    return DirectionTreatment(as_, because, read.cause, read.token, timeouts.get(direction))
