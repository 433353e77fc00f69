"""Keys, requests and certificates as `cryptography` makes them. Pure, apart from the import, which takes its time."""
from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from . import errors

SUBJECT = {"Country": "COUNTRY_NAME", "Organization": "ORGANIZATION_NAME", "OrganizationalUnit": "ORGANIZATIONAL_UNIT_NAME", "DistinguishedNameQualifier": "DN_QUALIFIER",
           "State": "STATE_OR_PROVINCE_NAME", "CommonName": "COMMON_NAME", "SerialNumber": "SERIAL_NUMBER", "Locality": "LOCALITY_NAME", "Title": "TITLE", "Surname": "SURNAME",
           "GivenName": "GIVEN_NAME", "Initials": "INITIALS", "Pseudonym": "PSEUDONYM", "GenerationQualifier": "GENERATION_QUALIFIER"}
RSA = {"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}
CURVES = {"EC_prime256v1": "SECP256R1", "EC_secp384r1": "SECP384R1", "EC_secp521r1": "SECP521R1"}
CA, END = "CertificateAuthority", "EndEntity"
# template -> (kind, path length, extended key usages)
TEMPLATES: dict[str, tuple[str, int | None, tuple[str, ...]]] = {
    "RootCACertificate/V1": (CA, None, ()), **{f"SubordinateCACertificate_PathLen{n}/V1": (CA, n, ()) for n in range(4)},
    "EndEntityCertificate/V1": (END, None, ("SERVER_AUTH", "CLIENT_AUTH")), "EndEntityServerAuthCertificate/V1": (END, None, ("SERVER_AUTH",)),
    "EndEntityClientAuthCertificate/V1": (END, None, ("CLIENT_AUTH",)), "CodeSigningCertificate/V1": (END, None, ("CODE_SIGNING",)),
    "OCSPSigningCertificate/V1": (END, None, ("OCSP_SIGNING",)),
}


def make_key(algorithm: str) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    key: Any = rsa.generate_private_key(public_exponent=65537, key_size=RSA[algorithm]) if algorithm in RSA else ec.generate_private_key(getattr(ec, CURVES[algorithm])())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # type: ignore[no-any-return]


def key_of(private: str) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    return load_pem_private_key(private.encode(), None)


def digest(signing: str) -> Any:
    from cryptography.hazmat.primitives import hashes
    return {"SHA256": hashes.SHA256, "SHA384": hashes.SHA384, "SHA512": hashes.SHA512}[signing[:6]]()


def padding(signing: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric import padding as paddings
    if not signing.endswith("_PSS"):
        return None
    return paddings.PSS(mgf=paddings.MGF1(digest(signing)), salt_length=paddings.PSS.DIGEST_LENGTH)


def fits(signing: str, algorithm: str) -> bool:
    """Can a key of the algorithm sign so?"""
    return ("RSA" in signing) if algorithm in RSA else signing.endswith("ECDSA")


def name(subject: dict[str, Any]) -> Any:
    from cryptography import x509
    try:
        given = [x509.NameAttribute(getattr(x509.NameOID, oid), subject[member]) for member, oid in SUBJECT.items() if subject.get(member)]
        given += [x509.NameAttribute(x509.ObjectIdentifier(one["ObjectIdentifier"]), one["Value"]) for one in subject.get("CustomAttributes", [])]
    except ValueError as error:
        raise errors.args(str(error)) from None
    if not given:
        raise errors.args("The subject is empty.")
    return x509.Name(given)


def csr(private: str, subject: dict[str, Any], signing: str) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding
    made = x509.CertificateSigningRequestBuilder().subject_name(name(subject)).add_extension(x509.BasicConstraints(True, None), True)
    return made.sign(key_of(private), digest(signing)).public_bytes(Encoding.PEM).decode()


def request(text: bytes) -> Any:
    from cryptography import x509
    try:
        found = x509.load_pem_x509_csr(text)
    except ValueError:
        raise errors.malformed_csr() from None
    if not found.is_signature_valid:
        raise errors.malformed_csr()
    return found


def same_key(one: Any, other: Any) -> bool:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    first, second = (key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) for key in (one, other))
    return bool(first == second)


def sign(asked: Any, private: str, issuer: Any, template: str, signing: str, serial: int, begins: float, ends: float) -> tuple[str, str]:
    """(the certificate, its serial as Private CA writes it); `issuer` is the authority's certificate, None where it signs itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding
    key, (kind, length, uses) = key_of(private), TEMPLATES[template]
    made = (x509.CertificateBuilder().subject_name(asked.subject).issuer_name(issuer.subject if issuer else asked.subject).public_key(asked.public_key()).serial_number(serial)
            .not_valid_before(datetime.fromtimestamp(begins, UTC)).not_valid_after(datetime.fromtimestamp(ends, UTC))
            .add_extension(x509.BasicConstraints(kind == CA, length), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(asked.public_key()), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), False)
            .add_extension(x509.KeyUsage(True, False, kind == END, False, False, kind == CA, kind == CA, False, False), True))
    if uses:
        made = made.add_extension(x509.ExtendedKeyUsage([getattr(x509.ExtendedKeyUsageOID, one) for one in uses]), False)
    try:
        names = asked.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        made = made.add_extension(names.value, names.critical)
    except x509.ExtensionNotFound:
        pass                                           # a request need not have other names
    return made.sign(key, digest(signing), rsa_padding=padding(signing)).public_bytes(Encoding.PEM).decode(), written(serial)


def written(serial: int) -> str:
    text = f"{serial:x}"
    text = text.zfill(len(text) + len(text) % 2)
    return ":".join(text[i:i + 2] for i in range(0, len(text), 2))


def load(text: bytes) -> Any:
    from cryptography import x509
    try:
        return x509.load_pem_x509_certificate(text)
    except ValueError:
        raise errors.malformed_certificate("The certificate is not PEM.") from None


def follows(below: Any, chain: bytes) -> None:
    """Each certificate is signed by the next."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    try:
        above = x509.load_pem_x509_certificates(chain)
    except ValueError:
        raise errors.malformed_certificate("The certificate chain is not PEM.") from None
    for one in above:
        try:
            below.verify_directly_issued_by(one)
        except (ValueError, TypeError, InvalidSignature):
            raise errors.mismatch() from None
        below = one
