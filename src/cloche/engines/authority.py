"""Cloche's own certificate authority: one key below the data directory, made when it is first needed. Whoever trusts `ca.pem` trusts what it signs.

The HTTPS listener has its certificate from it, and so have the certificates that Certificate Manager issues.
"""
from __future__ import annotations

import datetime
import fcntl
import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

NAME = "Cloche local CA"
START, END = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC), datetime.datetime(2049, 12, 31, tzinfo=datetime.UTC)


class Authority(NamedTuple):
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    pem: bytes


def load(data: Path) -> Authority:
    key_file, file = data / "tls" / "ca-key.pem", data / "ca.pem"
    if not key_file.exists() or not file.exists():
        key_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(key_file.with_name("making"), "w") as lock:          # two processes may want it at once, and there is one
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not key_file.exists() or not file.exists():
                _make(key_file, file)
    return _read(data, key_file.stat().st_mtime_ns)


@lru_cache(maxsize=4)
def _read(data: Path, made: int) -> Authority:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    pem = (data / "ca.pem").read_bytes()
    key: Any = serialization.load_pem_private_key((data / "tls" / "ca-key.pem").read_bytes(), None)
    return Authority(x509.load_pem_x509_certificate(pem), key, pem)


def _make(key_file: Path, file: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(NAME, key.public_key(), START, END).add_extension(x509.BasicConstraints(True, None), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    builder = builder.add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), critical=True)
    save_key(key_file, key)
    file.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))


def save_key(file: Path, key: Any) -> None:
    """For nobody's eyes but ours."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(private_pem(key))


def private_pem(key: Any) -> bytes:
    from cryptography.hazmat.primitives import serialization
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())  # type: ignore[no-any-return]


def _builder(subject: str, public_key: Any, start: datetime.datetime, end: datetime.datetime) -> x509.CertificateBuilder:
    from cryptography import x509
    def called(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text[:64])])
    made = x509.CertificateBuilder().subject_name(called(subject)).issuer_name(called(NAME)).public_key(public_key)
    return made.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)


def sign(data: Path, subject: str, public_key: Any, names: Iterable[str], start: datetime.datetime = START, end: datetime.datetime = END, addresses: Iterable[str] = ()) -> bytes:
    """A server's certificate for these names, in PEM; the chain above it is `load(data).pem`."""
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding
    above = load(data)
    alternative = [*(x509.DNSName(n) for n in names), *(x509.IPAddress(ipaddress.ip_address(a)) for a in addresses)]
    builder = _builder(subject, public_key, start, min(end, END)).add_extension(x509.BasicConstraints(False, None), critical=True)
    builder = builder.add_extension(x509.SubjectAlternativeName(alternative), critical=False)
    builder = builder.add_extension(x509.KeyUsage(True, False, True, False, False, False, False, False, False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.SERVER_AUTH, x509.ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above.key.public_key()), critical=False)
    return builder.sign(above.key, hashes.SHA256()).public_bytes(Encoding.PEM)
