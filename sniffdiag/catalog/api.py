"""The API server of a cluster, read-only: a path goes in, lines of JSON come out.

Two ways lead there, with one interface: the official client (`api_client`) and, where that is not
installed, kubectl (`api_kubectl`). Paths, kinds and what is made of answers are `cluster`'s.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from sniffdiag.errors import CatalogError
from sniffdiag.records import dataclass

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where the kubelet mounts what a pod may use to talk to the API server."""

UNAUTHORIZED, FORBIDDEN, NOT_FOUND, GONE, TOO_MANY = 401, 403, 404, 410, 429
_CODES = {
    "Unauthorized": UNAUTHORIZED,
    "Forbidden": FORBIDDEN,
    "NotFound": NOT_FOUND,
    "Expired": GONE,
    "Gone": GONE,
    "TooManyRequests": TOO_MANY,
}
"""metav1.StatusReason to the HTTP status that goes with it."""


@dataclass(frozen=True, slots=True)
class Access:
    """Which cluster, and how much of it, as the user said."""

    context: str | None = None
    kubeconfig: str | None = None
    namespace: str | None = None
    """None: that of the context."""
    all_namespaces: bool = False


class ApiError(CatalogError):
    """An answer of the API server that is a refusal."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class UnreachableError(CatalogError):
    """No answer."""


class ApiServer(Protocol):
    """Where the objects are."""

    @property
    def title(self) -> str:
        """For messages: `context "prod"`."""

    @property
    def namespace(self) -> str:
        """The namespace that the context (or the pod that this runs in) speaks of."""

    def lines(self, path: str, seconds: float) -> AbstractContextManager[Answer]:
        """The answer to a GET; `seconds` without a byte are too many.

        Raises:
            ApiError: The server refuses.
            UnreachableError: There is no answer, or it breaks off; also while it is read.
        """


class Answer(Protocol):
    """What comes back, while it comes."""

    accepted: bool
    """It is known already that the server does not refuse."""

    def __iter__(self) -> Iterator[bytes]:
        """Line by line."""

    def hang_up(self) -> None:
        """End it, from whatever thread; the iteration then ends or raises UnreachableError."""


def lines_of(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Lines without their ends; a list of objects is one line of many pieces."""
    rest: list[bytes] = []
    for piece in pieces:
        first, *more = piece.split(b"\n")
        rest.append(first)
        for line in more:
            yield b"".join(rest)
            rest = [line]
    if last := b"".join(rest):
        yield last


def refusal(code: int, body: bytes) -> ApiError:
    """The error in a `Status` object, or in whatever else a proxy in between may send."""
    try:
        status = json.loads(body)
    except ValueError:
        status = None
    message = status.get("message") if isinstance(status, dict) else None
    if not isinstance(message, str) or not message:
        message = body[:200].decode("utf-8", "replace")
    return ApiError(code, " ".join(message.split()) or f"HTTP status {code}")


def code_of(reason: str) -> int:
    """The HTTP status for the reason in a Status."""
    return _CODES.get(reason, 500)


def connect(access: Access) -> ApiServer:
    """By the official client, else by kubectl.

    Raises:
        CatalogError: There is neither, or nothing says which cluster.
    """
    from sniffdiag.catalog import api_client, api_kubectl  # noqa: PLC0415 - they import this

    for way in (api_client.connect, api_kubectl.connect):
        server = way(access)
        if server is not None:
            return server
    raise CatalogError(
        "--services cluster needs the Kubernetes client or kubectl",
        hint="pip install 'sniffdiag[kubernetes]', or put kubectl on PATH",
    )


def no_cluster(what: str) -> CatalogError:
    """Nothing says where the API server is."""
    hint = "give --kubeconfig FILE and --context NAME, or set KUBECONFIG"
    if "SUDO_USER" in os.environ and "KUBECONFIG" not in os.environ:
        hint = "sudo has another home: give --kubeconfig FILE, or use sudo -E with KUBECONFIG set"
    return CatalogError(f"no cluster to read: {what}", hint=hint)


def service_account_namespace() -> str | None:
    """The namespace of the pod that this runs in."""
    try:
        return (SERVICE_ACCOUNT / "namespace").read_text(encoding="utf-8").strip() or None
    except OSError:
        return None
