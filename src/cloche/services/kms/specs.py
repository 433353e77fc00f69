"""Kinds of keys: what each can do, with which algorithms, and how its material is made."""
from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from . import errors

# AWS's own keys by alias, and the service through which alone they can be used
MANAGED = {
    "s3": "s3", "ssm": "ssm", "sqs": "sqs", "sns": "sns", "lambda": "lambda", "dynamodb": "dynamodb", "rds": "rds", "ebs": "ec2", "secretsmanager": "secretsmanager",
    "kinesis": "kinesis", "elasticfilesystem": "elasticfilesystem", "es": "es", "acm": "acm", "codecommit": "codecommit", "xray": "xray", "backup": "backup",
    "lightsail": "lightsail", "redshift": "redshift", "workspaces": "workspaces", "elasticache": "elasticache", "glue": "glue", "dms": "dms",
}
RSA = {"RSA_2048": 2048, "RSA_3072": 3072, "RSA_4096": 4096}
CURVES: dict[str, Any] = {"ECC_NIST_P256": ec.SECP256R1, "ECC_NIST_P384": ec.SECP384R1, "ECC_NIST_P521": ec.SECP521R1, "ECC_SECG_P256K1": ec.SECP256K1}
HMAC_BYTES = {"HMAC_224": 28, "HMAC_256": 32, "HMAC_384": 48, "HMAC_512": 64}
_RSA_SIGN = [f"RSASSA_{scheme}_SHA_{bits}" for scheme in ("PKCS1_V1_5", "PSS") for bits in (256, 384, 512)]
_ECC_SIGN = {"ECC_NIST_P256": "ECDSA_SHA_256", "ECC_NIST_P384": "ECDSA_SHA_384", "ECC_NIST_P521": "ECDSA_SHA_512", "ECC_SECG_P256K1": "ECDSA_SHA_256"}
_USES = {
    "SYMMETRIC_DEFAULT": ("ENCRYPT_DECRYPT",), **dict.fromkeys(RSA, ("ENCRYPT_DECRYPT", "SIGN_VERIFY")),
    **dict.fromkeys(CURVES, ("SIGN_VERIFY", "KEY_AGREEMENT")), "ECC_SECG_P256K1": ("SIGN_VERIFY",), "ECC_NIST_EDWARDS25519": ("SIGN_VERIFY",), **dict.fromkeys(HMAC_BYTES, ("GENERATE_VERIFY_MAC",)),
}


def usage(spec: str, wanted: str | None) -> str:
    """What the key is for. Only a symmetric key need not say."""
    allowed = _USES.get(spec)
    if allowed is None:
        raise errors.unsupported(f"Keys of spec {spec} are not built in Cloche.")
    if wanted is None:
        if spec == "SYMMETRIC_DEFAULT":
            return allowed[0]
        raise errors.invalid("You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.")
    if wanted not in allowed:
        raise errors.invalid(f"KeyUsage {wanted} is not compatible with KeySpec {spec}")
    return wanted


def algorithms(spec: str, use: str) -> dict[str, list[str]]:
    if use == "ENCRYPT_DECRYPT":
        return {"EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"] if spec == "SYMMETRIC_DEFAULT" else ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"]}
    if use == "SIGN_VERIFY":
        return {"SigningAlgorithms": _RSA_SIGN if spec in RSA else ["ED25519_SHA_512", "ED25519_PH_SHA_512"] if spec == "ECC_NIST_EDWARDS25519" else [_ECC_SIGN[spec]]}
    if use == "KEY_AGREEMENT":
        return {"KeyAgreementAlgorithms": ["ECDH"]}
    return {"MacAlgorithms": [spec.replace("HMAC_", "HMAC_SHA_")]}


def imported(spec: str, material: bytes) -> bytes | None:
    """The public half of material that was brought (none of a symmetric or HMAC key); None if it is not material for such a key."""
    if spec == "SYMMETRIC_DEFAULT" or spec in HMAC_BYTES:
        return b"" if len(material) == HMAC_BYTES.get(spec, 32) else None
    try:
        private: Any = serialization.load_der_private_key(material, None)
    except (ValueError, TypeError):
        return None
    fits = (isinstance(private, rsa.RSAPrivateKey) and private.key_size == RSA.get(spec)) or (
        isinstance(private, ec.EllipticCurvePrivateKey) and spec in CURVES and private.curve.name == CURVES[spec].name) or (
        isinstance(private, ed25519.Ed25519PrivateKey) and spec == "ECC_NIST_EDWARDS25519")
    return private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo) if fits else None


def generate(spec: str, random: bytes) -> tuple[bytes, bytes]:
    """(secret, public): the secret of a symmetric or HMAC key is the given bytes, that of a pair its private key in DER."""
    if spec == "SYMMETRIC_DEFAULT" or spec in HMAC_BYTES:
        return random, b""
    private: Any
    if spec in RSA:
        private = rsa.generate_private_key(65537, RSA[spec])
    elif spec in CURVES:
        private = ec.generate_private_key(CURVES[spec]())
    else:
        private = ed25519.Ed25519PrivateKey.generate()
    return (
        private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        private.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
    )
