"""A small API server over real HTTP: list in pages, watch in chunks, as Kubernetes does both.

What is followed: resourceVersions count over all resources; a watch from a version that is no
longer kept ends with an ERROR event of code 410; bookmarks carry a version and nothing else; an
event is one line of JSON, cut into chunks wherever the server pleases; refusals are `Status`
objects in the words of the real server (apimachinery/pkg/api/errors, apiserver/pkg/endpoints).
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

Object = dict[str, Any]
KINDS = {
    "services": ("v1", "Service"),
    "endpoints": ("v1", "Endpoints"),
    "pods": ("v1", "Pod"),
    "nodes": ("v1", "Node"),
    "endpointslices": ("discovery.k8s.io/v1", "EndpointSlice"),
    "namespaces": ("v1", "Namespace"),
    "servers": ("policy.linkerd.io/v1beta3", "Server"),
}
_PLURALS = {kind: plural for plural, (_, kind) in KINDS.items()}


class KubeApi:
    """The server; every change of its objects reaches all watches at once."""

    def __init__(self, certificate: Path | None = None) -> None:
        self._certificate = certificate
        self.requests: list[str] = []
        """Every path that was asked for, in order."""
        self.token: str | None = None
        """Demanded from everybody, if set."""
        self.unknown: set[str] = set()
        """Prefixes (/apis/...) that this server is too old to know."""
        self.newer_versions: list[str] = []
        """Of all groups; they serve none of the resources."""
        self.page_expires = False
        """Every continue token is too old by the time it is used."""
        self.answer_with: bytes | None = None
        """Instead of anything sensible."""
        self._denied: set[tuple[str, str]] = set()
        self._objects: dict[tuple[str, str, str], Object] = {}
        self._version = 100
        self._oldest = 0
        self._events: list[tuple[int, str, str, Object]] = []
        self._news = threading.Condition()
        self._open: set[socket.socket] = set()
        self._bookmarks = 0
        self._closing = self._away = False
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.api = self
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Go away, with all connections."""
        self._closing = True
        self.disconnect()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http{'s' if self._certificate else ''}://{host!s}:{port}"

    def kubeconfig(self, folder: Path, namespace: str | None = "shop", token: str = "") -> str:
        """The path of a kubeconfig with one context, "lab"."""
        context = {"cluster": "lab", "user": "me"} | ({"namespace": namespace} if namespace else {})
        trusted = {"certificate-authority": str(self._certificate)} if self._certificate else {}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "lab",
            "clusters": [{"name": "lab", "cluster": {"server": self.url} | trusted}],
            "contexts": [{"name": "lab", "context": context}],
            "users": [{"name": "me", "user": {"token": token} if token else {}}],
        }
        path = folder / "kubeconfig"
        path.write_text(json.dumps(config))
        return str(path)

    # --- what happens in the cluster ------------------------------------------------------------

    def put(self, *objects: Object) -> None:
        """Create or update."""
        with self._news:
            for each in objects:
                kept: Object = json.loads(json.dumps(each))
                metadata = kept["metadata"]
                namespace = (
                    "" if kept["kind"] == "Node" else metadata.setdefault("namespace", "shop")
                )
                key = (_PLURALS[kept["kind"]], namespace, metadata["name"])
                self._version += 1
                metadata["resourceVersion"] = str(self._version)
                kind = "MODIFIED" if key in self._objects else "ADDED"
                self._objects[key] = kept
                self._events.append((self._version, key[0], kind, kept))
            self._news.notify_all()

    def delete(self, plural: str, name: str, namespace: str = "shop") -> None:
        with self._news:
            gone = self._objects.pop((plural, namespace, name))
            self._version += 1
            gone["metadata"]["resourceVersion"] = str(self._version)
            self._events.append((self._version, plural, "DELETED", gone))
            self._news.notify_all()

    def compact(self) -> None:
        """Forget the past, as etcd does every five minutes."""
        with self._news:
            self._oldest = self._version
            self._events.clear()

    def bookmark(self) -> None:
        """Tell every watch how far it is."""
        with self._news:
            self._version += 1
            self._bookmarks += 1
            self._news.notify_all()

    def disconnect(self) -> None:
        """Cut every open connection in the middle of whatever is being sent."""
        with self._news:
            for each in list(self._open):
                with suppress(OSError):  # its client was faster
                    each.shutdown(socket.SHUT_RDWR)
            self._news.notify_all()

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        """Nobody gets an answer."""
        self._away = True
        self.disconnect()
        yield
        self._away = False

    def deny(self, verb: str, plural: str) -> None:
        """Take away the right."""
        self._denied.add((verb, plural))

    def watches(self, plural: str = "services") -> list[str]:
        """The watch requests so far."""
        return [r for r in self.requests if f"/{plural}?" in r and "watch=" in r]

    def wait_for_watches(self, number: int, plural: str = "services") -> None:
        """Until that many were begun."""
        deadline = time.monotonic() + 10
        while len(self.watches(plural)) < number:
            assert time.monotonic() < deadline, self.requests
            time.sleep(0.01)

    # --- answers --------------------------------------------------------------------------------

    def refusal(self, verb: str, plural: str, path: str, namespace: str) -> Object | None:
        version = path.strip("/").split("/")[1 if path.startswith("/api/") else 2]
        if version in self.newer_versions or any(path.startswith(p) for p in self.unknown):
            return _status(404, "NotFound", "the server could not find the requested resource")
        if (verb, plural) in self._denied:
            where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
            group = KINDS[plural][0].rpartition("/")[0]
            message = (
                f'{plural} is forbidden: User "me" cannot {verb} resource "{plural}" in API group '
                f'"{group}" {where}'
            )
            return _status(403, "Forbidden", message)
        return None

    def groups(self) -> Object:
        """With a version that the preferred one is newer than, as groups with a past have."""
        known = sorted({version for version, _ in KINDS.values() if "/" in version})
        found = []
        for group, _, version in (each.partition("/") for each in known):
            if f"/apis/{group}" not in self.unknown:
                names = [*self.newer_versions, version]
                versions = [{"groupVersion": f"{group}/{n}", "version": n} for n in names]
                found.append({"name": group, "versions": versions})
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": found}

    def page(self, plural: str, namespace: str, query: dict[str, str]) -> Object:
        with self._news:
            names = sorted(k for k in self._objects if k[0] == plural and namespace in ("", k[1]))
            begin, limit = int(query.get("continue") or 0), int(query.get("limit") or 0)
            if begin and self.page_expires:
                message = "The provided continue parameter is too old to display a consistent list"
                return _status(410, "Expired", message)
            chosen = names[begin : begin + limit] if limit else names
            rest = begin + len(chosen) < len(names)
            version, kind = KINDS[plural]
            bare = [
                {k: v for k, v in self._objects[name].items() if k not in ("kind", "apiVersion")}
                for name in chosen
            ]
            return {
                "kind": f"{kind}List",
                "apiVersion": version,
                "metadata": {"resourceVersion": str(self._version)}
                | ({"continue": str(begin + limit)} if rest else {}),
                "items": json.loads(json.dumps(bare)),
            }

    def events(self, plural: str, namespace: str, since: int) -> Iterator[Object]:
        """Everything after `since`, for ever."""
        if since < self._oldest:
            status = _status(410, "Expired", f"too old resource version: {since}")
            yield {"type": "ERROR", "object": status}
            return
        bookmarks = self._bookmarks
        while not self._closing:
            with self._news:
                found = [e for e in self._events if e[0] > since and e[1] == plural]
                due, version = self._bookmarks > bookmarks, self._version
                if not found and not due:
                    self._news.wait(0.2)
                    continue
                bookmarks = self._bookmarks
            for number, _, kind, each in found:
                since = max(since, number)
                if namespace in ("", each["metadata"].get("namespace")):
                    yield {"type": kind, "object": each}
            if due:
                api_version, kind = KINDS[plural]
                metadata = {"resourceVersion": str(version)}
                each = {"kind": kind, "apiVersion": api_version, "metadata": metadata}
                yield {"type": "BOOKMARK", "object": each}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    api: KubeApi

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is not worth a traceback."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.api._open.add(self.connection)

    def finish(self) -> None:
        self.server.api._open.discard(self.connection)
        super().finish()

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        api = self.server.api
        if api._away:
            self.close_connection = True
            return
        api.requests.append(self.path)
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        words = parts.path.strip("/").split("/")
        plural = words[-1]
        namespace = words[words.index("namespaces") + 1] if "namespaces" in words[:-1] else ""
        verb = "watch" if query.get("watch") in ("1", "true") else "list"
        if api.answer_with is not None:
            self._send(200, api.answer_with)
        elif parts.path == "/apis":
            self._send(200, _line(api.groups()))
        elif api.token and self.headers.get("Authorization") != f"Bearer {api.token}":
            self._send_status(_status(401, "Unauthorized", "Unauthorized"))
        elif refusal := api.refusal(verb, plural, parts.path, namespace):
            self._send_status(refusal)
        elif verb == "list":
            page = api.page(plural, namespace, query)
            self._send_status(page) if page["kind"] == "Status" else self._send(200, _line(page))
        else:
            self._stream(api, plural, namespace, int(query["resourceVersion"]))

    def _send_status(self, status: Object) -> None:
        self._send(status["code"], _line(status))

    def _send(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, api: KubeApi, plural: str, namespace: str, since: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            for event in api.events(plural, namespace, since):
                line = _line(event)
                for piece in (line[:30], line[30:]):  # no chunk is a line
                    self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                    self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True


def _line(value: Object) -> bytes:
    return json.dumps(value).encode() + b"\n"


def _status(code: int, reason: str, message: str) -> Object:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }


# --- objects ------------------------------------------------------------------------------------


def service(
    name: str = "http-web",
    *,
    own: str = "reviews",
    port: int = 8080,
    manager: str | None = None,
    time_: str = "2026-11-22T22:09:14Z",
    **fields: Any,
) -> Object:
    """shop/reviews with one port; `manager` owns the port's name."""
    metadata: Object = {"name": own, "namespace": "shop"}
    if manager:
        owned: Object = {
            f'k:{{"port":{port},"protocol":"TCP"}}': {"f:name": {}, "f:appProtocol": {}}
        }
        metadata["managedFields"] = [
            {
                "manager": manager,
                "operation": "Update",
                "time": time_,
                "fieldsType": "FieldsV1",
                "fieldsV1": {"f:spec": {"f:ports": owned}},
            }
        ]
    declared = {"name": name, "port": port, "targetPort": 9080, "protocol": "TCP"} | fields
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"clusterIP": "10.96.0.50", "ports": [declared]},
    }


def endpoint_slice(*addresses: str, own: str = "reviews") -> Object:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{own}-x7k2p",
            "namespace": "shop",
            "labels": {"kubernetes.io/service-name": own},
        },
        "addressType": "IPv4",
        "endpoints": [{"addresses": [a]} for a in addresses],
        "ports": [{"name": "http-web", "port": 9080, "protocol": "TCP"}],
    }


def pod(name: str, ip: str, image: str = "docker.io/istio/proxyv2:1.3.6") -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": "reviews"}},
        "spec": {"containers": [{"name": "istio-proxy", "image": image}]},
        "status": {"phase": "Running", "podIP": ip},
    }
