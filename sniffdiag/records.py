"""`dataclass`, defined in a third of the time: a start defines a hundred records and runs once.

To the type checker it is `dataclasses.dataclass`, and what it makes works with `replace` and
`fields`. The standard one compiles six methods for each class; here all but `__init__` are closures
that every class shares. That a record is frozen is promised to the type checker and not enforced
at run time, where it would make every object twice as dear (docs/decisions/0008).
"""

from __future__ import annotations

import dataclasses
from operator import attrgetter
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(cls: type | None = None, /, *, frozen: bool = False, **options: Any) -> Any:
        """Slots, keywords and defaults as `dataclasses.dataclass` has them, and no order."""

        def made(plain: type) -> type:
            record = dataclasses.dataclass(plain, repr=False, eq=False, **options)
            return _comparable(record, frozen=frozen)

        return made if cls is None else made(cls)


def _comparable(record: Any, *, frozen: bool) -> Any:
    """With `__repr__`, `__eq__` and (if frozen) `__hash__`, where it has none of its own."""
    names = [field.name for field in dataclasses.fields(record)]
    values = attrgetter(*names)

    def told(self: Any) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__qualname__}({fields})"

    def equal(self: Any, other: object) -> bool:
        return values(self) == values(other) if type(other) is record else NotImplemented

    def hashed(self: Any) -> int:
        return hash(values(self))

    own = vars(record)
    if "__repr__" not in own:
        record.__repr__ = told
    if "__eq__" not in own:
        record.__eq__ = equal
        record.__hash__ = hashed if frozen else None
    return record
