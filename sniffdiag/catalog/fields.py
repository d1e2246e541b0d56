"""Decoded manifests read field by field: a wrong field is one problem line, never an exception."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, TypeGuard

from sniffdiag.model import Transport

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_PORT = 65_535
DEFAULT_NAMESPACE = "default"
_TRANSPORTS = {transport.name: transport for transport in Transport}
_TYPE_NAMES = {
    dict: "a mapping",
    list: "a list",
    bool: "true or false",
    str: "text",
    int: "a number",
    float: "a number with a fraction",
    type(None): "empty",
}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Fields:
    """One mapping of a manifest. Absent and `null` are alike, as they are to Kubernetes."""

    __slots__ = ("_path", "_problems", "_value", "_where")

    def __init__(
        self, value: Mapping[Any, object], where: str, problems: list[str], path: str = ""
    ) -> None:
        self._value = value
        self._where = where
        self._problems = problems
        self._path = path

    def complain(self, what: str) -> None:
        """One problem line about this object."""
        self._problems.append(f"{self._where}: {what}")

    def moved(self, where: str) -> None:
        """Say from now on where it stands, with paths that begin here."""
        self._where, self._path = where, ""

    def unquestioned(self) -> Fields:
        """The same fields, read without problem lines."""
        return Fields(self._value, "", [])

    def named(self, kind: str, name: str) -> None:
        """Say from now on which object it is."""
        self._where = f"{self._where} {kind} {name}"

    def raw(self, key: str) -> object:
        """The value as decoded."""
        return self._value.get(key)

    def text(self, key: str) -> str | None:
        """A text; None where absent or, with a problem line, of another type."""
        value = self._value.get(key)
        if value is None or isinstance(value, str):
            return clean(value) if value else value
        self._wrong(key, value, "text (put it in quotes)")
        return None

    def number(self, key: str, lowest: int, highest: int) -> int | None:
        """A number in a range; None where absent or, with a problem line, anything else."""
        value = self._value.get(key)
        if value is None:
            return None
        if is_number(value):
            if lowest <= value <= highest:
                return value
            self.complain(f"{self._path}{key} must be {lowest} to {highest}")
            return None
        self._wrong(key, value, "a number (write it without quotes)")
        return None

    def port(self, key: str) -> int | None:
        """A port number."""
        return self.number(key, 1, MAX_PORT)

    def flag(self, key: str) -> bool:
        """True only where the field is `true`."""
        return self._value.get(key) is True

    def mapping(self, key: str) -> Fields:
        """The fields of a nested mapping; empty ones where absent or of another type."""
        value = self._value.get(key)
        if not isinstance(value, dict):
            if value is not None:
                self._wrong(key, value, "a mapping")
            value = {}
        return Fields(value, self._where, self._problems, f"{self._path}{key}.")

    def each(self, key: str) -> list[Fields]:
        """The mappings of a list; entries of other types are left out with a problem line."""
        found = []
        for at, value in enumerate(self._list(key)):
            path = f"{self._path}{key}[{at}]"
            if isinstance(value, dict):
                found.append(Fields(value, self._where, self._problems, f"{path}."))
            else:
                self.complain(f"{path} is {_type_name(value)}, not a mapping")
        return found

    def texts(self, key: str) -> list[str]:
        """The texts of a list; entries of other types are left out with a problem line."""
        found = []
        for at, value in enumerate(self._list(key)):
            if isinstance(value, str):
                found.append(clean(value))
            else:
                self.complain(f"{self._path}{key}[{at}] is {_type_name(value)}, not text")
        return found

    def address(self, key: str) -> list[str]:
        """The canonical address in a text field; nothing where absent, empty or no address."""
        text = self.text(key)
        return self._canonical([text], key) if text else []

    def addresses(self, key: str) -> list[str]:
        """The canonical addresses of a list of texts."""
        return self._canonical(self.texts(key), key)

    def _canonical(self, texts: list[str], key: str) -> list[str]:
        found = []
        for text in texts:
            address = maybe_address(text)
            if address is None:
                self.complain(f'{self._path}{key}: "{text}" is not an IP address')
            else:
                found.append(address)
        return found

    def pairs(self, key: str) -> dict[str, str]:
        """A mapping of text to text, such as labels; others are left out with a problem line."""
        inner = self.mapping(key)
        found = {}
        for name, value in inner._value.items():  # noqa: SLF001 - its own class
            if isinstance(name, str) and isinstance(value, str):
                found[clean(name)] = clean(value)
            else:
                inner.complain(f"{self._path}{key} may only map text to text")
        return found

    def _list(self, key: str) -> list[object]:
        value = self._value.get(key)
        if isinstance(value, list):
            return value
        if value is not None:
            self._wrong(key, value, "a list")
        return []

    def _wrong(self, key: str, value: object, wanted: str) -> None:
        self.complain(f"{self._path}{key} is {_type_name(value)}, not {wanted}")


def transport_of(port: Fields) -> Transport | None:
    """The `protocol` of a port, TCP where none is given; None, with a problem line, if unknown."""
    name = port.text("protocol") or Transport.TCP.name
    transport = _TRANSPORTS.get(name)
    if transport is None:
        port.complain(f'protocol "{name}" is none of {", ".join(_TRANSPORTS)}')
    return transport


@lru_cache(maxsize=65_536)
def maybe_address(text: str) -> str | None:
    """Canonical text of an IP address (RFC 5952, no zone, IPv4-mapped as IPv4), or None."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


def is_number(value: object) -> TypeGuard[int]:
    """`true` is no number, whatever Python says."""
    return isinstance(value, int) and not isinstance(value, bool)


def nanoseconds(text: str | None) -> int | None:
    """A Kubernetes timestamp (RFC 3339) since 1970; None where absent or no time."""
    try:
        time = datetime.fromisoformat(text or "")
        since = time.replace(tzinfo=time.tzinfo or UTC) - _EPOCH
        return (since // timedelta(microseconds=1)) * 1000
    except (ValueError, OverflowError):
        return None


def clean(text: str) -> str:
    r"""JSON may smuggle in lone surrogates (`\ud800`), which no output encoding takes."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _type_name(value: object) -> str:
    return _TYPE_NAMES.get(type(value), "of an unknown type")
