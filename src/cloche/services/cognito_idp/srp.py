"""SRP-6a as Cognito speaks it: 3072 bits, g 2, SHA-256, hexadecimal padding, "Caldera Derived Key". Pure.

The pool keeps a salt and a verifier, never a password; checking a password is making its verifier again.
"""
from __future__ import annotations

import base64
import hashlib
import hmac
from typing import NamedTuple

N = int(  # RFC 3526, group 15
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED"
    "6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC98"
    "04F1746C08CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA051015728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA"
    "64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200CBBE117577A615D6C770988C0BAD946"
    "E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF", 16)
G = 2
INFO = b"Caldera Derived Key"


class Verifier(NamedTuple):
    salt: str       # hexadecimal
    value: str      # hexadecimal


def padded(number: int) -> bytes:
    """A positive number, big end first, with a zero before a leading bit."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def digest(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha256(b"".join(parts)).digest(), "big")


K = digest(padded(N), padded(G))


def private(salt: str, pool: str, name: str, password: str) -> int:
    inner = hashlib.sha256(f"{pool}{name}:{password}".encode()).digest()
    return digest(padded(int(salt, 16)), inner)


def verifier(salt: str, pool: str, name: str, password: str) -> Verifier:
    return Verifier(salt, f"{pow(G, private(salt, pool, name, password), N):x}")


def matches(kept: Verifier, pool: str, name: str, password: str) -> bool:
    return hmac.compare_digest(verifier(kept.salt, pool, name, password).value, kept.value)


def public(kept: Verifier, secret: int) -> int:
    """B, the server's half."""
    return (K * int(kept.value, 16) + pow(G, secret, N)) % N


def key(kept: Verifier, a: int, secret: int) -> bytes:
    b = public(kept, secret)
    u = digest(padded(a), padded(b))
    shared = pow(a * pow(int(kept.value, 16), u, N) % N, secret, N)
    return hmac.digest(hmac.digest(padded(u), padded(shared), "sha256"), INFO + b"\x01", "sha256")[:16]


def signature(key_: bytes, pool: str, name: str, block: bytes, timestamp: str) -> str:
    return base64.b64encode(hmac.digest(key_, pool.encode() + name.encode() + block + timestamp.encode(), "sha256")).decode()
