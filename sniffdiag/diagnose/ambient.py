"""What the wire says about the treatment of a port: ztunnel handles it on layer 4.

Declarations alone may not tell that a port is of an ambient mesh: the label is on a Namespace,
which few people print. Where the port's own connections go through HBONE and no mark of HTTP
filters is seen behind it, there is no waypoint that would read the declaration.
"""

from __future__ import annotations

from dataclasses import replace

from sniffdiag.mesh.treated import Cause, DirectionTreatment
from sniffdiag.model import Leg, MeshSide, Shown, Treatment
from sniffdiag.observe.port_observation import LegShown, PortObservation

_BY_ZTUNNEL = DirectionTreatment(
    Treatment.OPAQUE,
    "its connections go through HBONE, so that ztunnel handles it, which is layer 4 only, and no "
    "waypoint shows",
    Cause.LAYER_4,
)
_DECLARED_SO = frozenset({Cause.LAYER_4, Cause.NO_MESH, Cause.NOT_GIVEN})


def by_ztunnel(seen: PortObservation) -> PortObservation:
    """The port as it is treated where a tunnel was captured; unchanged where none was."""
    treated = seen.treated
    if treated.outbound.cause in _DECLARED_SO or seen.shown.as_ in {Shown.HTTP, Shown.MIXED}:
        return seen
    own = [leg for leg in seen.legs if leg.leg is not Leg.HBONE]
    tunnelled = any(leg.leg is Leg.HBONE for leg in seen.legs)
    if not tunnelled or not all(_is_ambient(leg) for leg in own):
        return seen
    return replace(seen, treated=replace(treated, outbound=_BY_ZTUNNEL, inbound=_BY_ZTUNNEL))


def _is_ambient(leg: LegShown) -> bool:
    sides = {leg.client_side.as_, leg.server_side.as_} - {MeshSide.UNKNOWN}
    return sides == {MeshSide.AMBIENT}
