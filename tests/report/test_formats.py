"""Every format says the same, escapes what it must, and keeps its promises."""

from __future__ import annotations

import csv
import io
import json
from importlib import resources
from typing import Any

import jsonschema
import pytest
from markdown_it import MarkdownIt

from sniffdiag.catalog.services import ServicePort
from sniffdiag.identify.verdict import Alert, Facts
from sniffdiag.report.flow_formats import FLOW_FORMATS
from sniffdiag.report.formats import FORMATS
from sniffdiag.report.listing import FlowList, FlowRow
from tests.support.observations import port, seen, sighting
from tests.support.reports import CAPTURE, report_of

HOSTILE = 'x\x1b[2J\u202egnp|<img src=q onerror=a>`"\n=cmd'
"""Clears a terminal, turns text round, breaks tables and runs as HTML, if anyone lets it."""


def schema(name: str) -> dict[str, object]:
    text = resources.files("sniffdiag.report").joinpath(f"schemas/{name}").read_text("utf-8")
    return dict(json.loads(text))


def flow(**more: Any) -> FlowRow:
    row = FlowRow(
        client="10.244.1.10",
        client_port=40312,
        server="2001:db8::1",
        server_port=8080,
        transport="tcp",
        protocol="http",
        why="HTTP/1 request",
        confidence=1.0,
        oriented_by="syn",
        packets=9,
        bytes=900,
        packets_from_client=5,
        packets_from_server=4,
        payload_from_client=100,
        payload_from_server=200,
        first_frame=1,
        last_frame=9,
        first_ts_ns=1_700_000_000_000_000_001,
        duration_ns=5,
        tcp_stream=0,
        udp_stream=None,
        encapsulation="",
        sni=None,
        alpn=(),
        answered=None,
        copies=0,
        twin_of=None,
    )
    return row._replace(**more)


@pytest.fixture
def incident_text() -> dict[str, str]:
    report = report_of(seen(port("tcp-web"), "1.3.6", sighting("http", 1204)))
    return {name: render(report) for name, render in FORMATS.items()}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_tells_port_rule_frame_and_fix(
    incident_text: dict[str, str], name: str
) -> None:
    text = incident_text[name]
    for fact in ("reviews", "8080", "mismatch", "http-on-opaque-port", "SD101", "7", "kubectl"):
        assert fact in text


def test_the_text_report_as_the_user_sees_it(incident_text: dict[str, str]) -> None:
    assert incident_text["text"] == GOLDEN_TEXT


def test_json_keeps_to_its_schema(incident_text: dict[str, str]) -> None:
    body = json.loads(incident_text["json"])
    jsonschema.validate(body, schema("report-1.schema.json"))
    (declared,) = body["ports"]
    assert declared["treated"]["outbound"] == {
        "as": "opaque",
        "because": 'name "tcp-web" begins with "tcp"',
    }
    assert declared["observed"] == {"http": 1204}


def test_a_listing_of_ports_without_a_capture_keeps_to_the_schema_too() -> None:
    report = report_of(seen(port("tcp-web"), "1.3.6"), capture=None)
    jsonschema.validate(json.loads(FORMATS["json"](report)), schema("report-1.schema.json"))


@pytest.mark.parametrize("name", ["text", "markdown"])
def test_a_listing_of_ports_without_a_capture_says_why_and_nothing_of_what_was_observed(
    name: str,
) -> None:
    text = FORMATS[name](report_of(seen(port("tcp-web"), "1.3.6"), capture=None))
    assert "begins with" in text
    assert "observed" not in text.lower()
    assert "verdict" not in text.lower()


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_hostile_leaves_a_format_unescaped(name: str) -> None:
    declared = ServicePort(HOSTILE, HOSTILE, 8080, HOSTILE)
    text = FORMATS[name](report_of(seen(declared, "1.3.6", sighting("http"))))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert not any(line.startswith("=cmd") for line in text.splitlines())


def test_markdown_renders_hostile_names_as_text_inside_their_table_cells() -> None:
    declared = ServicePort(HOSTILE, HOSTILE, 8080, HOSTILE)
    text = FORMATS["markdown"](report_of(seen(declared, "1.3.6", sighting("http"))))
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert "<img" not in html
    ports_table = html.split("</table>")[0]
    assert ports_table.count("<td") == len(
        ("Port", "Declared", "Treated", "Observed", "Shown", "Verdict")
    )


def test_flow_json_keeps_to_its_schema_and_to_what_it_was_given() -> None:
    rows = [flow(), flow(sni=HOSTILE, alpn=("h2", HOSTILE), tcp_stream=None, udp_stream=3)]
    text = "".join(FLOW_FORMATS["json"](FlowList(CAPTURE, rows)))
    body = json.loads(text)
    jsonschema.validate(body, schema("flows-1.schema.json"))
    assert body["flows"][1]["sni"] == HOSTILE
    assert body["flows"][1]["alpn"] == ["h2", HOSTILE]
    assert body["flows"][0]["first_time"] == "2023-11-14T22:13:20.000000001Z"


def test_flow_json_tells_what_was_read_of_requests_and_handshakes() -> None:
    facts = Facts(
        http_version="2",
        method="POST",
        target=HOSTILE,
        host="cart",
        status=200,
        grpc_status=0,
        unknowable=("target",),
        alpn_chosen=HOSTILE,
        tls_version="1.2",
        alerts=(Alert("server", "fatal", "unknown_ca"),),
    )
    text = "".join(FLOW_FORMATS["json"](FlowList(CAPTURE, [flow(facts=facts), flow()])))
    body = json.loads(text)
    jsonschema.validate(body, schema("flows-1.schema.json"))
    told, nothing = body["flows"]
    assert told["http"] == {
        "version": "2",
        "method": "POST",
        "target": HOSTILE,
        "host": "cart",
        "status": 200,
        "content_type": None,
        "upgrade": None,
        "tunnelled": None,
        "unknowable": ["target"],
    }
    assert (told["grpc_status"], told["alpn_chosen"], told["tls_version"]) == (0, HOSTILE, "1.2")
    assert told["alerts"] == [{"by": "server", "level": "fatal", "description": "unknown_ca"}]
    assert (nothing["http"], nothing["grpc_status"], nothing["alerts"]) == (None, None, [])


def test_fingerprints_are_a_column_of_every_listing_that_asks_for_them() -> None:
    listed = FlowList(CAPTURE, [flow(ja4="t13d1516h2_8daaf6152771_e5627efa2ab1"), flow()], ja4=True)
    told = {name: "".join(render(listed)) for name, render in FLOW_FORMATS.items()}
    body = json.loads(told["json"])
    jsonschema.validate(body, schema("flows-1.schema.json"))
    assert [f["ja4"] for f in body["flows"]] == ["t13d1516h2_8daaf6152771_e5627efa2ab1", None]
    assert [row[-1] for row in csv.reader(io.StringIO(told["csv"]))] == [
        "ja4",
        "t13d1516h2_8daaf6152771_e5627efa2ab1",
        "",
    ]
    assert told["table"].splitlines()[1].split()[8:9] == ["t13d1516h2_8daaf6152771_e5627efa2ab1"]


def test_an_empty_capture_gives_valid_flow_json() -> None:
    body = json.loads("".join(FLOW_FORMATS["json"](FlowList(CAPTURE, []))))
    assert body["flows"] == []


def test_csv_has_a_header_and_no_formulas() -> None:
    text = "".join(FLOW_FORMATS["csv"](FlowList(CAPTURE, [flow(sni="=HYPERLINK(1)")])))
    header, row = csv.reader(io.StringIO(text))
    assert (*header, "facts", "ja4") == FlowRow._fields
    assert row[header.index("sni")] == "'=HYPERLINK(1)"


def test_a_connection_that_went_on_as_tls_says_so_and_keeps_its_protocol() -> None:
    listed = FlowList(CAPTURE, [flow(protocol="smtp", switched_to="tls"), flow()])
    table = "".join(FLOW_FORMATS["table"](listed)).splitlines()
    assert [line.split()[5] for line in table[1:]] == ["smtp→tls", "http"]
    told = json.loads("".join(FLOW_FORMATS["json"](listed)))["flows"]
    assert [(row["protocol"], row["switched_to"]) for row in told] == [
        ("smtp", "tls"),
        ("http", None),
    ]


def test_the_flow_table_lines_up_and_brackets_ipv6() -> None:
    lines = "".join(FLOW_FORMATS["table"](FlowList(CAPTURE, [flow(), flow(packets=12345)])))
    header, first, second = lines.splitlines()
    assert header.index("SERVER") == first.index("[2001:db8::1]:8080")
    assert first.index("http") == second.index("http")


GOLDEN_TEXT = """\
web.pcap: istio 1.3.6
9 frames, 2 flows, 2023-11-14T22:13:20.000000001Z to 2023-11-14T22:13:21.000000000Z
not part of any flow: 1 not ip

PORT               DECLARED    TREATED    OBSERVED                     SHOWN    VERDICT
shop/reviews:8080  tcp-web     opaque     http 1,204 (1,204 requests)  -        mismatch

1 flow belongs to no declared port:
  10.0.0.9:53 udp: dns 1

ERROR  http-on-opaque-port (SD101)  shop/reviews:8080
  port 8080 "tcp-web" of shop/reviews is declared tcp, so Istio 1.3.6 treats it as opaque TCP
  outbound and inbound (name "tcp-web" begins with "tcp"); 1,204 HTTP/1.1 requests in 1,204
  connections were observed
    frame 7  22:13:20.000000  10.244.1.10:40312 > 10.96.0.50:8080  GET / HTTP/1.1
  Fix: Rename port 8080 of Service shop/reviews to "http-web".
    kubectl -n shop patch service reviews --type strategic -p '{"spec":{"ports":[{"port":8080,"protocol":"TCP","name":"http-web"}]}}'
  Mind: what refers to the port by its name must follow: Ingress backends, ServiceMonitor
  endpoints, BackendTLSPolicy sectionName, GKE and AWS port annotations
  Mind: a console or a Helm chart that owns the Service will write the old name back

Findings: 1 error.
"""  # noqa: E501 - a command to paste stays on one line
