"""What a TLS connection says in clear beyond its first hello: records are followed to their end.

Alerts, HelloRetryRequest, the offer of ECH, and the server's certificate (RFC 8446 6 and 4.1.4, RFC
9849, RFC 5246 7.4.2). With the session keys, handshake and application records could be opened
here as well: `records` is where a key log would come in. Certificates are parsed by `cryptography`,
loaded with the first of them; none is verified.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import islice

from sniffdiag.identify import tls_clear
from sniffdiag.identify.chains import CUT
from sniffdiag.identify.messages import runs
from sniffdiag.identify.tls_alerts import alert_name
from sniffdiag.identify.verdict import Alert, Certificate, Facts, Heads, Side
from sniffdiag.records import dataclass

MOST_RECORDS = 64
ALERT_LEVELS = {1: "warning", 2: "fatal"}
RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""RFC 8446 4.1.3: SHA-256 of "HelloRetryRequest"."""
RANDOM_AT = slice(2, 34)
RETRIED = "the server asked for another hello (HelloRetryRequest)"
ECH_OFFERED = "Encrypted ClientHello is offered, so the SNI may be a cover name"
NOWHERE = -1


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it was sent."""

    kind: int
    payload: bytes
    """As far as it was kept."""
    length: int


def records(side: Side) -> Iterator[Record]:
    """Records from the first on, across what was not kept where a later piece begins with one."""
    at = 0 if side.from_start else NOWHERE
    for run in runs(side):
        if at < run.at:
            at = run.at if tls_clear.measure(run.data, 0) > CUT else NOWHERE
        while run.at <= at < run.end:
            start = at - run.at
            length = tls_clear.measure(run.data, start)
            if length <= CUT:
                at = NOWHERE
                break
            payload = run.data[start + tls_clear.RECORD_HEADER_LEN : start + length]
            yield Record(run.data[start], payload, length - tls_clear.RECORD_HEADER_LEN)
            at += length


def details(heads: Heads) -> Facts:
    """All of it, for the `Facts` that the hellos do not fill."""
    notes: tuple[str, ...] = (ECH_OFFERED,) if _offers_ech(heads.client) else ()
    messages = list(tls_clear.handshake_messages(heads.server.head))
    if any(
        kind == tls_clear.SERVER_HELLO and body[RANDOM_AT] == RETRY_RANDOM
        for kind, body in messages
    ):
        notes += (RETRIED,)
    certificate = next((body for kind, body in messages if kind == tls_clear.CERTIFICATE), None)
    facts = Facts(
        alerts=(*_alerts(heads.client, "client"), *_alerts(heads.server, "server")),
        certificate=None if certificate is None else _certificate(certificate),
        notes=notes,
    )
    return facts.merged(tls_clear.facts(heads))


def _offers_ech(client: Side) -> bool:
    hello = tls_clear.client_hello(client.head)
    return hello is not None and tls_clear.EXT_ECH in tls_clear.client_extensions(hello.body)[0]


def _alerts(side: Side, by: str) -> Iterator[Alert]:
    """Alerts until the side begins to encrypt: from then on they look like any other record."""
    for record in islice(records(side), MOST_RECORDS):
        if record.kind in {tls_clear.CHANGE_CIPHER_SPEC, tls_clear.APPLICATION_DATA}:
            return
        if (
            record.kind == tls_clear.ALERT
            and record.length == len(record.payload) == tls_clear.ALERT_LEN
        ):
            level, description = record.payload
            if level in ALERT_LEVELS:
                yield Alert(by, ALERT_LEVELS[level], alert_name(description))


def _certificate(message: bytes) -> Certificate | None:
    """Subject, names and end of validity of the first certificate, if all of it is there."""
    der = tls_clear.first_certificate(message)
    if der is None:
        return None
    from cryptography import x509  # noqa: PLC0415 - only captures with certificates pay for it

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is odd about a certificate is not ours to say
            parsed = x509.load_der_x509_certificate(der)
            return Certificate(
                subject=parsed.subject.rfc4514_string(),
                names=tls_clear.peer_names(message),
                not_after=f"{parsed.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}",
            )
    except Exception:  # noqa: BLE001 - any bytes may stand there, and parsers raise many types
        return None
