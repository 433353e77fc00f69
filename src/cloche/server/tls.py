"""HTTPS with a certificate of our own making: a CA below the data directory that a user may trust, and a leaf for AWS's names."""
from __future__ import annotations

import datetime
import os
import ssl
from pathlib import Path

NAMES = ["localhost", "*.localhost", "*.s3.localhost", "*.execute-api.localhost", "*.lambda-url.localhost", "*.amazonaws.com", "*.s3.amazonaws.com", "*.on.aws", "*.cloudfront.net"]


def context(data: Path) -> ssl.SSLContext:
    """The server's side; the CA for clients is `ca.pem` in the data directory."""
    folder = data / "tls"
    leaf, key = folder / "cert.pem", folder / "key.pem"
    if not leaf.exists():
        _make(folder, data / "ca.pem")
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(leaf, key)
    return made


def _make(folder: Path, ca_file: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    start, end = datetime.datetime(2020, 1, 1), datetime.datetime(2049, 12, 31)
    ca_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def certificate(subject: str, key: ec.EllipticCurvePrivateKey, ca: bool) -> x509.Certificate:
        builder = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name("Cloche local CA")).public_key(key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)
        builder = builder.add_extension(x509.BasicConstraints(ca, None), critical=True)
        if not ca:
            import ipaddress
            names = [x509.DNSName(n) for n in NAMES] + [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(ca_key, hashes.SHA256())

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    pem = serialization.Encoding.PEM
    ca = certificate("Cloche local CA", ca_key, True)
    ca_file.write_bytes(ca.public_bytes(pem))
    descriptor = os.open(folder / "key.pem", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(leaf_key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    (folder / "cert.pem").write_bytes(certificate("localhost", leaf_key, False).public_bytes(pem) + ca.public_bytes(pem))
