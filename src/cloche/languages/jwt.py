"""JSON Web Tokens: read, verified with a key of a JSON Web Key Set, and signed. RSA and elliptic curve signatures; nothing is believed of `none`."""
from __future__ import annotations

import base64
import binascii
import json
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}
CURVES = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}
ALGORITHMS = {f"{kind}{bits}" for kind in ("RS", "ES") for bits in HASHES}


class Invalid(Exception):
    """No token, or not signed with this key."""


class Token(NamedTuple):
    head: dict[str, Any]
    claims: dict[str, Any]
    signature: bytes
    signed: bytes


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def read(text: str) -> Token:
    try:
        first, second, third = text.split(".")
        head, claims = json.loads(decoded(first)), json.loads(decoded(second))
        if not isinstance(head, dict) or not isinstance(claims, dict):
            raise ValueError
        return Token(head, claims, decoded(third), f"{first}.{second}".encode())
    except (ValueError, binascii.Error, RecursionError):
        raise Invalid("not a token") from None


def key_for(token: Token, keys: list[Any]) -> dict[str, Any] | None:
    """The key of the set that the token names; if it names none, the only one."""
    usable = [one for one in keys if isinstance(one, dict) and one.get("kty") in ("RSA", "EC") and one.get("use", "sig") == "sig"]
    kid = token.head.get("kid")
    if kid is None:
        return usable[0] if len(usable) == 1 else None
    return next((one for one in usable if one.get("kid") == kid), None)


def verify(token: Token, key: dict[str, Any]) -> None:
    algorithm = token.head.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise Invalid("an algorithm that is not allowed")
    kind, hash_ = algorithm[:2], HASHES[algorithm[2:]]()
    try:
        number = {name: int.from_bytes(decoded(key[name]), "big") for name in (("n", "e") if kind == "RS" else ("x", "y"))}
        if kind == "RS":
            rsa.RSAPublicNumbers(number["e"], number["n"]).public_key().verify(token.signature, token.signed, padding.PKCS1v15(), hash_)
        else:
            half = len(token.signature) // 2
            signature = encode_dss_signature(int.from_bytes(token.signature[:half], "big"), int.from_bytes(token.signature[half:], "big"))
            ec.EllipticCurvePublicNumbers(number["x"], number["y"], CURVES[key["crv"]]()).public_key().verify(signature, token.signed, ec.ECDSA(hash_))
    except InvalidSignature:
        raise Invalid("the signature does not match") from None
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error):
        raise Invalid("a key that cannot be read") from None


def sign(claims: dict[str, Any], key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, kid: str, **head: Any) -> str:
    """A token signed with RS256, or with the algorithm of the key's curve."""
    size = 256 if isinstance(key, rsa.RSAPrivateKey) else key.curve.key_size
    kind = "RS" if isinstance(key, rsa.RSAPrivateKey) else "ES"
    signed = ".".join(base64.urlsafe_b64encode(json.dumps(part, separators=(",", ":")).encode()).decode().rstrip("=") for part in ({"kid": kid, "alg": f"{kind}{size}", **head}, claims))
    if isinstance(key, rsa.RSAPrivateKey):
        signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    else:
        signature = b"".join(n.to_bytes(size // 8, "big") for n in decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(HASHES[str(size)]()))))
    return f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"
