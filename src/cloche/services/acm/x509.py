"""Certificates as `cryptography` reads them: checked against their keys and chains, and told in ACM's words. Pure, apart from the import, which takes its time."""
from __future__ import annotations

import re
from typing import Any

from . import errors

_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.S)
CURVES = {"secp256r1": "prime256v1", "secp384r1": "secp384r1", "secp521r1": "secp521r1"}
RSA_BITS = (1024, 2048, 3072, 4096)
USAGES = {"digital_signature": "DIGITAL_SIGNATURE", "content_commitment": "NON_REPUDIATION", "key_encipherment": "KEY_ENCIPHERMENT", "data_encipherment": "DATA_ENCIPHERMENT",
          "key_agreement": "KEY_AGREEMENT", "key_cert_sign": "CERTIFICATE_SIGNING", "crl_sign": "CRL_SIGNING"}
EXTENDED = {"1.3.6.1.5.5.7.3.1": "TLS_WEB_SERVER_AUTHENTICATION", "1.3.6.1.5.5.7.3.2": "TLS_WEB_CLIENT_AUTHENTICATION", "1.3.6.1.5.5.7.3.3": "CODE_SIGNING",
            "1.3.6.1.5.5.7.3.4": "EMAIL_PROTECTION", "1.3.6.1.5.5.7.3.8": "TIME_STAMPING", "1.3.6.1.5.5.7.3.9": "OCSP_SIGNING", "2.5.29.37.0": "ANY"}


def certificate(body: bytes) -> Any:
    from cryptography import x509
    if len(_PEM.findall(body)) > 1:
        raise errors.more_than_one()
    try:
        return x509.load_pem_x509_certificate(body)
    except ValueError:
        raise errors.not_pem("certificate") from None


def algorithm(key: Any) -> str:
    """`RSA-2048`, as DescribeCertificate spells it; a refusal where ACM knows no such keys."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    if isinstance(key, rsa.RSAPublicKey) and key.key_size in RSA_BITS:
        return f"RSA-{key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES:
        return f"EC-{CURVES[key.curve.name]}"
    raise errors.key_unsupported()


def fresh(algorithm: str) -> Any:
    """A new private key of a kind as DescribeCertificate spells it. RSA takes its time."""
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    kind, _, size = algorithm.partition("-")
    if kind == "RSA":
        return rsa.generate_private_key(65537, int(size))
    return ec.generate_private_key({"prime256v1": ec.SECP256R1, "secp384r1": ec.SECP384R1, "secp521r1": ec.SECP521R1}[size]())


def locked(private: bytes, passphrase: bytes) -> str:
    """The key under a passphrase, as ExportCertificate gives it."""
    from cryptography.hazmat.primitives import serialization as forms
    key: Any = forms.load_pem_private_key(private, None)
    return key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.BestAvailableEncryption(passphrase)).decode()  # type: ignore[no-any-return]


def check_key(found: Any, private: bytes) -> None:
    from cryptography.hazmat.primitives import serialization as forms
    try:
        key = forms.load_pem_private_key(private, None)
    except (ValueError, TypeError):
        raise errors.not_pem("private key") from None
    algorithm(key.public_key())
    one, other = (x.public_bytes(forms.Encoding.DER, forms.PublicFormat.SubjectPublicKeyInfo) for x in (key.public_key(), found.public_key()))
    if one != other:
        raise errors.key_mismatch()


def check_chain(found: Any, chain: bytes) -> None:
    """Each certificate is signed by the next."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    try:
        above = x509.load_pem_x509_certificates(chain)
    except ValueError:
        raise errors.not_pem("certificate chain") from None
    for one in above:
        try:
            found.verify_directly_issued_by(one)
        except (ValueError, TypeError, InvalidSignature):
            raise errors.chain_broken() from None
        found = one


def names(found: Any) -> list[str]:
    """The common name and the alternative names, each once."""
    from cryptography import x509
    common = [str(one.value) for one in found.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    try:
        other = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        other = []
    return list(dict.fromkeys([*common[:1], *other]))


def told(found: Any) -> dict[str, Any]:
    """What DescribeCertificate says of the certificate itself."""
    from cryptography import x509
    every = names(found)
    issuer = found.issuer.get_attributes_for_oid(x509.NameOID.COMMON_NAME) or found.issuer.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)
    serial = f"{found.serial_number:x}"
    serial = serial.zfill(len(serial) + len(serial) % 2)
    kind = algorithm(found.public_key())
    digest = found.signature_hash_algorithm.name.upper() if found.signature_hash_algorithm else ""
    signed = "RSA" if "rsa" in found.signature_algorithm_oid._name.lower() else "ECDSA"
    return {
        "DomainName": every[0] if every else "", "SubjectAlternativeNames": every, "Serial": ":".join(serial[i:i + 2] for i in range(0, len(serial), 2)),
        "Subject": ",".join(one.rfc4514_string() for one in found.subject.rdns), "Issuer": str(issuer[0].value) if issuer else "",
        "NotBefore": found.not_valid_before_utc.timestamp(), "NotAfter": found.not_valid_after_utc.timestamp(), "KeyAlgorithm": kind, "SignatureAlgorithm": f"{digest}WITH{signed}",
        "KeyUsages": [{"Name": x} for x in _usages(found)], "ExtendedKeyUsages": [{"Name": EXTENDED.get(oid, "CUSTOM"), "OID": oid} for oid in _extended(found)],
    }


def _usages(found: Any) -> list[str]:
    from cryptography import x509
    try:
        usage = found.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return ["ANY"]
    return [name for attribute, name in USAGES.items() if getattr(usage, attribute)]


def _extended(found: Any) -> list[str]:
    from cryptography import x509
    try:
        return [one.dotted_string for one in found.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value]
    except x509.ExtensionNotFound:
        return []
