"""The scenarios, and what must be said about each.

An expectation is written by hand from Istio's rules and the rule names of sniffdiag, never
computed: this table is what the code is judged by.
"""

from __future__ import annotations

from dataclasses import replace

from meshlab.cluster import CLIENT_POD, SERVER_POD
from meshlab.declared import Declared
from meshlab.manifests import Kinds
from meshlab.scenario import Application, Expectation, Scenario

# ---------------------------------------------------------------- applications

WEB = Application("http", "http", "http")
NGINX = Application("nginx", "http", "http")
OLD_WEB = Application("nginx", "http10", "http")
LONG_WEB = Application("http", "midstream", "http")
PROXIED_WEB = Application("http", "proxied", "http")
TLS = Application("tls", "tls", "tls")
GRPC = Application("grpc", "grpc", "grpc")
LONG_GRPC = Application("grpc", "grpc-midstream", "grpc")
H2C = Application("h2c", "h2c", "http2")
WEBSOCKET = Application("websocket", "websocket", "websocket")
REDIS = Application("redis", "redis", "redis")
IMITATOR = Application("imitator", "imitating", "http")
CHANGING_WEB = Application("http", "short-shopping", "http")
MYSQL = Application("mysql", "mysql", "mysql")
MAIL = Application("smtp", "smtp", "smtp")
PRIVATE = Application("echo", "echo", "tcp")

# ---------------------------------------------------------------- expectations

OK = Expectation("ok")
OK_UNNAMED = Expectation("ok", allowed=("unrecognised-port-name",))
CANNOT_KNOW = Expectation(
    "unknown",
    allowed=(
        "opaque-on-http-port",
        "server-first-on-sniffed-port",
        "thin-evidence",
        "unrecognised-port-name",
    ),
    or_verdicts=("mismatch", "at-risk", "no-traffic"),
)
"""Client and server both wait: no byte of the application is ever seen."""
SAVED = Expectation("ok", ("saved-by-sniffing",), ("unrecognised-port-name",), ("at-risk",))
HTTP_ON_OPAQUE = Expectation(
    "mismatch", ("http-on-opaque-port",), ("unrecognised-port-name", "plaintext-on-tls-port")
)
REFUSED_BEFORE_IT_IS_OPAQUE = replace(
    HTTP_ON_OPAQUE, allowed=(*HTTP_ON_OPAQUE.allowed, "http10-refused")
)
"""The client's sidecar sniffs HTTP and refuses its version; the server's would not look."""
OPAQUE_ON_HTTP = Expectation("mismatch", ("opaque-on-http-port",))
DELAYED = Expectation(
    "at-risk", ("server-first-on-sniffed-port",), ("unrecognised-port-name",), ("ok", "mismatch")
)
PLAIN_ON_TLS = Expectation("at-risk", ("plaintext-on-tls-port",), or_verdicts=("ok", "mismatch"))
CONFLICT = "conflicting-declarations"
CHANGED = "treatment-changed"

Expected = dict[str, Expectation]


def mismatch(rule: str) -> Expected:
    """The same wrong handling at every release."""
    return everywhere(Expectation("mismatch", (rule,)))


def everywhere(expectation: Expectation) -> Expected:
    """The same at every release."""
    return by_release(expectation, expectation, expectation)


def by_release(at_1_1: Expectation, at_1_3: Expectation, at_1_20: Expectation) -> Expected:
    """No sniffing; outbound sniffing only (1.3 to 1.5); sniffing both ways."""
    return {"1.1": at_1_1, "1.3.6": at_1_3, "1.5": at_1_3, "1.20": at_1_20}


UNDECLARED_HTTP = by_release(HTTP_ON_OPAQUE, HTTP_ON_OPAQUE, SAVED)
"""At 1.3 the client's sidecar sniffs and the server's does not."""

SINCE_1_3 = ("1.3.6", "1.20")
"""For what differs too little at 1.1 to be kept."""
EVERY_MTLS = ("1.1", "1.3.6", "1.5", "1.20")
SINCE_1_5 = ("1.5", "1.20")
WITH_UNDERLAY = ("c-any", "s1-eth0", "s1-lo", "n1-ul0")


def named(name: str, port: int = 8080) -> tuple[Declared, ...]:
    """One Service whose port has this name."""
    return (Declared(name, port=port),)


def declared_as(name: str, app_protocol: str) -> tuple[Declared, ...]:
    """One Service whose port has this name and appProtocol."""
    return (Declared(name, app_protocol=app_protocol),)


REVIEWS = Declared("http-web")
LEGACY = Declared(
    "tcp-web",
    port=9000,
    service="reviews-legacy",
    cluster_ip="10.96.0.51",
    created="2024-06-18T11:02:55Z",
)

# ---------------------------------------------------------------- HTTP/1.1 under every name

HTTP = (
    Scenario(
        "http-on-http-web",
        "HTTP/1.1 on a port named http-web: nothing is wrong",
        named("http-web"),
        WEB,
        everywhere(OK),
        mtls=EVERY_MTLS,
        points=WITH_UNDERLAY,
    ),
    Scenario(
        "nginx-on-http-web",
        "the same with nginx and the older Endpoints in the export",
        named("http-web"),
        NGINX,
        everywhere(OK),
        manifests=Kinds.ENDPOINTS,
        plain=SINCE_1_3,
    ),
    Scenario(
        "http-on-tcp-web",
        "the incident: HTTP/1.1 on a port named tcp-web is proxied as opaque TCP at every release",
        named("tcp-web"),
        WEB,
        everywhere(HTTP_ON_OPAQUE),
        mtls=EVERY_MTLS,
        points=WITH_UNDERLAY,
    ),
    Scenario(
        "http-on-tcp-8080-8080",
        "the incident under the name that a cloud console writes",
        named("tcp-8080-8080"),
        WEB,
        everywhere(HTTP_ON_OPAQUE),
        manifests=Kinds.ENDPOINTS,
    ),
    Scenario(
        "http-unnamed",
        "HTTP/1.1 on a port without a name: saved only where both sidecars sniff",
        named(""),
        WEB,
        UNDECLARED_HTTP,
        mtls=SINCE_1_5,
    ),
    Scenario(
        "http-on-8080-8080-tcp",
        "HTTP/1.1 under a console's newer name, which declares nothing",
        named("8080-8080-tcp"),
        WEB,
        UNDECLARED_HTTP,
        manifests=Kinds.PODS,
    ),
    Scenario(
        "http-on-http2foo",
        "HTTP/1.1 on http2foo, which only looks like a declaration",
        named("http2foo"),
        WEB,
        UNDECLARED_HTTP,
    ),
    Scenario(
        "http-on-https-web",
        "HTTP in clear on a port named https-web: opaque to the proxies",
        named("https-web"),
        WEB,
        everywhere(HTTP_ON_OPAQUE),
        manifests=Kinds.PODS,
    ),
    Scenario(
        "http-unnamed-3306",
        "HTTP/1.1 on an unnamed port with a number that is never sniffed",
        named("", 3306),
        WEB,
        everywhere(HTTP_ON_OPAQUE),
        plain=SINCE_1_3,
    ),
    Scenario(
        "http-on-grpc-api",
        "an HTTP/1.1 server whose port is named grpc-api: it gets an HTTP/2 preface",
        named("grpc-api"),
        NGINX,
        mismatch("http1-on-http2-port"),
    ),
    Scenario(
        "http-on-http2-api",
        "an HTTP/1.1 server whose port is named http2-api",
        named("http2-api"),
        WEB,
        mismatch("http1-on-http2-port"),
    ),
    Scenario(
        "http10-on-http-web",
        "an HTTP/1.0 client on a port declared http: 426 Upgrade Required",
        named("http-web"),
        OLD_WEB,
        mismatch("http10-refused"),
    ),
    Scenario(
        "http10-unnamed",
        "an HTTP/1.0 client on a port without a name: 1.20 does not recognise it as HTTP",
        named(""),
        OLD_WEB,
        by_release(HTTP_ON_OPAQUE, REFUSED_BEFORE_IT_IS_OPAQUE, HTTP_ON_OPAQUE),
    ),
    Scenario(
        "websocket-on-http-web",
        "WebSocket on a port named http-web",
        named("http-web"),
        WEBSOCKET,
        everywhere(OK),
        plain=SINCE_1_3,
    ),
    Scenario(
        "websocket-on-tcp-web",
        "WebSocket on a port named tcp-web: the handshake is HTTP that no proxy reads",
        named("tcp-web"),
        WEBSOCKET,
        everywhere(HTTP_ON_OPAQUE),
    ),
    Scenario(
        "proxy-protocol-on-http-web",
        "a load balancer prepends PROXY protocol to HTTP on a port named http-web",
        named("http-web"),
        PROXIED_WEB,
        mismatch("proxy-protocol-on-http-port"),
    ),
)

# ---------------------------------------------------------------- odd meshes, changes

ODD_MESHES = (
    Scenario(
        "imitator-on-tcp-web",
        "the incident, with an application that writes Envoy's headers itself",
        named("tcp-web"),
        IMITATOR,
        everywhere(HTTP_ON_OPAQUE),
        plain=("1.3.6", "1.20"),
        mtls=("1.20",),
    ),
    Scenario(
        "client-without-sidecar-on-http-web",
        "a client outside the mesh; only the server's sidecar handles the port",
        named("http-web"),
        WEB,
        everywhere(OK),
        plain=("1.3.6", "1.20"),
        unmeshed=(CLIENT_POD,),
    ),
    Scenario(
        "client-without-sidecar-on-tcp-web",
        "the incident as a client outside the mesh meets it",
        named("tcp-web"),
        WEB,
        everywhere(HTTP_ON_OPAQUE),
        plain=("1.3.6", "1.20"),
        unmeshed=(CLIENT_POD,),
    ),
    Scenario(
        "server-without-sidecar-on-http-web",
        "a server outside the mesh; only the client's sidecar handles the port",
        named("http-web"),
        WEB,
        everywhere(OK),
        plain=("1.3.6", "1.20"),
        unmeshed=(SERVER_POD,),
    ),
    Scenario(
        "renamed-to-tcp-web",
        "the port is renamed from http-web to tcp-web while requests flow",
        named("tcp-web"),
        CHANGING_WEB,
        everywhere(replace(HTTP_ON_OPAQUE, allowed=(*HTTP_ON_OPAQUE.allowed, CHANGED))),
        plain=("1.3.6", "1.20"),
        mtls=("1.5", "1.20"),
        renamed_from="http-web",
    ),
    Scenario(
        "renamed-to-http-web",
        "the repair: the port is renamed from tcp-web to http-web while requests flow",
        named("http-web"),
        CHANGING_WEB,
        everywhere(
            Expectation(
                "ok", allowed=("declaration-drift", CHANGED), or_verdicts=("mismatch", "at-risk")
            )
        ),
        plain=("1.20",),
        mtls=("1.20",),
        renamed_from="tcp-web",
    ),
)

# ---------------------------------------------------------------- HTTP/2 and gRPC

HTTP2 = (
    Scenario(
        "grpc-on-grpc-api",
        "gRPC on a port named grpc-api: nothing is wrong",
        named("grpc-api"),
        GRPC,
        everywhere(OK),
        mtls=SINCE_1_5,
    ),
    Scenario(
        "grpc-on-http-api",
        "gRPC on a port named http-api: it leaves the client's sidecar as HTTP/1.1",
        named("http-api"),
        GRPC,
        mismatch("http2-on-http1-port"),
        mtls=SINCE_1_5,
    ),
    Scenario(
        "grpc-on-tcp-api",
        "gRPC on a port named tcp-api: balanced per connection, invisible to the mesh",
        named("tcp-api"),
        GRPC,
        everywhere(HTTP_ON_OPAQUE),
        mtls=SINCE_1_5,
    ),
    Scenario(
        "grpc-unnamed",
        "gRPC on a port without a name: 1.3 sniffs HTTP/1 only, 1.20 recognises it",
        named(""),
        GRPC,
        UNDECLARED_HTTP,
        mtls=SINCE_1_5,
    ),
    Scenario(
        "h2c-on-http-web",
        "HTTP/2 with prior knowledge on a port named http-web",
        named("http-web"),
        H2C,
        mismatch("http2-on-http1-port"),
    ),
    Scenario(
        "h2c-on-http2-web",
        "HTTP/2 with prior knowledge on a port named http2-web: nothing is wrong",
        named("http2-web"),
        H2C,
        everywhere(OK),
        plain=SINCE_1_3,
    ),
)

# ---------------------------------------------------------------- not HTTP

NOT_HTTP = (
    Scenario(
        "tls-on-http-web",
        "the application's own TLS on a port named http-web: answered 400 in clear",
        named("http-web"),
        TLS,
        mismatch("tls-on-http-port"),
        mtls=("1.20",),
    ),
    Scenario(
        "tls-on-https-web",
        "the application's own TLS on a port named https-web",
        named("https-web"),
        TLS,
        everywhere(OK),
        mtls=("1.20",),
    ),
    Scenario(
        "tls-on-tcp-web",
        "the application's own TLS on a port named tcp-web",
        named("tcp-web"),
        TLS,
        everywhere(OK),
        plain=SINCE_1_3,
    ),
    Scenario(
        "redis-on-http-cache",
        "Redis on a port named http-cache: answered 400",
        named("http-cache", 6379),
        REDIS,
        everywhere(OPAQUE_ON_HTTP),
        mtls=("1.20",),
    ),
    Scenario(
        "redis-on-redis-cache",
        "Redis on a port named redis-cache",
        named("redis-cache", 6379),
        REDIS,
        everywhere(OK),
        plain=SINCE_1_3,
    ),
    Scenario(
        "redis-on-tcp-cache",
        "Redis on a port named tcp-cache",
        named("tcp-cache", 6379),
        REDIS,
        everywhere(OK),
        mtls=SINCE_1_5,
    ),
    Scenario(
        "redis-unnamed",
        "Redis on a port without a name: sniffed as not HTTP, passed on",
        named("", 6379),
        REDIS,
        everywhere(OK_UNNAMED),
        manifests=Kinds.PODS,
    ),
    Scenario(
        "redis-on-https-cache",
        "Redis in clear on a port named https-cache: passed on, but the name promises TLS",
        named("https-cache", 6379),
        REDIS,
        everywhere(PLAIN_ON_TLS),
        plain=SINCE_1_3,
    ),
    Scenario(
        "mail-on-http-mail",
        "a server that speaks first on a port named http-mail: both sides wait",
        named("http-mail", 2525),
        MAIL,
        everywhere(CANNOT_KNOW),
    ),
    Scenario(
        "mail-unnamed",
        "a server that speaks first on a port without a name: late at 1.3, silent at 1.20",
        named("", 2525),
        MAIL,
        by_release(OK_UNNAMED, DELAYED, CANNOT_KNOW),
    ),
    Scenario(
        "mail-on-tcp-mail",
        "a server that speaks first on a port named tcp-mail",
        named("tcp-mail", 2525),
        MAIL,
        everywhere(OK),
    ),
    Scenario(
        "mysql-on-mysql-db",
        "MariaDB on a port named mysql-db",
        named("mysql-db", 3306),
        MYSQL,
        everywhere(OK),
        mtls=("1.20",),
    ),
    Scenario(
        "mysql-unnamed-3306",
        "MariaDB on an unnamed port 3306, which Istio never sniffs",
        named("", 3306),
        MYSQL,
        everywhere(OK_UNNAMED),
    ),
    Scenario(
        "mysql-unnamed-13306",
        "MariaDB on an unnamed port with another number: late at 1.3, hangs at 1.20",
        named("", 13306),
        MYSQL,
        by_release(OK_UNNAMED, DELAYED, CANNOT_KNOW),
    ),
    Scenario(
        "mysql-on-http-db",
        "MariaDB on a port named http-db: both sides wait",
        named("http-db", 3306),
        MYSQL,
        everywhere(CANNOT_KNOW),
        plain=SINCE_1_3,
    ),
    Scenario(
        "private-on-tcp-feed",
        "a private binary protocol on a port named tcp-feed",
        named("tcp-feed", 7000),
        PRIVATE,
        everywhere(OK),
        plain=SINCE_1_3,
    ),
    Scenario(
        "private-on-http-feed",
        "a private binary protocol on a port named http-feed",
        named("http-feed", 7000),
        PRIVATE,
        everywhere(OPAQUE_ON_HTTP),
        plain=SINCE_1_3,
    ),
)

# ---------------------------------------------------------------- joined late, one side only

PARTIAL = (
    Scenario(
        "midstream-on-http-web",
        "a healthy keep-alive connection that was there before the capture",
        named("http-web"),
        LONG_WEB,
        everywhere(OK),
        mtls=("1.20",),
    ),
    Scenario(
        "midstream-on-tcp-web",
        "the incident on a keep-alive connection that was there before the capture",
        named("tcp-web"),
        LONG_WEB,
        everywhere(HTTP_ON_OPAQUE),
        mtls=("1.20",),
    ),
    Scenario(
        "midstream-grpc-on-tcp-api",
        "gRPC on a port named tcp-api, joined after the HTTP/2 preface",
        named("tcp-api"),
        LONG_GRPC,
        everywhere(HTTP_ON_OPAQUE),
        plain=SINCE_1_3,
    ),
    Scenario(
        "midstream-grpc-on-grpc-api",
        "gRPC on a port named grpc-api, joined after the HTTP/2 preface",
        named("grpc-api"),
        LONG_GRPC,
        everywhere(OK),
        plain=SINCE_1_3,
    ),
    Scenario(
        "answers-only-on-http-web",
        "only the server's packets were captured, nothing is wrong",
        named("http-web"),
        WEB,
        everywhere(Expectation("ok", allowed=("thin-evidence",))),
        points=("s1-eth0",),
        only="and src host 10.244.2.20",
        plain=SINCE_1_3,
    ),
    Scenario(
        "answers-only-on-tcp-web",
        "only the server's packets of the incident were captured",
        named("tcp-web"),
        WEB,
        everywhere(replace(HTTP_ON_OPAQUE, allowed=("thin-evidence",))),
        points=("s1-eth0",),
        only="and src host 10.244.2.20",
        plain=SINCE_1_3,
    ),
)

# ---------------------------------------------------------------- several declarations of one port

NAME_AGAINST_APP_PROTOCOL = Expectation("ok", (CONFLICT,))
IGNORED_APP_PROTOCOL = Expectation("ok", allowed=(CONFLICT,))
WRONG_NAME = Expectation("mismatch", ("http-on-opaque-port",), (CONFLICT,))

DECLARATIONS = (
    Scenario(
        "two-services-disagree",
        "an old Service named tcp-web on the same pod port: inbound obeys the older one",
        (REVIEWS, LEGACY),
        WEB,
        everywhere(
            Expectation("mismatch", (CONFLICT,), ("http-on-opaque-port",), ("ok", "at-risk"))
        ),
    ),
    Scenario(
        "two-services-agree",
        "two Services on one pod port, both declared http: nothing is wrong",
        (REVIEWS, replace(LEGACY, name="http-legacy")),
        WEB,
        everywhere(OK),
        plain=SINCE_1_3,
    ),
    Scenario(
        "appprotocol-http-named-tcp-web",
        "appProtocol http rescues a port named tcp-web from 1.6 on, and is not read before",
        declared_as("tcp-web", "http"),
        WEB,
        by_release(WRONG_NAME, WRONG_NAME, NAME_AGAINST_APP_PROTOCOL),
        plain=("1.3.6", "1.20"),
    ),
    Scenario(
        "appprotocol-tcp-named-http-web",
        "appProtocol tcp overrules the name http-web from 1.6 on",
        declared_as("http-web", "tcp"),
        WEB,
        by_release(IGNORED_APP_PROTOCOL, IGNORED_APP_PROTOCOL, WRONG_NAME),
        plain=("1.3.6", "1.20"),
    ),
    Scenario(
        "appprotocol-mongodb-named-http-web",
        "an appProtocol unknown to Istio does not fall back to the name: the port is sniffed",
        declared_as("http-web", "mongodb"),
        WEB,
        by_release(
            IGNORED_APP_PROTOCOL,
            IGNORED_APP_PROTOCOL,
            replace(SAVED, allowed=(CONFLICT, "unrecognised-port-name")),
        ),
        plain=("1.3.6", "1.20"),
    ),
    Scenario(
        "appprotocol-h2c-named-api",
        "gRPC declared with appProtocol kubernetes.io/h2c, which 1.19 and later understand",
        declared_as("api", "kubernetes.io/h2c"),
        GRPC,
        by_release(HTTP_ON_OPAQUE, HTTP_ON_OPAQUE, OK),
        plain=("1.3.6", "1.20"),
    ),
)

SCENARIOS = (*HTTP, *ODD_MESHES, *HTTP2, *NOT_HTTP, *PARTIAL, *DECLARATIONS)
