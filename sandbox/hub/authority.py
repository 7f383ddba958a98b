"""The sandbox's own certificate authority. Only its VMs trust it; this machine does not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_LIFETIME = timedelta(days=365)
_RENEW_BEFORE = timedelta(days=30)
_NAME = "ds-bot sandbox"


@dataclass(frozen=True, slots=True)
class Authority:
    """Files in PEM: `ca` for those who shall trust it, `certificate` and key for the server."""

    ca: Path
    certificate: Path


def ensure_authority(directory: Path, names: Sequence[str]) -> Authority:
    """The authority of this directory with a certificate for these names; made if need be.

    The authority's own key is thrown away as soon as it has signed, so it can never sign again:
    when the certificate runs out or the names change, a new authority is made.
    """
    found = Authority(directory / "ca.pem", directory / "server.pem")
    if not _is_good(found, names):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(found, names)
    return found


def _is_good(found: Authority, names: Sequence[str]) -> bool:
    try:
        ca = x509.load_pem_x509_certificate(found.ca.read_bytes())
        server = x509.load_pem_x509_certificate(found.certificate.read_bytes())
        server.verify_directly_issued_by(ca)
    except Exception:
        return False  # whatever is wrong with it, a new one is made
    alternative = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (
        alternative.get_values_for_type(x509.DNSName) == list(names)
        and server.not_valid_after_utc - datetime.now(UTC) > _RENEW_BEFORE
    )


def _make(where: Authority, names: Sequence[str]) -> None:
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{_NAME} authority")])
    ca = (
        _begin(ca_name, ca_key.public_key(), ca_name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_ca_usage(), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    alternative = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    server = (
        _begin(subject, key.public_key(), ca_name)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(alternative, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write(where.certificate, server.public_bytes(Encoding.PEM) + secret, 0o600)
    _write(where.ca, ca.public_bytes(Encoding.PEM), 0o644)


def _begin(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, issuer: x509.Name
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _LIFETIME)
    )


def _ca_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    draft.replace(path)
