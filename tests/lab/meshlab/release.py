"""What an Istio release makes of a port, restated for the lab alone.

The truth of a capture must not come from the code it judges, so nothing here imports sniffdiag: the
rules are written down once more, from pilot's sources at the tags 1.1.17, 1.3.6, 1.5.10 and 1.20.x
(conversion.go, listener.go, networkfilter.go, listener_builder.go), for what the scenarios need.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Handling(StrEnum):
    """What a proxy is configured to do with a port in one direction."""

    HTTP = "http"
    HTTP2 = "http2"
    OPAQUE = "opaque"
    SNIFFED = "sniffed"


TOKENS = {
    "http": Handling.HTTP,
    "http2": Handling.HTTP2,
    "grpc": Handling.HTTP2,
    "tcp": Handling.OPAQUE,
    "https": Handling.OPAQUE,
    "tls": Handling.OPAQUE,
    "mongo": Handling.OPAQUE,
    "redis": Handling.OPAQUE,
    "mysql": Handling.OPAQUE,
}
NEVER_SNIFFED = frozenset({25, 53, 3306, 27017})


@dataclass(frozen=True, slots=True)
class Release:
    """One Istio release as far as a packet can tell it from another."""

    version: str
    number: tuple[int, int]
    sniffs_outbound: bool
    sniffs_inbound: bool
    sniffed_alpns: tuple[str, ...]
    """What the HTTP inspector must report for a connection to be handled as HTTP."""
    detection_timeout: str
    honours_app_protocol: bool = False
    h2c_app_protocol: bool = False

    @property
    def mixer(self) -> bool:
        """`x-istio-attributes` between the sidecars (up to 1.4); metadata exchange afterwards."""
        return self.number < (1, 5)

    @property
    def inbound_port(self) -> int:
        """Where PREROUTING redirects to; before 1.3 both directions shared 15001."""
        return 15006 if self.number >= (1, 3) else 15001

    @property
    def app_leg_to_pod_ip(self) -> bool:
        """127.0.0.6 to the pod's address (1.10 and later), else 127.0.0.1 to 127.0.0.1."""
        return self.number >= (1, 10)

    @property
    def inspects_declared_http(self) -> bool:
        """A shared 0.0.0.0:PORT listener passes on what is not HTTP (1.6 and later)."""
        return self.number >= (1, 6)

    @property
    def inspection_needs_clear_text(self) -> bool:
        """The HTTP chain also demands that the TLS inspector saw no TLS (1.8 and later)."""
        return self.number >= (1, 8)

    @property
    def sniffed_port_keeps_http_version(self) -> bool:
        """Upstream follows the client's HTTP version on sniffed ports (1.4 and later)."""
        return self.number >= (1, 4)

    @property
    def counts_attempts(self) -> bool:
        """`x-envoy-attempt-count` (1.6 and later)."""
        return self.number >= (1, 6)

    @property
    def tls_maximum(self) -> str:
        """Envoy's name of the newest TLS version between sidecars."""
        return "TLSv1_3" if self.number >= (1, 14) else "TLSv1_2"

    def alpn(self, handling: Handling, *, http2_cluster: bool) -> list[str]:
        """The ALPN list that the client's sidecar offers for one handling of one cluster."""
        if self.mixer:
            return ["istio", "h2"] if http2_cluster else ["istio"]
        if handling is Handling.OPAQUE:
            return ["istio-peer-exchange", "istio"] + (["h2"] if http2_cluster else [])
        word, plain = ("istio-h2", "h2") if http2_cluster else ("istio-http/1.1", "http/1.1")
        return [word, "istio"] + ([plain] if self.number >= (1, 8) else [])

    def accepted_alpn(self, handling: Handling) -> list[str]:
        """The ALPN list of the server's sidecar; metadata exchange for TCP came with 1.5."""
        exchanges = handling is Handling.OPAQUE and not self.mixer
        return [*(["istio-peer-exchange"] if exchanges else []), "h2", "http/1.1"]

    def declared(self, name: str, app_protocol: str | None) -> Handling | None:
        """The handling that a port declares; None where this release finds no declaration."""
        if self.honours_app_protocol and app_protocol is not None:
            if self.h2c_app_protocol and app_protocol == "kubernetes.io/h2c":
                return Handling.HTTP2
            text = app_protocol
        else:
            text = name
        if text.lower().startswith("grpc-web"):
            return Handling.HTTP2
        return TOKENS.get(text.split("-", 1)[0].lower())

    def handling(self, name: str, app_protocol: str | None, port: int) -> tuple[Handling, Handling]:
        """What the client's and the server's sidecar are configured as for one Service port."""
        declared = self.declared(name, app_protocol)
        if declared is not None:
            return declared, declared
        if port in NEVER_SNIFFED:
            return Handling.OPAQUE, Handling.OPAQUE
        return (
            Handling.SNIFFED if self.sniffs_outbound else Handling.OPAQUE,
            Handling.SNIFFED if self.sniffs_inbound else Handling.OPAQUE,
        )


RELEASES = {
    release.version: release
    for release in (
        Release("1.1", (1, 1), False, False, (), "0s"),  # noqa: FBT003 - two columns of a table
        Release("1.3.6", (1, 3), True, False, ("http/1.0", "http/1.1"), "0.1s"),  # noqa: FBT003
        Release("1.5", (1, 5), True, False, ("http/1.0", "http/1.1", "h2c"), "0.1s"),  # noqa: FBT003
        Release("1.20", (1, 20), True, True, ("http/1.1", "h2c"), "0s", True, True),  # noqa: FBT003
    )
}
PROXY_IMAGE_TAGS = {"1.1": "1.1.17", "1.3.6": "1.3.6", "1.5": "1.5.10", "1.20": "1.20.8"}
