"""Workload certificates as Istio's CA gives them (SPIFFE URI), and one for an application."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

VALID_FROM = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
VALID_UNTIL = dt.datetime(2051, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate, its key and who to trust, as PEM."""

    chain: str
    key: str
    root: str


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority of one run."""

    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def _sign(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *extras: x509.ExtensionType
    ) -> str:
        issuer = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "cluster.local")])
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(VALID_FROM)
            .not_valid_after(VALID_UNTIL)
        )
        for extra in extras:
            critical = isinstance(extra, x509.BasicConstraints) or not list(subject)
            builder = builder.add_extension(extra, critical=critical)
        return (
            builder.sign(self.key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
            .decode()
        )

    def root(self) -> str:
        """The authority's own certificate."""
        name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "cluster.local")])
        return self._sign(
            name, self.key.public_key(), x509.BasicConstraints(ca=True, path_length=None)
        )

    def _identity(self, subject: x509.Name, name: x509.GeneralName) -> Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()
        chain = self._sign(subject, key.public_key(), x509.SubjectAlternativeName([name]))
        return Identity(chain, pem, self.root())

    def workload(self, namespace: str, account: str) -> Identity:
        """A sidecar's identity: no subject, one SPIFFE URI."""
        uri = f"spiffe://cluster.local/ns/{namespace}/sa/{account}"
        return self._identity(x509.Name([]), x509.UniformResourceIdentifier(uri))

    def server(self, host: str) -> Identity:
        """An ordinary server certificate."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        return self._identity(subject, x509.DNSName(host))
