"""A certificate authority of one's own, as organisations have for servers inside."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A server's certificate and its private key: PEM files."""

    chain: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Authority:
    """Who signs, with the certificate that others must trust: a PEM file."""

    certificate: Path
    _key: ec.EllipticCurvePrivateKey
    _name: x509.Name

    @classmethod
    def new(cls, folder: Path) -> Authority:
        """An authority that nobody trusts yet."""
        folder.mkdir()
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("Mesh tests' authority")
        builder = _builder(name, name, key).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        certificate = folder / "authority.pem"
        certificate.write_bytes(_pem(builder.sign(key, hashes.SHA256())))
        return cls(certificate, key, name)

    def certify(self, address: str, *hosts: str) -> Certificate:
        """A certificate for an address and names of a server."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.IPAddress(ipaddress.ip_address(address)), *map(x509.DNSName, hosts)]
        builder = (
            _builder(_name(address), self._name, key)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        )
        made = Certificate(
            self.certificate.with_name("server.pem"), self.certificate.with_name("server.key")
        )
        made.chain.write_bytes(_pem(builder.sign(self._key, hashes.SHA256())))
        made.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return made


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
