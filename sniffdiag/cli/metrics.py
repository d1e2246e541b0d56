"""`--metrics ADDRESS`: the latest state for Prometheus, from a thread of its own."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sniffdiag.errors import UsageError
from sniffdiag.report.live import LiveState
from sniffdiag.report.live_metrics import CONTENT_TYPE, render

PATH = "/metrics"
REQUEST_TIMEOUT_S = 5


class MetricsServer:
    """Serves what it was last given (a `Listener`)."""

    def __init__(self, address: str) -> None:
        """Listens at `host:port`.

        Raises:
            UsageError: It cannot.
        """
        host, _, port = address.rpartition(":")
        try:
            self._server = _Server((host.strip("[]"), int(port)), _Handler)
        except (OSError, ValueError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or "give it as 127.0.0.1:9464"
            raise UsageError(f"metrics cannot be served at {address}: {reason}") from error
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def rehearse(self, state: LiveState) -> None:
        """See `Rehearsed`; there is something to serve from the start."""
        render(state)
        self(state)

    def __call__(self, state: LiveState) -> None:
        """Replaces what is served."""
        self._server.state = state


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    state: LiveState | None = None


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = REQUEST_TIMEOUT_S

    def do_GET(self) -> None:
        """Answers /metrics; a state is rendered when it is asked for."""
        state = self.server.state
        if self.path != PATH or state is None:
            self.send_error(404 if self.path != PATH else 503)
            return
        body = render(state).encode()
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Says nothing: standard error is the screen's."""
