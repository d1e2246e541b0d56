"""What can stop a run, as one line for the user and one hint what to do next.

Anything that can be worked around is not an error but a count in the report: a truncated record, an
unsupported link type, a malformed manifest document.
"""


class SniffdiagError(Exception):
    """A run that cannot go on. `str()` is one line without a full stop; `hint`: what to do next."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class SourceError(SniffdiagError):
    """A capture that cannot be opened or is no capture at all."""


class CatalogError(SniffdiagError):
    """Declarations that cannot be opened, or a one-line declaration that does not parse."""


class PolicyError(SniffdiagError):
    """A mesh, mesh version or mesh setting that no policy knows."""


class UsageError(SniffdiagError):
    """Options that contradict each other."""
