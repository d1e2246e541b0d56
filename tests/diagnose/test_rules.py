"""What each rule says about a port, told as situations: name, mesh version, what was observed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sniffdiag.catalog.services import Edit, EditedField, ServicePort, Stated
from sniffdiag.diagnose import declaration_drift
from sniffdiag.diagnose.diagnose import diagnose_port, verdict
from sniffdiag.diagnose.finding import Finding
from sniffdiag.diagnose.rules import RULES
from sniffdiag.diagnose.wording import history
from sniffdiag.model import Direction, Leg, PortVerdict, Severity, Shown, Transport
from sniffdiag.observe.change import Answers, Moment, TreatmentChange
from sniffdiag.observe.conduct import Conduct, Spread
from sniffdiag.observe.http_counts import Counted, HttpCounts
from sniffdiag.observe.port_observation import (
    DirectionShown,
    PortObservation,
    PortShown,
    ProxyReply,
    ReleaseShown,
    Undecided,
)
from tests.support.observations import (
    CLIENT,
    SERVER,
    happened,
    inferred,
    port,
    renamed_from,
    replied,
    seen,
    sighting,
)

OPAQUE = "http-on-opaque-port"
OK, MISMATCH, AT_RISK = PortVerdict.OK, PortVerdict.MISMATCH, PortVerdict.AT_RISK

# situation, port name, version, protocol and shape, expected rules, expected verdict
SITUATIONS = [
    ("http on http-", "http-web", "1.3.6", ("http", {}), [], OK),
    ("http on tcp-, old", "tcp-web", "1.1", ("http", {}), [OPAQUE], MISMATCH),
    ("http on tcp-, new", "tcp-web", "1.30", ("http", {}), [OPAQUE], MISMATCH),
    ("the console's name", "tcp-8080-8080", "1.3.6", ("http", {}), [OPAQUE], MISMATCH),
    ("unnamed before sniffing", "", "1.1", ("http", {}), [OPAQUE], MISMATCH),
    ("unnamed, only outbound sniffed", "", "1.3.6", ("http", {}), [OPAQUE], MISMATCH),
    ("unnamed, both sniffed", "", "1.20", ("http", {}), ["saved-by-sniffing"], OK),
    ("near miss, old", "http2foo", "1.1", ("http", {}), [OPAQUE], MISMATCH),
    ("near miss, new", "http2foo", "1.20", ("http", {}), ["saved-by-sniffing"], OK),
    ("HTTP/1.0 on sniffed 1.20", "", "1.20", ("http", {"http_1_0": True}), [OPAQUE], MISMATCH),
    ("gRPC on sniffed 1.4", "", "1.4", ("grpc", {}), [OPAQUE], MISMATCH),
    ("gRPC on sniffed 1.20", "", "1.20", ("grpc", {}), ["saved-by-sniffing"], OK),
    (
        "plain HTTP on https-",
        "https-web",
        "1.20",
        ("http", {}),
        [OPAQUE, "plaintext-on-tls-port"],
        MISMATCH,
    ),
    ("gRPC on http-", "http-api", "1.20", ("grpc", {}), ["http2-on-http1-port"], MISMATCH),
    (
        "gRPC that a proxy turned into HTTP/1",
        "http-api",
        "1.20",
        ("http", {"grpc_over_http1": True}),
        ["http2-on-http1-port"],
        MISMATCH,
    ),
    (
        "requests that the server answers in HTTP/2",
        "http-api",
        "1.20",
        ("http", {"answered": "http2"}),
        ["http2-on-http1-port"],
        MISMATCH,
    ),
    ("HTTP/1 on grpc-", "grpc-api", "1.20", ("http", {}), ["http1-on-http2-port"], MISMATCH),
    (
        "HTTP/2 refused by an HTTP/1 server on http2-",
        "http2-api",
        "1.20",
        ("http2", {"answered": "http"}),
        ["http1-on-http2-port"],
        MISMATCH,
    ),
    ("gRPC on grpc-", "grpc-api", "1.20", ("grpc", {}), [], OK),
    ("gRPC-Web on grpc-web-", "grpc-web-ui", "1.20", ("grpc-web", {}), [], OK),
    ("WebSocket on http-", "http-ws", "1.3.6", ("websocket", {}), [], OK),
    ("WebSocket on tcp-", "tcp-ws", "1.3.6", ("websocket", {}), [OPAQUE], MISMATCH),
    ("TLS on http-", "http-web", "1.20", ("tls", {}), ["tls-on-http-port"], MISMATCH),
    ("TLS on https-", "https-web", "1.20", ("tls", {}), [], OK),
    ("TLS on tcp-", "tcp-web", "1.20", ("tls", {}), [], OK),
    (
        "TLS that offers http/1.1 on a port sniffed by its ALPN",
        "",
        "1.7",
        ("tls", {"alpn_http": True}),
        ["tls-on-http-port"],
        MISMATCH,
    ),
    (
        "the same after the match asks for clear text",
        "",
        "1.8",
        ("tls", {"alpn_http": True}),
        [],
        OK,
    ),
    ("redis on http-", "http-cache", "1.20", ("redis", {}), ["opaque-on-http-port"], MISMATCH),
    ("nameless bytes on http-", "http-x", "1.20", ("tcp", {}), ["opaque-on-http-port"], MISMATCH),
    ("redis on redis-", "redis-cache", "1.20", ("redis", {}), [], OK),
    ("redis on tls-", "tls-cache", "1.20", ("redis", {}), ["plaintext-on-tls-port"], AT_RISK),
    (
        "PROXY header on http-",
        "http-web",
        "1.20",
        ("http", {"prelude": "proxy-v1"}),
        ["proxy-protocol-on-http-port"],
        MISMATCH,
    ),
    (
        "MySQL on an unnamed port",
        "",
        "1.20",
        ("mysql", {"server_first": True}),
        ["server-first-on-sniffed-port"],
        AT_RISK,
    ),
    ("MySQL on tcp-", "tcp-db", "1.20", ("mysql", {"server_first": True}), [], OK),
    ("an HTTP client of a MySQL server", "tcp-db", "1.20", ("http", {"answered": "mysql"}), [], OK),
    ("redis on an unknown name", "cache", "1.20", ("redis", {}), ["unrecognised-port-name"], OK),
]


@pytest.mark.parametrize(
    ("name", "version", "what", "rules", "expected"),
    [situation[1:] for situation in SITUATIONS],
    ids=[situation[0] for situation in SITUATIONS],
)
def test_one_kind_of_traffic_on_one_port(
    name: str, version: str, what: tuple[str, dict[str, Any]], rules: list[str], expected: str
) -> None:
    protocol, shape = what
    observation = seen(port(name), version, sighting(protocol, **shape))
    findings = diagnose_port(observation)
    assert [f.name for f in findings] == rules
    assert verdict(observation, findings) is expected


def only_finding(observation: PortObservation, name: str) -> Finding:
    (found,) = [f for f in diagnose_port(observation) if f.name == name]
    return found


def test_the_incident_reads_as_a_sentence_with_frames_and_a_rename() -> None:
    found = only_finding(seen(port("tcp-web"), "1.3.6", sighting("http", 1204)), OPAQUE)
    assert found.message == (
        'port 8080 "tcp-web" of shop/reviews is declared tcp, so Istio 1.3.6 treats it as opaque '
        'TCP outbound and inbound (name "tcp-web" begins with "tcp"); 1,204 HTTP/1.1 requests in '
        "1,204 connections were observed"
    )
    assert [proof.frame for proof in found.evidence] == [7]
    assert found.fix is not None
    assert found.fix.command == (
        "kubectl -n shop patch service reviews --type strategic -p "
        '\'{"spec":{"ports":[{"port":8080,"protocol":"TCP","name":"http-web"}]}}\''
    )


def test_where_app_protocol_is_honoured_the_fix_sets_it_and_renames_nothing() -> None:
    found = only_finding(seen(port("tcp-web"), "1.20", sighting("http")), OPAQUE)
    assert found.fix is not None
    assert '"appProtocol":"http"' in found.fix.command
    assert '"name"' not in found.fix.command
    assert any("Azure" in trap for trap in found.fix.traps)


@pytest.mark.parametrize(
    ("declared", "protocol", "expected"),
    [
        (port("tcp-9080-8080", edits=(renamed_from("http-web"),)), "http", "http-web"),
        (port("tcp-9080-8080", edits=(renamed_from("grpc-api"),)), "http", "http-9080-8080"),
        (port("8080-8080-tcp"), "http", "http-8080-8080-tcp"),
        (port("http2foo"), "grpc", "grpc-foo"),
        (port(""), "http", "http"),
        (port("web"), "http2", "http2-web"),
        (port("tcp-" + "x" * 59), "http2", "http2-" + "x" * 57),
    ],
    ids=[
        "the applied name comes back",
        "an applied name that says something else does not",
        "numbers stay",
        "a near miss loses its wrong word",
        "no name becomes the bare word",
        "a plain word is kept behind the dash",
        "63 characters at most",
    ],
)
def test_renaming_keeps_what_the_old_name_said(
    declared: ServicePort, protocol: str, expected: str
) -> None:
    found = only_finding(seen(declared, "1.3.6", sighting(protocol)), OPAQUE)
    assert found.fix is not None
    assert f'"name":"{expected}"' in found.fix.command


def test_a_hostile_service_name_cannot_leave_the_command() -> None:
    hostile = ServicePort("shop; rm -rf ~", "$(reboot)'", 8080, "tcp-web")
    found = only_finding(seen(hostile, "1.3.6", sighting("http")), OPAQUE)
    assert found.fix is not None
    assert found.fix.command.startswith(
        "kubectl -n 'shop; rm -rf ~' patch service '$(reboot)'\"'\"''"
    )


def test_a_stray_client_below_five_per_cent_accuses_nobody() -> None:
    observation = seen(port("http-web"), "1.20", sighting("http", 99), sighting("redis", 1))
    assert diagnose_port(observation) == []


def test_udp_ports_are_left_alone() -> None:
    observation = seen(port("dns", 53, transport=Transport.UDP), "1.20", sighting("dns"))
    assert diagnose_port(observation) == []
    assert verdict(observation, []) is OK


def test_tunnels_of_an_ambient_mesh_are_explained_and_no_port_is_blamed() -> None:
    """The declared name of a port says nothing where ztunnel works on layer 4 (T18)."""
    ambient = stating(**{"Namespace istio.io/dataplane-mode": "ambient"})
    observation = replace(seen(port("tcp-web", stated=ambient), "1.24"), tunnelled_flows=3)
    found = diagnose_port(observation)
    assert {f.name: f.severity for f in found} == {
        "layer-4-only": Severity.INFO,
        "thin-evidence": Severity.INFO,
    }
    assert "3 tunnels (HBONE) to the pods behind port 8080" in " ".join(f.message for f in found)
    assert verdict(observation, found) is PortVerdict.UNKNOWN
    sidecars = replace(seen(port("tcp-web"), "1.24"), tunnelled_flows=3)
    (thin,) = diagnose_port(sidecars)
    assert (thin.name, "proxy's own port" in thin.message) == ("thin-evidence", True)


def test_nothing_readable_is_thin_evidence_and_not_ok() -> None:
    observation = seen(
        port("http-web"), "1.20", undecided=(Undecided("no payload", 2),), mesh_mtls_flows=3
    )
    (found,) = diagnose_port(observation)
    assert found.name == "thin-evidence"
    assert "2 connections: no payload; 3 connections: the mesh's own mutual TLS" in found.message
    assert verdict(observation, [found]) is PortVerdict.UNKNOWN


def test_two_services_on_one_pod_port_are_named() -> None:
    other = ServicePort("ops", "reviews-metrics", 9090, "tcp-metrics")
    observation = seen(port("http-web"), "1.20", sighting("http"), contradicted_by=(other,))
    found = only_finding(observation, "conflicting-declarations")
    assert "ops/reviews-metrics:9090 as tcp-metrics" in found.message


def test_a_name_against_its_app_protocol_is_told_but_the_treatment_decides() -> None:
    observation = seen(port("tcp-web", app_protocol="http"), "1.20", sighting("http"))
    found = only_finding(observation, "conflicting-declarations")
    assert "goes by appProtocol" in found.message
    assert verdict(observation, [found]) is OK


# --- drift --------------------------------------------------------------------------------------

DRIFT = "declaration-drift"


def edited(name: str, before: str | None, **edit: Any) -> ServicePort:
    return port(name, edits=(renamed_from(before, name or None, **edit),))


def observed_on(declared: ServicePort, *protocols: str, version: str = "1.3.6") -> PortObservation:
    """With what the mesh did to the port as it was applied, as the pipeline adds it."""
    now = seen(declared, version, *(sighting(p) for p in protocols))
    applied = declared.before_edits()
    before = seen(applied, version).treated if applied else None
    return replace(now, treated=replace(now.treated, before_edits=before))


DRIFTS = [
    ("opaque now, no traffic", ("tcp-1", "http-web"), (), Severity.WARNING, PortVerdict.NO_TRAFFIC),
    ("other words, same treatment", ("http-a", "http-b"), ("http",), Severity.INFO, OK),
    ("other words, no traffic", ("http-a", "http-b"), (), Severity.INFO, PortVerdict.NO_TRAFFIC),
    ("the edit was the repair", ("http-a", "tcp-a"), ("http",), Severity.INFO, OK),
    ("right for what is spoken", ("tcp-db", "http-db"), ("mysql",), Severity.INFO, OK),
]


@pytest.mark.parametrize(
    ("names", "protocols", "severity", "expected"),
    [drift[1:] for drift in DRIFTS],
    ids=[drift[0] for drift in DRIFTS],
)
def test_an_edit_matters_as_much_as_it_changes_for_the_worse(
    names: tuple[str, str], protocols: tuple[str, ...], severity: Severity, expected: PortVerdict
) -> None:
    observation = observed_on(edited(*names), *protocols)
    found = only_finding(observation, DRIFT)
    assert (found.severity, verdict(observation, [found])) == (severity, expected)


def test_drift_that_broke_the_port_is_told_by_the_finding_about_the_breakage() -> None:
    found = diagnose_port(observed_on(edited("tcp-8080-8080", "http-web"), "http"))
    assert [f.name for f in found] == [OPAQUE]
    assert found[0].message.endswith(
        'it was "http-web" until 2026-11-22T22:09:14Z, when manager tke-apiserver renamed it'
    )


def test_drift_that_leaves_the_port_at_risk_is_a_finding_of_its_own() -> None:
    """Sniffing saves it for now."""
    observation = observed_on(edited("web", "http-web"), "http", version="1.20")
    found = {f.name: f for f in diagnose_port(observation)}
    assert found.keys() == {"saved-by-sniffing", DRIFT}
    assert found[DRIFT].severity is Severity.INFO


def test_drift_yields_to_every_rule_that_tells_it() -> None:
    tell = {rule.name for rule in RULES if rule.verdict is MISMATCH}
    assert tell == set(declaration_drift.RULE.yields_to)


def test_the_fix_of_drift_puts_back_what_was_applied() -> None:
    declared = edited("tcp-1", "http-web")
    found = only_finding(observed_on(declared), DRIFT)
    assert found.fix is not None
    assert '"name":"http-web"' in found.fix.command
    assert found.fix.traps == ("tke-apiserver will write its own again when it next saves",)


APP_PROTOCOL = EditedField.APP_PROTOCOL
AT = "2026-11-22T22:09:14Z, when manager tke-apiserver"


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (renamed_from("http"), f'it was "http" until {AT} renamed it'),
        (renamed_from(None), f"it had no name until {AT} named it"),
        (renamed_from("http", None), f'it was "http" until {AT} removed the name'),
        (
            renamed_from("http", "tcp", field=APP_PROTOCOL),
            f'its appProtocol was "http" until {AT} changed it',
        ),
        (
            renamed_from(None, "tcp", field=APP_PROTOCOL),
            f"it had no appProtocol until {AT} set it",
        ),
        (
            renamed_from("http", None, field=APP_PROTOCOL),
            f'its appProtocol was "http" until {AT} removed it',
        ),
        (renamed_from("http", manager="", at_ns=None), 'it was "http" before somebody renamed it'),
        (
            renamed_from(None, before_known=False),
            f"manager tke-apiserver, who did not make the port, set its name at {AT[:20]}",
        ),
    ],
)
def test_an_edit_in_words(edit: Edit, said: str) -> None:
    assert history(port(edits=(edit,))) == said


# --- other meshes than Istio --------------------------------------------------------------------

OPAQUE_PORTS = "Service config.linkerd.io/opaque-ports"


def stating(**stated: str) -> tuple[Stated, ...]:
    return tuple(Stated(source, value, "shop/x") for source, value in stated.items())


@pytest.mark.parametrize(
    ("mesh", "version", "declared", "what", "rules"),
    [
        ("linkerd", "2.14", port("tcp-web"), ("http", {}), []),
        ("linkerd", "2.14", port("", 5432), ("http", {}), [OPAQUE]),
        ("linkerd", "2.18", port("", app_protocol="grpc"), ("grpc", {}), [OPAQUE]),
        ("linkerd", "2.18", port("", app_protocol="http"), ("http", {}), []),
        (
            *("linkerd", "2.18", port("", app_protocol="http"), ("grpc", {})),
            ["http2-on-http1-port"],
        ),
        (
            *("linkerd", "2.14", port("nats", 4222), ("nats", {"server_first": True})),
            ["server-first-on-sniffed-port"],
        ),
        ("linkerd", "2.14", port("db", 3306), ("mysql", {"server_first": True}), []),
        ("kuma", "2.9", port("http-web"), ("http", {}), [OPAQUE]),
        ("kuma", "2.9", port("tcp-web", app_protocol="http"), ("http", {}), []),
        ("osm", "", port("db", 3306), ("mysql", {"server_first": True}), ["opaque-on-http-port"]),
        ("osm", "", port("http-web"), ("grpc", {}), []),
        ("consul", "", port("http-web"), ("http", {}), [OPAQUE]),
        ("app-mesh", "", port("tcp-web"), ("http", {}), []),
        ("cilium", "1.20", port("tcp-web"), ("http", {}), []),
        (
            *("cilium", "1.20"),
            port("", stated=stating(**{"CiliumNetworkPolicy rules": "http"})),
            ("grpc", {}),
            [],
        ),
        (
            *("cilium", "1.20"),
            port("", stated=stating(**{"CiliumNetworkPolicy rules": "http"})),
            ("redis", {}),
            ["opaque-on-http-port"],
        ),
        ("ingress-nginx", "", port("grpc-api"), ("grpc", {}), []),
        (
            *("ingress-nginx", "", port("grpc-api", stated=stating(**{"Ingress backend": "http"}))),
            ("grpc", {}),
            ["http2-on-http1-port"],
        ),
        (
            *("traefik", "", port("https-web", stated=stating(**{"Ingress backend": "http"}))),
            ("http", {}),
            ["plaintext-on-tls-port"],
        ),
        (
            *("traefik", "", port("https-web", stated=stating(**{"Ingress backend": "http"}))),
            ("tls", {}),
            [],
        ),
        (
            *("istio", "1.24"),
            port("tcp-web", stated=stating(**{"Namespace istio.io/dataplane-mode": "ambient"})),
            ("http", {}),
            ["layer-4-only"],
        ),
        (
            *("istio", "1.24"),
            port("tcp-db", stated=stating(**{"Namespace istio.io/dataplane-mode": "ambient"})),
            ("mysql", {"server_first": True}),
            [],
        ),
    ],
)
def test_every_mesh_is_judged_by_its_own_reading(
    mesh: str,
    version: str,
    declared: ServicePort,
    what: tuple[str, dict[str, Any]],
    rules: list[str],
) -> None:
    protocol, shape = what
    observation = seen(declared, version, sighting(protocol, **shape), mesh=mesh)
    assert [f.name for f in diagnose_port(observation)] == rules


@pytest.mark.parametrize(
    ("mesh", "version", "says"),
    [
        ("istio", "1.20", "upstream connections speak HTTP/1.1"),
        ("linkerd", "2.18", "refuses HTTP/2"),
    ],
)
def test_what_comes_of_http2_on_an_http1_port_depends_on_the_mesh(
    mesh: str, version: str, says: str
) -> None:
    observation = seen(port("", app_protocol="http"), version, sighting("grpc"), mesh=mesh)
    assert says in only_finding(observation, "http2-on-http1-port").message


@pytest.mark.parametrize(
    ("mesh", "version", "declared", "protocol", "command"),
    [
        (
            *("linkerd", "2.14", port("", 5432), "http"),
            "service reviews config.linkerd.io/opaque-ports=25,587,3306,4444,6379,9300,11211",
        ),
        (
            *("linkerd", "2.14", port("", 5432, stated=stating(**{OPAQUE_PORTS: "5432"})), "http"),
            "config.linkerd.io/opaque-ports=",
        ),
        (*("linkerd", "2.18", port("", app_protocol="grpc"), "grpc"), '"kubernetes.io/h2c"'),
        (*("kuma", "2.9", port("http-web"), "grpc"), '"appProtocol":"grpc"'),
        (*("consul", "", port("http-web"), "http2"), "patch servicedefaults reviews"),
    ],
)
def test_a_fix_is_one_that_this_mesh_reads(
    mesh: str, version: str, declared: ServicePort, protocol: str, command: str
) -> None:
    found = only_finding(seen(declared, version, sighting(protocol), mesh=mesh), OPAQUE)
    assert found.fix is not None
    assert command in found.fix.command
    assert "{" not in found.fix.command.replace('{"', "")


def test_a_fix_that_no_command_makes_says_what_to_do() -> None:
    backend = port("", stated=stating(**{"Ingress backend": "http"}))
    observation = seen(backend, "", sighting("grpc"), mesh="ingress-nginx")
    found = only_finding(observation, "http2-on-http1-port")
    assert found.fix is not None
    assert 'backend-protocol: "GRPC"' in found.fix.summary
    assert found.fix.command == ""


# --- how connections went -----------------------------------------------------------------------

SILENT, REFUSED, DELAY = "silent-connections", "connection-refused", "constant-first-byte-delay"
NO_PAYLOAD = (Undecided("no payload", 3),)


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [
        ("", "1.20", [SILENT]),
        ("", "1.3.6", [SILENT]),
        ("http-db", "1.20", [SILENT]),
        ("tcp-db", "1.20", ["thin-evidence"]),
        ("", "1.1", ["thin-evidence"]),
    ],
)
def test_silence_is_told_where_the_proxy_waits_for_the_client(
    name: str, version: str, expected: list[str]
) -> None:
    conduct = Conduct(silent=happened(3, Leg.APP_TO_PROXY))
    opaque = DirectionShown(Shown.OPAQUE, "its proxy connected before the client spoke")
    shown = PortShown(outbound=opaque, inbound=opaque)
    passed_on = seen(port("http-web"), "1.20", conduct=conduct, shown=shown)
    assert SILENT not in {f.name for f in diagnose_port(passed_on)}
    observation = seen(port(name), version, conduct=conduct, undecided=NO_PAYLOAD)
    assert [f.name for f in diagnose_port(observation)] == expected


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, AT_RISK),
        ({"mesh_mtls_flows": 2}, PortVerdict.UNKNOWN),
    ],
)
def test_silence_leaves_the_port_at_risk(more: dict[str, Any], expected: PortVerdict) -> None:
    conduct = Conduct(silent=happened())
    observation = seen(port("db"), "1.20", conduct=conduct, undecided=NO_PAYLOAD, **more)
    assert verdict(observation, diagnose_port(observation)) is expected


def test_a_pool_beside_talking_clients_is_no_silence() -> None:
    observation = seen(
        port("http-web"), "1.20", sighting("http"), conduct=Conduct(silent=happened())
    )
    assert diagnose_port(observation) == []


def test_silence_on_the_clients_own_leg_is_the_surer_sign() -> None:
    sure, unsure = (
        only_finding(
            seen(port("db"), "1.20", conduct=Conduct(silent=happened(1, leg))), SILENT
        ).confidence
        for leg in (Leg.APP_TO_PROXY, Leg.WIRE)
    )
    assert sure > unsure


def test_servers_that_were_heard_speaking_first_explain_the_silence() -> None:
    observation = seen(
        port("db"),
        "1.20",
        sighting("mysql", server_first=True),
        conduct=Conduct(silent=happened(), first_byte_wait=Spread(3, 10**8, 10**8, 10**8)),
    )
    (found,) = diagnose_port(observation)
    assert found.name == "server-first-on-sniffed-port"
    assert "first byte came 0.10 s after the handshake" in found.message


@pytest.mark.parametrize(
    ("conduct", "says"),
    [
        (Conduct(refused=happened(1)), "1 connection refused by a RST"),
        (Conduct(unanswered=happened(2)), "2 SYNs without any answer"),
        (
            Conduct(refused=happened(1), unanswered=happened(2)),
            "1 connection refused by a RST and 2 SYNs without any answer",
        ),
    ],
)
def test_a_refusal_is_told_and_blames_no_declaration(conduct: Conduct, says: str) -> None:
    observation = seen(port("http-web"), "1.20", conduct=conduct, undecided=NO_PAYLOAD)
    (found,) = diagnose_port(observation)
    assert (found.name, found.severity) == (REFUSED, Severity.INFO)
    assert found.message.startswith(says)
    assert verdict(observation, [found]) is PortVerdict.UNKNOWN


def test_refusals_beside_a_mismatch_do_not_hide_it() -> None:
    observation = seen(
        port("tcp-web"), "1.20", sighting("http"), conduct=Conduct(refused=happened(1))
    )
    assert [f.name for f in diagnose_port(observation)] == [OPAQUE, REFUSED]


def delayed(flows: int, *ms: int) -> Conduct:
    least, median, most = (each * 10**6 for each in ms)
    return Conduct(first_byte_wait=Spread(flows, least, median, most))


@pytest.mark.parametrize(
    ("name", "version", "conduct", "expected"),
    [
        ("tcp-mail", "1.20", delayed(3, 5001, 5002, 5040), [DELAY]),
        ("tcp-mail", "1.20", delayed(3, 1000, 1001, 1003), [DELAY]),
        ("tcp-mail", "1.20", delayed(2, 5001, 5002, 5003), []),
        ("tcp-mail", "1.20", delayed(9, 4001, 5002, 6003), []),
        ("tcp-mail", "1.20", delayed(9, 3001, 3002, 3003), []),
        ("tcp-mail", "1.20", delayed(9, 100, 100, 101), []),
        ("tcp-mail", "1.20", delayed(9, 10_001, 10_002, 10_003), []),
        ("", "1.7", delayed(9, 5001, 5002, 5003), ["server-first-on-sniffed-port"]),
    ],
)
def test_a_constant_wait_is_told_where_it_is_no_declared_sniffing(
    name: str, version: str, conduct: Conduct, expected: list[str]
) -> None:
    mail = sighting("smtp", server_first=True)
    observation = seen(port(name), version, mail, conduct=conduct)
    assert [f.name for f in diagnose_port(observation)] == expected


SEALED = [
    ("HTTP by sizes on tcp-", "tcp-web", ("http", 0.6), OPAQUE, Severity.WARNING),
    ("HTTP by ALPN, inbound unnamed", "", ("http", 0.95), OPAQUE, Severity.ERROR),
    ("HTTP by sizes on a name that says otherwise", "tcp-mongo", ("http", 0.6), None, None),
    ("another protocol by sizes on tcp-", "tcp-web", ("tcp", 0.8), None, None),
    ("HTTP by sizes on http-", "http-web", ("http", 0.6), None, None),
]


@pytest.mark.parametrize(
    ("name", "found", "rule", "severity"), [s[1:] for s in SEALED], ids=[s[0] for s in SEALED]
)
def test_what_only_the_meshs_own_tls_shows(
    name: str, found: tuple[str, float], rule: str | None, severity: Severity | None
) -> None:
    """A healthy port is judged ok, and an inference from sizes is never an error."""
    sealed = seen(
        port(name),
        "1.5",
        inferred=(inferred(*found),),
        mesh_mtls_flows=3,
        named_protocols=frozenset({"mongo"} if "mongo" in name else ()),
    )
    findings = diagnose_port(sealed)
    assert [(f.name, f.severity) for f in findings] == ([(rule, severity)] if rule else [])
    assert verdict(sealed, findings) is (MISMATCH if rule else OK)


def test_a_few_connections_that_look_like_http_accuse_no_port() -> None:
    sealed = seen(
        port("tcp-web"), "1.20", inferred=(inferred("tcp", 0.8, 5), inferred("http", 0.6, 5))
    )
    assert diagnose_port(sealed) == []


# --- proxies' own answers, and what else is no matter of this port's declaration ----------------

LISTENER, PLAIN, OLD = "http-listener-on-opaque-port", "plain-server-behind-tls", "http10-refused"
NEIGHBOUR = ServicePort("ops", "legacy", 8080, "http-8080", headless=True)


@pytest.mark.parametrize(
    ("name", "protocol", "reply", "expected"),
    [
        ("tcp-db", "redis", replied("DPE", 400), [LISTENER]),
        ("tcp-db", "tls", replied("DPE", 400), [LISTENER]),
        ("tcp-db", "redis", replied("DPE", 400, Direction.INBOUND), [LISTENER]),
        ("tcp-db", "redis", replied("UF", 503), []),
        ("http-db", "redis", replied("DPE", 400), ["opaque-on-http-port"]),
        ("tcp-web", "http", replied("DPE", 400), [OPAQUE]),
        ("http-web", "http", replied("low_version", 426), [OLD]),
        ("http-web", "http", replied("UPE", 502, Direction.INBOUND), ["http2-on-http1-port"]),
        ("grpc-api", "http2", replied("UPE", 502, Direction.INBOUND), ["http1-on-http2-port"]),
        ("http-web", "http", replied("UPE", 502), []),
        ("http-web", "http", replied("UC", 503, Direction.INBOUND), []),
        ("http-web", "http", replied("NR", 404), []),
        ("http-web", "http", replied("upgrade_failed", 403), ["upgrade-refused"]),
        ("http-web", "http", replied("l5d-proxy-error", 404), ["no-route-found"]),
        ("http-web", "http", replied("l5d-proxy-error", 502), []),
    ],
)
def test_a_proxys_own_answer_is_told_by_the_rule_for_it(
    name: str, protocol: str, reply: ProxyReply, expected: list[str]
) -> None:
    observation = seen(port(name), "1.20", sighting(protocol), replies=(reply,))
    assert [f.name for f in diagnose_port(observation)] == expected


def test_the_neighbour_whose_declaration_is_in_force_is_named() -> None:
    more: dict[str, Any] = {"replies": (replied("DPE", 400),), "neighbours": (NEIGHBOUR,)}
    found = only_finding(seen(port("tcp-db"), "1.20", sighting("redis"), **more), LISTENER)
    assert 'port 8080 is read as HTTP for ops/legacy "http-8080"' in found.message
    assert found.fix is not None
    assert "ops/legacy" in found.fix.summary


def test_a_neighbour_alone_accuses_nobody() -> None:
    observation = seen(port("tcp-db"), "1.20", sighting("redis"), neighbours=(NEIGHBOUR,))
    assert diagnose_port(observation) == []


@pytest.mark.parametrize(
    ("name", "shape", "severity"),
    [
        ("https-web", {"answered": "http"}, Severity.ERROR),
        ("tcp-web", {"answered": "http"}, Severity.WARNING),
        ("https-web", {}, None),
        ("https-web", {"answered": "http2"}, None),
    ],
)
def test_a_server_that_answers_tls_in_plain_http(
    name: str, shape: dict[str, Any], severity: Severity | None
) -> None:
    found = diagnose_port(seen(port(name), "1.20", sighting("tls", **shape)))
    assert [(f.name, f.severity) for f in found] == ([(PLAIN, severity)] if severity else [])


def test_a_stray_tls_client_of_a_plain_server_is_left_alone() -> None:
    tls = sighting("tls", 1, answered="http")
    observation = seen(port("tcp-web"), "1.20", sighting("redis", 99), tls)
    assert diagnose_port(observation) == []


def test_hanging_up_on_http_clients_is_told() -> None:
    conduct = Conduct(unserved=happened(2))
    (found,) = diagnose_port(seen(port("http-web"), "1.20", sighting("http"), conduct=conduct))
    assert (found.name, found.severity) == ("closed-without-answer", Severity.INFO)


def test_hanging_up_on_an_opaque_port_is_part_of_the_finding_about_the_port() -> None:
    conduct = Conduct(unserved=happened(2))
    (found,) = diagnose_port(seen(port("tcp-web"), "1.20", sighting("http"), conduct=conduct))
    assert found.name == OPAQUE
    assert "2 connections were ended without an answer" in found.message


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        (port("tcp-443", 443, external_name=True), ["external-name-without-http"]),
        (port("https-443", 443, external_name=True), []),
        (port("http-web", external_name=True), []),
        (port("tcp-443", 443), []),
    ],
)
def test_an_external_name_needs_a_host_or_an_sni_to_be_told_by(
    declared: ServicePort, expected: list[str]
) -> None:
    observation = seen(declared, "1.20")
    assert [f.name for f in diagnose_port(observation)] == expected
    assert verdict(observation, diagnose_port(observation)) is PortVerdict.NO_TRAFFIC


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [
        ("", "1.20", [OPAQUE]),
        ("", "1.30", ["saved-by-sniffing"]),
        ("http-web", "1.20", []),
    ],
)
def test_a_method_of_no_registry_is_not_sniffed_by_older_inspectors(
    name: str, version: str, expected: list[str]
) -> None:
    found = diagnose_port(seen(port(name), version, sighting("http", unusual_method=True)))
    assert [f.name for f in found] == expected


def test_what_goes_to_pods_past_their_service_may_be_passed_on_unread() -> None:
    shown = PortShown(outbound=DirectionShown(Shown.OPAQUE, "a mark", sure=True))
    web = seen(port("http-web"), "1.20", sighting("http"), shown=shown)
    assert [f.name for f in diagnose_port(web)] == ["http-port-passed-on-unread"]
    assert diagnose_port(replace(web, dialled_pods=True)) == []


def test_the_other_sides_sniffing_tells_of_this_ones() -> None:
    odd = sighting("http", unusual_method=True)
    shown = PortShown(outbound=DirectionShown(Shown.HTTP, "a mark"))
    assert OPAQUE not in {f.name for f in diagnose_port(seen(port(""), "1.20", odd, shown=shown))}


def test_a_method_that_the_proxies_are_seen_to_recognise_is_no_offence() -> None:
    odd = sighting("http", unusual_method=True)
    http = DirectionShown(Shown.HTTP, "a mark")
    shown = PortShown(outbound=http, inbound=http)
    assert OPAQUE in {f.name for f in diagnose_port(seen(port(""), "1.20", odd))}
    assert OPAQUE not in {f.name for f in diagnose_port(seen(port(""), "1.20", odd, shown=shown))}


@pytest.mark.parametrize(
    ("requests", "says"),
    [(500, "500 calls in 2 connections reach 2 pods at most"), (5, ""), (0, "")],
)
def test_calls_that_stick_to_a_pod_are_counted(requests: int, says: str) -> None:
    http = HttpCounts(Counted.HEADS, methods=(("POST", requests),) if requests else ())
    found = only_finding(seen(port("tcp-api"), "1.20", sighting("grpc", 2), http=http), OPAQUE)
    assert says in found.message
    assert ("balanced by connection" in found.message) is bool(says)


@pytest.mark.parametrize(
    ("name", "protocol", "shape", "expected"),
    [
        ("https-web", "tls", {"alert": "certificate_expired"}, ["tls-handshake-failed"]),
        ("tcp-web", "tls", {"alert": "certificate_expired"}, ["tls-handshake-failed"]),
        ("http-web", "tls", {"alert": "certificate_expired"}, ["tls-on-http-port"]),
        ("http-web", "http", {"answered": "tls"}, ["tls-server-on-http-port"]),
        ("https-web", "http", {"answered": "tls"}, ["plaintext-on-tls-port"]),
        ("tcp-web", "http", {"answered": "tls"}, []),
    ],
)
def test_tls_that_does_not_come_about(
    name: str, protocol: str, shape: dict[str, Any], expected: list[str]
) -> None:
    found = diagnose_port(seen(port(name), "1.20", sighting(protocol, **shape)))
    assert [f.name for f in found] == expected


def test_an_alert_is_named() -> None:
    failed = sighting("tls", alert="unknown_ca")
    found = only_finding(seen(port("https-web"), "1.20", failed), "tls-handshake-failed")
    assert "unknown_ca" in found.message
    assert found.severity is Severity.INFO


# --- a change while the capture ran -------------------------------------------------------------


def changed(
    before: Shown, after: Shown, direction: Direction = Direction.OUTBOUND
) -> TreatmentChange:
    """At 22:13:20.250, from 1 of 500 failures to 37 of 100."""
    at = 1_700_000_000_000_000_000
    return TreatmentChange(
        direction,
        before,
        after,
        Moment(812, at + 250_000_000, CLIENT, SERVER, Leg.WIRE),
        Moment(840, at + 950_000_000, CLIENT, SERVER, Leg.WIRE),
        connections=60,
        misfits=1,
        chance=0.0004,
        answers=(Answers(50, 500, 1), Answers(10, 100, 37)),
    )


def test_a_change_of_treatment_is_told_with_its_place_and_what_it_did() -> None:
    change = changed(Shown.HTTP, Shown.OPAQUE)
    observation = seen(port("http-web"), "1.20", sighting("http"), changes=(change,))
    found = only_finding(observation, "treatment-changed")
    assert found.message == (
        'the client\'s proxy changed how it treats port 8080 "http-web" of shop/reviews from http '
        "to opaque between 22:13:20.250 and 22:13:20.950 (frames 812-840); failed requests "
        "went from 1 of 500 (0.2%) to 37 of 100 (37.0%)"
    )
    assert [proof.frame for proof in found.evidence] == [812, 840]
    assert (found.severity, found.confidence) == (Severity.WARNING, 1.0)
    assert verdict(observation, [found]) is OK


def test_a_change_under_tls_does_not_tell_what_failed() -> None:
    sealed = Answers(5, 0, 0)
    change = replace(changed(Shown.HTTP, Shown.OPAQUE), answers=(sealed, sealed))
    observation = seen(port("http-web"), "1.20", sighting("tls"), changes=(change,))
    found = only_finding(observation, "treatment-changed")
    assert found.message.endswith("; no request can be read here, so what failed is not known")


def test_a_change_to_untouched_bytes_is_not_called_opaque() -> None:
    change = changed(Shown.HTTP, Shown.UNKNOWN, Direction.INBOUND)
    observation = seen(port("http-web"), "1.20", sighting("http"), changes=(change,))
    found = only_finding(observation, "treatment-changed")
    assert found.message.startswith("the server's proxy changed")
    assert "from http to untouched by HTTP filters between" in found.message


# --- treated against shown ----------------------------------------------------------------------

UNREAD_ERROR = {"http-port-passed-on-unread": Severity.ERROR}
UNREAD_WARNING = {"http-port-passed-on-unread": Severity.WARNING}
READ_AS_HTTP = {"opaque-port-read-as-http": Severity.WARNING}
REDIS_REFUSED = {"opaque-on-http-port": Severity.ERROR}
TREATED_AGAINST_SHOWN = [
    ("read as declared", "http-web", "http", Shown.HTTP, True, {}),
    ("passed on although declared http", "http-web", "http", Shown.OPAQUE, True, UNREAD_ERROR),
    ("the same by what may be imitated", "http-web", "http", Shown.OPAQUE, False, UNREAD_WARNING),
    ("some so and some otherwise", "http-web", "http", Shown.MIXED, True, {}),
    ("nothing shown", "http-web", "http", Shown.UNKNOWN, False, {}),
    ("bytes that no filter would take", "http-web", "redis", Shown.OPAQUE, True, REDIS_REFUSED),
    ("read although declared tcp", "tcp-cache", "redis", Shown.HTTP, True, READ_AS_HTTP),
    ("the same by what may be imitated", "tcp-cache", "redis", Shown.HTTP, False, {}),
    ("passed on as declared", "tcp-cache", "redis", Shown.OPAQUE, True, {}),
]


@pytest.mark.parametrize(
    ("name", "protocol", "as_", "sure", "expected"), [s[1:] for s in TREATED_AGAINST_SHOWN]
)
def test_what_is_shown_is_held_against_what_the_declaration_leads_to(
    name: str, protocol: str, as_: Shown, *, sure: bool, expected: dict[str, Severity]
) -> None:
    outbound = DirectionShown(as_, "a mark", sure=sure)
    observation = seen(port(name), "1.20", sighting(protocol), shown=PortShown(outbound=outbound))
    assert {f.name: f.severity for f in diagnose_port(observation)} == expected


def test_http_1_0_that_a_sniffing_listener_passes_on_is_not_blamed() -> None:
    outbound = DirectionShown(Shown.OPAQUE, "a mark", sure=True)
    old = sighting("http", http_1_0=True)
    observation = seen(port("http-web"), "1.20", old, shown=PortShown(outbound=outbound))
    assert diagnose_port(observation) == []


def test_the_incident_says_what_the_proxies_really_did() -> None:
    outbound = DirectionShown(Shown.OPAQUE, "the ALPN is a TCP proxy's", sure=True)
    found = only_finding(
        seen(port("tcp-web"), "1.20", sighting("http"), shown=PortShown(outbound=outbound)), OPAQUE
    )
    assert (
        "the proxies really handle it as TCP outbound: the ALPN is a TCP proxy's" in found.message
    )


@pytest.mark.parametrize(
    ("version", "since", "before", "speaks"),
    [
        ("1.3.6", (1, 5), None, True),
        ("1.20", (1, 5), None, False),
        ("1.20", None, (1, 5), True),
        ("1.4", None, (1, 5), False),
    ],
)
def test_a_version_that_the_packets_contradict(
    version: str, since: tuple[int, int] | None, before: tuple[int, int] | None, *, speaks: bool
) -> None:
    mark = ReleaseShown("an ALPN", since, before, sighting("http").exemplars)
    observation = seen(port("http-web"), version, sighting("http"), releases=(mark,))
    names = [f.name for f in diagnose_port(observation)]
    assert names == (["version-contradicted"] if speaks else [])
    assert verdict(observation, diagnose_port(observation)) is OK
