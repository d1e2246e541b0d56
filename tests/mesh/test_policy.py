"""What each Istio version makes of a declared port.

Expected values restate istio/istio at its release tags: pkg/config/kube/conversion.go
(ConvertProtocol), pkg/config/protocol/instance.go (Parse), before 1.3
pilot/pkg/serviceregistry/kube/conversion.go, and pilot/pkg/networking
(ModelProtocolToListenerProtocol) for what a protocol becomes.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sniffdiag.catalog.services import ServicePort
from sniffdiag.errors import PolicyError
from sniffdiag.mesh.policy import MESHES, VersionPolicy, load_policy
from sniffdiag.mesh.treat import newest_older_opaque, treated
from sniffdiag.mesh.treated import Cause
from sniffdiag.mesh.versions import maybe_version
from sniffdiag.model import Transport, Treatment

ISTIO = load_policy("istio")
ALL_VERSIONS = ISTIO.versions
SNIFFED_IN_BOTH = ("1.6", "1.12", "1.13", "1.18", "1.19", "1.31")


def declared(
    name: str = "",
    app_protocol: str | None = None,
    port: int = 8080,
    transport: Transport = Transport.TCP,
) -> ServicePort:
    return ServicePort(
        "shop", "reviews", port, name=name, app_protocol=app_protocol, transport=transport
    )


def handled(version: str, port: ServicePort) -> tuple[str, str]:
    seen = treated(ISTIO.at(version), port)
    return str(seen.outbound.as_), str(seen.inbound.as_)


OPAQUE = ("opaque", "opaque")
HTTP = ("http", "http")
HTTP2 = ("http2", "http2")
SNIFFED = ("sniffed", "sniffed")
OUTBOUND_ONLY = ("sniffed", "opaque")
NOT_PROXIED = ("not-proxied", "not-proxied")

UNDECLARED = {"1.0": OPAQUE, "1.2": OPAQUE, "1.3": OUTBOUND_ONLY, "1.5": OUTBOUND_ONLY}
UNDECLARED |= dict.fromkeys(SNIFFED_IN_BOTH, SNIFFED)
EVERYWHERE = ("1.0", "1.1", "1.2", "1.3", "1.4", "1.5", *SNIFFED_IN_BOTH)


NAMES_THAT_DECLARE_NOTHING = (
    "",
    "web",
    "80",
    "80-tcp",
    "8080-8080-tcp",
    "port-1",
    "-http",
    *("http2foo", "httpfoo", "http1-a", "http_a", "grpcweb", "h2c", "ws", "mongodb", "postgres"),
)


@pytest.mark.parametrize("name", NAMES_THAT_DECLARE_NOTHING)
@pytest.mark.parametrize("version", UNDECLARED)
def test_a_name_that_declares_nothing_is_tcp_then_sniffed(name: str, version: str) -> None:
    assert handled(version, declared(name)) == UNDECLARED[version]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("http", HTTP),
        ("http-a", HTTP),
        ("HTTP-a", HTTP),
        ("http-tcp", HTTP),
        ("http2", HTTP2),
        ("http2-a", HTTP2),
        ("grpc-a", HTTP2),
        ("grpc-web", HTTP2),
        ("grpc-web-a", HTTP2),
        ("grpc-webfoo", HTTP2),
        ("tcp", OPAQUE),
        ("tcp-http", OPAQUE),
        ("tcp-8080-8080", OPAQUE),
        ("https-a", OPAQUE),
        ("tls-a", OPAQUE),
        ("mongo-a", OPAQUE),
        ("redis-a", OPAQUE),
    ],
)
@pytest.mark.parametrize("version", EVERYWHERE)
def test_an_explicit_word_means_the_same_in_every_version(
    name: str, expected: tuple[str, str], version: str
) -> None:
    assert handled(version, declared(name)) == expected


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [
        ("mysql-a", "1.0", OPAQUE),
        ("mysql-a", "1.3", OPAQUE),
        ("mysql-a", "1.31", OPAQUE),
        ("udp-a", "1.2", OPAQUE),
        ("udp-a", "1.3", NOT_PROXIED),
        ("udp-a", "1.9", NOT_PROXIED),
        ("udp-a", "1.10", ("not-proxied", "opaque")),
        ("thrift-a", "1.2", OPAQUE),
        ("thrift-a", "1.5", OUTBOUND_ONLY),
        ("thrift-a", "1.6", OPAQUE),
        ("thrift-a", "1.13", OPAQUE),
        ("thrift-a", "1.14", SNIFFED),
        ("http_proxy", "1.4", OUTBOUND_ONLY),
        ("http_proxy", "1.5", SNIFFED),
        ("http_proxy", "1.11", SNIFFED),
        ("http_proxy", "1.12", HTTP),
        ("doublehbone-a", "1.31", SNIFFED),
    ],
)
def test_words_come_and_go_with_versions(
    name: str, version: str, expected: tuple[str, str]
) -> None:
    assert handled(version, declared(name)) == expected


@pytest.mark.parametrize(
    ("app_protocol", "version", "expected"),
    [
        ("http", "1.5", OPAQUE),
        ("http", "1.6", HTTP),
        ("HTTP2", "1.20", HTTP2),
        ("http-foo", "1.20", HTTP),
        ("grpc", "1.31", HTTP2),
        ("https", "1.31", OPAQUE),
        ("mongodb", "1.5", OPAQUE),
        ("mongodb", "1.6", SNIFFED),
        ("", "1.20", SNIFFED),
        ("kubernetes.io/h2c", "1.18", SNIFFED),
        ("kubernetes.io/h2c", "1.19", HTTP2),
        ("Kubernetes.io/H2C", "1.19", SNIFFED),
        ("kubernetes.io/ws", "1.23", SNIFFED),
        ("kubernetes.io/ws", "1.24", HTTP),
        ("kubernetes.io/wss", "1.24", OPAQUE),
        ("kubernetes.io/grpc", "1.31", SNIFFED),
    ],
)
def test_app_protocol_beats_a_tcp_name_where_it_is_read(
    app_protocol: str, version: str, expected: tuple[str, str]
) -> None:
    assert handled(version, declared("tcp-web", app_protocol)) == expected


def test_an_unknown_app_protocol_hides_a_good_name() -> None:
    seen = treated(ISTIO.at("1.20"), declared("http-web", "kafka"))
    assert seen.cause is Cause.UNKNOWN_APP_PROTOCOL
    assert seen.outbound.as_ is Treatment.SNIFFED


@pytest.mark.parametrize("port", [25, 53, 3306, 27017])
@pytest.mark.parametrize("name", ["", "web", "mysql2"])
def test_exempt_port_numbers_are_never_sniffed(port: int, name: str) -> None:
    for version in ALL_VERSIONS:
        assert handled(version, declared(name, port=port)) == OPAQUE
    assert treated(ISTIO.at("1.3"), declared(name, port=port)).cause is Cause.EXEMPT_PORT


def test_an_exempt_port_with_a_good_name_is_what_its_name_says() -> None:
    assert handled("1.20", declared("http-web", port=3306)) == HTTP


def test_an_exempt_port_is_exempt_even_from_an_unknown_app_protocol() -> None:
    assert handled("1.20", declared("http", "mongodb", port=27017)) == OPAQUE


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.3", HTTP),
        ("1.4", ("not-proxied", "http")),
        ("1.5", ("not-proxied", "http")),
        ("1.6", HTTP),
    ],
)
def test_http_on_443_has_no_outbound_listener_in_1_4_and_1_5(
    version: str, expected: tuple[str, str]
) -> None:
    assert handled(version, declared("http-web", port=443)) == expected
    assert handled(version, declared("http2-web", port=443)) == HTTP2


@pytest.mark.parametrize("version", EVERYWHERE)
def test_udp_ports_are_not_proxied_whatever_they_are_called(version: str) -> None:
    port = declared("http", transport=Transport.UDP)
    assert handled(version, port) == NOT_PROXIED
    assert treated(ISTIO.at(version), port).cause is Cause.TRANSPORT


def test_sctp_ports_are_read_by_name_since_1_3() -> None:
    port = declared("http", transport=Transport.SCTP)
    assert (handled("1.2", port), handled("1.3", port)) == (OPAQUE, HTTP)


@pytest.mark.parametrize(
    ("version", "sniffable", "outbound_ms", "inbound_ms"),
    [
        ("1.2", set(), None, None),
        ("1.3", {"http", "http/1.0"}, 100, None),
        ("1.4", {"http", "http/1.0"}, 100, None),
        ("1.5", {"http", "http/1.0", "http2"}, 100, None),
        ("1.6.8", {"http", "http/1.0", "http2"}, 100, 1000),
        ("1.6.9", {"http", "http/1.0", "http2"}, 5000, 1000),
        ("1.6", {"http", "http/1.0", "http2"}, 5000, 1000),
        ("1.7.8", {"http", "http/1.0", "http2"}, 5000, 1000),
        ("1.8", {"http", "http/1.0", "http2"}, 0, 0),
        ("1.12", {"http", "http/1.0", "http2"}, 0, 0),
        ("1.13", {"http", "http2"}, 0, 0),
        ("1.30", {"http", "http2"}, 0, 0),
    ],
)
def test_what_sniffing_matches_and_how_long_it_waits(
    version: str, sniffable: set[str], outbound_ms: int | None, inbound_ms: int | None
) -> None:
    seen = treated(ISTIO.at(version), declared())
    assert seen.sniffable == sniffable
    assert seen.outbound.detection_timeout_ms == outbound_ms
    assert seen.inbound.detection_timeout_ms == inbound_ms


def test_a_declared_port_waits_for_nobody() -> None:
    assert treated(ISTIO.at("1.20"), declared("tcp-web")).outbound.detection_timeout_ms is None


@pytest.mark.parametrize(
    ("version", "protocol", "expected"),
    [
        ("1.3", "http", ("http", "opaque")),
        ("1.3", "grpc", ("opaque", "opaque")),
        ("1.20", "http", HTTP),
        ("1.20", "websocket", HTTP),
        ("1.20", "grpc", HTTP2),
        ("1.20", "http/1.0", OPAQUE),
        ("1.20", "tls", OPAQUE),
        ("1.20", "mysql", OPAQUE),
    ],
)
def test_sniffing_comes_to_an_answer(
    version: str, protocol: str, expected: tuple[str, str]
) -> None:
    assert treated(ISTIO.at(version), declared()).settled(protocol) == expected


def test_a_declared_treatment_does_not_depend_on_the_bytes() -> None:
    assert treated(ISTIO.at("1.20"), declared("tcp-web")).settled("http") == OPAQUE


# --- reasons ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "port", "cause", "outbound", "inbound"),
    [
        pytest.param(
            "1.3.6",
            declared("tcp-web"),
            Cause.EXPLICIT,
            'name "tcp-web" begins with "tcp"',
            'name "tcp-web" begins with "tcp"',
            id="explicit",
        ),
        pytest.param(
            "1.1",
            declared(),
            Cause.UNNAMED,
            "the port has no name and Istio 1.1 reads that as tcp",
            "the port has no name and Istio 1.1 reads that as tcp",
            id="unnamed before sniffing",
        ),
        pytest.param(
            "1.3.6",
            declared("8080-8080-tcp"),
            Cause.UNRECOGNISED,
            'name "8080-8080-tcp" begins with no word that Istio 1.3.6 knows,'
            " and outbound sniffing is on",
            'name "8080-8080-tcp" begins with no word that Istio 1.3.6 knows,'
            " and inbound sniffing is off",
            id="unrecognised",
        ),
        pytest.param(
            "1.1",
            declared("http2foo"),
            Cause.NEAR_MISS,
            'name "http2foo" begins like "http2", but no dash follows, so it is read as tcp',
            'name "http2foo" begins like "http2", but no dash follows, so it is read as tcp',
            id="near miss",
        ),
        pytest.param(
            "1.20",
            declared("http", "mongodb"),
            Cause.UNKNOWN_APP_PROTOCOL,
            'appProtocol "mongodb" is unknown to Istio 1.20 and the name is not consulted,'
            " and outbound sniffing is on",
            'appProtocol "mongodb" is unknown to Istio 1.20 and the name is not consulted,'
            " and inbound sniffing is on",
            id="unknown appProtocol",
        ),
        pytest.param(
            "1.20",
            declared("tcp-web", "http"),
            Cause.EXPLICIT,
            'appProtocol is "http", which beats name "tcp-web"',
            'appProtocol is "http", which beats name "tcp-web"',
            id="appProtocol beats the name",
        ),
        pytest.param(
            "1.3",
            declared("tcp-web", "http"),
            Cause.EXPLICIT,
            'name "tcp-web" begins with "tcp", and Istio 1.3 does not read appProtocol',
            'name "tcp-web" begins with "tcp", and Istio 1.3 does not read appProtocol',
            id="appProtocol not read",
        ),
        pytest.param(
            "1.20",
            declared(port=3306),
            Cause.EXEMPT_PORT,
            "the port has no name and Service port 3306 is never sniffed",
            "the port has no name and Service port 3306 is never sniffed",
            id="exempt port",
        ),
    ],
)
def test_a_treatment_says_why(
    version: str, port: ServicePort, cause: Cause, outbound: str, inbound: str
) -> None:
    seen = treated(ISTIO.at(version), port)
    assert (seen.cause, seen.outbound.because, seen.inbound.because) == (cause, outbound, inbound)


# --- versions and settings ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "version", "title"),
    [
        ("1.3", "1.3", "Istio 1.3"),
        ("1.3.6", "1.3.6", "Istio 1.3.6"),
        ("v1.20.3-distroless", "1.20.3", "Istio 1.20.3"),
        ("1.20-alpha.abcdef", "1.20", "Istio 1.20"),
        (" 1.31.0-rc.0 ", "1.31.0", "Istio 1.31.0"),
    ],
)
def test_versions_are_read_as_users_and_image_tags_write_them(
    text: str, version: str, title: str
) -> None:
    policy = ISTIO.at(text)
    assert (policy.version, policy.title, policy.note) == (version, title, "")


def test_a_version_newer_than_all_known_is_judged_by_the_newest_and_says_so() -> None:
    policy = ISTIO.at("1.99.1")
    assert policy.version == ALL_VERSIONS[-1]
    assert policy.note.startswith("Istio 1.99.1 is newer than the newest version known here")


@pytest.mark.parametrize("text", ["", "auto", "0.8", "2.14", "latest", "1", "1.x"])
def test_a_version_nobody_knows_is_refused_with_the_list_of_known_ones(text: str) -> None:
    with pytest.raises(PolicyError) as caught:
        ISTIO.at(text)
    assert "1.0, 1.1" in caught.value.hint


def test_an_unknown_mesh_is_refused_with_the_list_of_known_ones() -> None:
    with pytest.raises(PolicyError) as caught:
        load_policy("maesh")
    assert "istio" in caught.value.hint


def test_inbound_sniffing_can_be_switched_on_where_it_ships_off() -> None:
    policy = ISTIO.at("1.3.6", {"sniff-inbound": "true"})
    assert treated(policy, declared()).inbound.as_ is Treatment.SNIFFED
    assert handled("1.3.6", declared()) == OUTBOUND_ONLY  # the shipped policy is untouched


def test_sniffing_can_be_switched_off_where_it_ships_on() -> None:
    policy = ISTIO.at("1.10", {"sniff-inbound": "false", "sniff-outbound": "off"})
    seen = treated(policy, declared("web"))
    assert seen.settled("http") == OPAQUE
    assert seen.outbound.because.endswith("outbound sniffing is off")


def test_http10_makes_sniffing_accept_http_1_0_again() -> None:
    assert "http/1.0" in ISTIO.at("1.20", {"http10": "true"}).sniffable


def test_the_detection_timeout_can_be_set() -> None:
    policy = ISTIO.at("1.20", {"detection-timeout": "5s"})
    assert treated(policy, declared()).outbound.detection_timeout_ms == 5000


@pytest.mark.parametrize(
    ("version", "name", "value", "says"),
    [
        ("1.19", "sniff-inbound", "false", "always sniffs"),
        ("1.2", "sniff-outbound", "true", "does not sniff"),
        ("1.20", "sniff", "true", "no setting"),
        ("1.10", "sniff-inbound", "maybe", 'cannot be "maybe"'),
        ("1.20", "detection-timeout", "soon", 'cannot be "soon"'),
    ],
)
def test_a_setting_that_cannot_be_is_refused(
    version: str, name: str, value: str, says: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        ISTIO.at(version, {name: value})
    assert says in str(caught.value)
    assert caught.value.hint


def test_an_unknown_setting_is_answered_with_the_known_ones() -> None:
    with pytest.raises(PolicyError) as caught:
        ISTIO.at("1.10", {"sniffing": "on"})
    assert "sniff-inbound" in caught.value.hint


# --- advice -------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ALL_VERSIONS)
@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ("http", Treatment.HTTP),
        ("websocket", Treatment.HTTP),
        ("http2", Treatment.HTTP2),
        ("grpc", Treatment.HTTP2),
        ("grpc-web", Treatment.HTTP2),
        ("tls", Treatment.OPAQUE),
        ("mysql", Treatment.OPAQUE),
        ("redis", Treatment.OPAQUE),
        ("mongo", Treatment.OPAQUE),
        ("kafka", Treatment.OPAQUE),
    ],
)
def test_a_suggested_word_is_treated_as_the_protocol_it_is_suggested_for(
    version: str, protocol: str, expected: Treatment
) -> None:
    policy = ISTIO.at(version)
    suggested = treated(policy, declared("tcp-x"))
    by_name = treated(policy, declared(suggested.word_for(protocol) + "-x"))
    assert (by_name.outbound.as_, by_name.cause) == (expected, Cause.EXPLICIT)
    if suggested.honours_app_protocol:
        by_app_protocol = treated(policy, declared("tcp-x", suggested.app_protocol_for(protocol)))
        assert (by_app_protocol.inbound.as_, by_app_protocol.cause) == (expected, Cause.EXPLICIT)


def test_a_sniffed_port_was_opaque_in_the_last_version_that_did_not_sniff_inbound() -> None:
    older = newest_older_opaque(ISTIO.at("1.20.3"), declared(), "http")
    assert older is not None
    assert older.version == "1.5"


def test_a_declared_port_was_never_opaque() -> None:
    assert newest_older_opaque(ISTIO.at("1.20"), declared("http"), "http") is None


def test_the_oldest_version_has_no_older_one() -> None:
    assert newest_older_opaque(ISTIO.at("1.0"), declared(), "http") is None


# --- laws ---------------------------------------------------------------------------------------


def test_every_minor_version_is_listed_once_and_in_order() -> None:
    versions = [maybe_version(text) for text in ALL_VERSIONS]
    assert all(a and b and b.minor == a.minor + 1 for a, b in pairwise(versions))


def test_without_a_mesh_nothing_is_proxied() -> None:
    seen = treated(load_policy("none").at(""), declared("http"))
    assert seen.settled("http") == NOT_PROXIED
    assert (seen.outbound.because, seen.cause) == ("no mesh", Cause.NO_MESH)


POLICIES: list[VersionPolicy] = [ISTIO.at(version) for version in ALL_VERSIONS]


@given(
    st.sampled_from(POLICIES),
    st.text(max_size=20),
    st.none() | st.text(max_size=20),
    st.integers(1, 65_535),
)
def test_any_declaration_has_a_treatment_and_a_reason(
    policy: VersionPolicy, name: str, app_protocol: str | None, port: int
) -> None:
    seen = treated(policy, declared(name, app_protocol, port))
    assert seen.outbound.because
    assert seen.inbound.because
    assert Treatment.SNIFFED not in seen.settled("http")


@pytest.mark.parametrize("mesh", MESHES)
def test_every_policy_file_is_read_at_all_its_versions(mesh: str) -> None:
    policy = load_policy(mesh)
    for version in policy.versions or ("",):
        assert policy.at(version).mesh == mesh
