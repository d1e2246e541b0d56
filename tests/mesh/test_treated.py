"""The contract's own arithmetic."""

from __future__ import annotations

from sniffdiag.mesh.treated import Cause, DirectionTreatment, Treated
from sniffdiag.model import Treatment

SNIFFED = DirectionTreatment(Treatment.SNIFFED, "", Cause.UNNAMED)


def test_what_sniffing_does_not_recognise_is_passed_on_unread() -> None:
    seen = Treated(SNIFFED, SNIFFED, sniffable=frozenset({"http"}))
    assert seen.settled("http") == (Treatment.HTTP, Treatment.HTTP)
    assert seen.settled("grpc") == (Treatment.OPAQUE, Treatment.OPAQUE)
    assert seen.settled("unheard-of") == (Treatment.OPAQUE, Treatment.OPAQUE)
