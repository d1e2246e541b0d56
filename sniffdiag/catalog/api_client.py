"""The API server by the official client (the extra `kubernetes`), imported only when needed.

Of the client only two things are used: that it understands kubeconfig files (certificates, tokens,
exec plugins, proxies) and service accounts, and the connection pool that it then makes. Its model
classes are passed by, as they cost time and drop fields that they do not know.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sniffdiag.catalog.api import (
    Access,
    ApiServer,
    UnreachableError,
    lines_of,
    no_cluster,
    refusal,
    service_account_namespace,
)
from sniffdiag.catalog.fields import DEFAULT_NAMESPACE
from sniffdiag.errors import CatalogError

_CONNECT_SECONDS = 10.0
_CERTIFICATES = ("ca_certs", "ca_cert_data", "cert_file", "key_file")
"""As urllib3 names what it reads for every connection."""
_OK = 200
_PIECE = 65_536
_BOTH_WAYS = 2  # SHUT_RDWR of sys/socket.h


def connect(access: Access) -> ApiServer | None:
    """Load the configuration; None where the client is not installed.

    Raises:
        CatalogError: There is no configuration, or it is unusable.
    """
    try:
        from kubernetes import client, config  # noqa: PLC0415 - 0.6 s, and an extra
    except ImportError:
        return None
    path = access.kubeconfig or os.environ.get("KUBECONFIG") or config.KUBE_CONFIG_DEFAULT_LOCATION
    known = any(Path(p).expanduser().is_file() for p in path.split(os.pathsep) if p)
    inside = service_account_namespace()
    if not known and (not inside or access.context or access.kubeconfig):
        raise no_cluster(f"{path} does not exist")
    try:
        if known:
            return _from_kubeconfig(config, access, path)
        settings = client.Configuration()
        config.load_incluster_config(client_configuration=settings)
        return _Client(client.ApiClient(settings), "this pod's cluster", inside or "")
    except CatalogError:
        raise
    except Exception as error:  # a file that is no kubeconfig raises anything
        raise no_cluster(f"{path} is unusable: {' '.join(str(error).split())}") from error


def _from_kubeconfig(config: Any, access: Access, path: str) -> ApiServer:
    contexts, current = config.list_kube_config_contexts(config_file=path)
    chosen = next((c for c in contexts if c["name"] == access.context), current)
    if access.context and chosen["name"] != access.context:
        known = ", ".join(c["name"] for c in contexts)
        raise no_cluster(f'{path} has no context "{access.context}", only {known}')
    api = config.new_client_from_config(
        config_file=path, context=access.context, persist_config=False
    )
    namespace = chosen.get("context", {}).get("namespace") or DEFAULT_NAMESPACE
    return _Client(api, f'context "{chosen["name"]}"', namespace)


class _Client:
    """GETs over the client's connection pool, with what it says to authenticate by."""

    def __init__(self, api: Any, title: str, namespace: str) -> None:
        self._settings = api.configuration
        self._pool = api.rest_client.pool_manager
        _load_certificates(self._pool.connection_pool_kw)
        self.title = title
        self.namespace = namespace

    @contextmanager
    def lines(self, path: str, seconds: float) -> Iterator[_Response]:
        from urllib3 import Timeout  # noqa: PLC0415 - part of the client
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - the same

        try:
            response = self._pool.request(
                "GET",
                self._settings.host + path,
                headers={"Accept": "application/json", **self._credentials()},
                preload_content=False,
                retries=False,
                timeout=Timeout(connect=_CONNECT_SECONDS, read=seconds),
            )
        except HTTPError as error:
            raise UnreachableError(
                f"{self._settings.host} cannot be reached: {_why(error)}"
            ) from error
        try:
            if response.status != _OK:
                raise refusal(response.status, _body(response))
            yield _Response(response)
        finally:
            response.close()

    def _credentials(self) -> dict[str, str]:
        """Asked anew for every request: tokens expire, and the client then renews them."""
        try:
            ways = self._settings.auth_settings().values()
        except Exception as error:  # a token that cannot be read any more, a plugin that fails
            raise UnreachableError(f"the credentials cannot be renewed: {_why(error)}") from error
        return {
            way["key"]: way["value"]
            for way in ways
            if way.get("in") == "header" and way.get("value")
        }


def _load_certificates(options: dict[str, Any]) -> None:
    """Read certificates now: every new connection would read their files again.

    A live capture gives up its rights in between, and then cannot.
    """
    from urllib3.util.ssl_ import create_urllib3_context  # noqa: PLC0415 - part of the client

    files = {key: options.pop(key, None) for key in _CERTIFICATES}
    context = create_urllib3_context(cert_reqs=options.get("cert_reqs"))
    if files["ca_certs"] or files["ca_cert_data"]:
        context.load_verify_locations(files["ca_certs"], cadata=files["ca_cert_data"])
    else:
        context.load_default_certs()
    if files["cert_file"]:
        context.load_cert_chain(files["cert_file"], files["key_file"])
    options["ssl_context"] = context


class _Response:
    """The lines of a response."""

    accepted = True

    def __init__(self, response: Any) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - part of the client

        try:
            yield from lines_of(self._response.stream(_PIECE))
        except (HTTPError, OSError, ValueError, AttributeError) as error:
            # The last two: closed under its reader's hands.
            raise UnreachableError(f"the answer broke off: {_why(error)}") from error

    def hang_up(self) -> None:
        """Closing a response waits for its reader; shutting its socket down wakes the reader."""
        connection = getattr(self._response, "connection", None)
        sock = getattr(connection, "sock", None)
        if sock is not None:
            try:
                sock.shutdown(_BOTH_WAYS)
            except OSError:
                return  # it is closed already


def _body(response: Any) -> bytes:
    return b"\n".join(_Response(response))


def _why(error: BaseException) -> str:
    """The innermost reason in one line: urllib3 wraps what happened in where it happened."""
    reason = getattr(error, "reason", None)
    inner = reason if isinstance(reason, BaseException) else error
    while inner.__cause__ is not None:
        inner = inner.__cause__
    if inner.args and isinstance(inner.args[-1], BaseException):
        inner = inner.args[-1]
    return " ".join(str(getattr(inner, "strerror", None) or inner).split())
