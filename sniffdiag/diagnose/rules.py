"""All rules, in the order their findings are listed within one severity. One line a rule."""

from __future__ import annotations

from sniffdiag.diagnose import (
    conflicting_declarations,
    connection_refused,
    constant_first_byte_delay,
    declaration_drift,
    http1_on_http2_port,
    http2_on_http1_port,
    http_on_opaque_port,
    opaque_on_http_port,
    plaintext_on_tls_port,
    proxy_protocol_on_http_port,
    saved_by_sniffing,
    server_first_on_sniffed_port,
    silent_connections,
    thin_evidence,
    tls_on_http_port,
    unrecognised_port_name,
)
from sniffdiag.diagnose.rule import Rule

RULES: tuple[Rule, ...] = (
    http_on_opaque_port.RULE,
    http2_on_http1_port.RULE,
    http1_on_http2_port.RULE,
    tls_on_http_port.RULE,
    plaintext_on_tls_port.RULE,
    opaque_on_http_port.RULE,
    proxy_protocol_on_http_port.RULE,
    server_first_on_sniffed_port.RULE,
    silent_connections.RULE,
    constant_first_byte_delay.RULE,
    saved_by_sniffing.RULE,
    conflicting_declarations.RULE,
    declaration_drift.RULE,
    unrecognised_port_name.RULE,
    connection_refused.RULE,
    thin_evidence.RULE,
)
