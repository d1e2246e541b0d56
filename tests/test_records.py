"""`sniffdiag.records.dataclass` makes what the standard decorator makes."""

from __future__ import annotations

import dataclasses
import pickle
from dataclasses import field, replace

import pytest

from sniffdiag.records import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    name: str
    port: int = 80


@dataclass(slots=True)
class Tally:
    counts: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Named:
    name: str

    def __repr__(self) -> str:
        return self.name


@dataclasses.dataclass(frozen=True, slots=True)
class Standard:
    name: str
    port: int = 80


def test_records_are_equal_by_value_and_class() -> None:
    assert Place("a") == Place("a", 80)
    assert Place("a") != Place("b")
    assert Place("a") != Standard("a")  # type: ignore[comparison-overlap]
    assert len({Place("a"), Place("a", 80), Place("b")}) == 2


def test_what_may_change_has_no_hash() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(Tally())
    assert Tally().counts is not Tally().counts


def test_they_show_their_fields_as_the_standard_ones_do() -> None:
    assert repr(Place("a")) == "Place(name='a', port=80)"
    assert repr(Standard("a")).removeprefix("Standard") == repr(Place("a")).removeprefix("Place")
    assert repr(Named("a")) == "a"


def test_tools_for_dataclasses_work() -> None:
    assert replace(Place("a"), port=1) == Place("a", 1)
    assert [each.name for each in dataclasses.fields(Place)] == ["name", "port"]
    assert pickle.loads(pickle.dumps(Place("a", 7))) == Place("a", 7)  # noqa: S301 - our own
    assert not hasattr(Place("a"), "__dict__")
