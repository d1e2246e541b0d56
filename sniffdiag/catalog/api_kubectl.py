"""The API server by `kubectl get --raw`, which lists and watches and prints what the server says.

Not by `kubectl get -o json`: that one hides managedFields, and cannot go on where a watch ended.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from sniffdiag.catalog.api import (
    Access,
    ApiError,
    ApiServer,
    UnreachableError,
    code_of,
    lines_of,
    no_cluster,
    service_account_namespace,
)
from sniffdiag.catalog.fields import DEFAULT_NAMESPACE
from sniffdiag.kubectl import Kubectl, Running, find

_REFUSED = re.compile(r"Error from server \((\w+)\): (.*)", re.DOTALL)
_NOT_LOGGED_IN = "You must be logged in to the server"
_NO_CONTEXT = re.compile(
    r"context .* does not exist|cannot locate context|stat .*no such file|error loading config file"
    r"|server localhost:8080 was refused"  # where it looks without any configuration
)


def connect(access: Access) -> ApiServer | None:
    """Find kubectl on PATH; None where there is none.

    Raises:
        CatalogError: The context that was asked for does not exist.
    """
    kubectl = find(access.context, access.kubeconfig)
    return _ByKubectl(kubectl) if kubectl else None


class _ByKubectl:
    """One kubectl a request."""

    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl
        self.title = f'context "{kubectl.context}"' if kubectl.context else "kubectl's context"

    @property
    def namespace(self) -> str:
        """As kubectl would choose it."""
        view = self._kubectl.run("config", "view", "--minify", "--output=jsonpath={..namespace}")
        known = view.output.decode("utf-8", "replace").strip() if view.code == 0 else ""
        return known or service_account_namespace() or DEFAULT_NAMESPACE

    @contextmanager
    def lines(self, path: str, seconds: float) -> Iterator[_Output]:
        with self._kubectl.start("get", "--raw", path) as running:
            yield _Output(running, seconds)


class _Output:
    """What a kubectl prints, until it ends."""

    accepted = False

    def __init__(self, running: Running, seconds: float) -> None:
        self._running = running
        self._seconds = seconds

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from lines_of(self._running.pieces(self._seconds))
        except TimeoutError as error:
            raise UnreachableError(str(error)) from error
        ended = self._running.to_the_end()
        if ended.code:
            raise _error(ended.complaint)

    def hang_up(self) -> None:
        self._running.stop()


def _error(complaint: str) -> Exception:
    """What kubectl's last line says, as what the API server would have said."""
    refused = _REFUSED.search(complaint)
    if refused:
        return ApiError(code_of(refused[1]), refused[2])
    if _NOT_LOGGED_IN in complaint:
        return ApiError(code_of("Unauthorized"), complaint)
    if _NO_CONTEXT.search(complaint):
        return no_cluster(complaint.removeprefix("error: "))
    return UnreachableError(complaint)
