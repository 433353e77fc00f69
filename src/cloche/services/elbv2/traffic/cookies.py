"""Cookies by which a client comes back to the same target. What they say is sealed: a client can keep it, not read or make it.

AWSALB (and AWSALBCORS beside it, for other sites) names a target, AWSALBTG a target group, AWSALBAPP-0 goes along with a cookie of the application's own.
"""
from __future__ import annotations

import base64
import binascii
import time
from functools import lru_cache
from typing import Any

import msgspec

NONCE = 12


@lru_cache(8)
def _cipher(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    return AESGCM(key)


def seal(key: bytes, nonce: bytes, value: Any) -> str:
    return base64.b64encode(nonce + _cipher(key).encrypt(nonce, msgspec.msgpack.encode(value), None)).decode()


def unseal(key: bytes, text: str) -> Any:
    """None if it was not sealed with this key."""
    from cryptography.exceptions import InvalidTag
    try:
        data = base64.b64decode(text, validate=True)
        return msgspec.msgpack.decode(_cipher(key).decrypt(data[:NONCE], data[NONCE:], None))
    except (InvalidTag, ValueError, binascii.Error, msgspec.DecodeError):
        return None


def given(headers: list[tuple[str, str]]) -> dict[str, str]:
    """The cookies of a request; of two with one name the first counts."""
    out: dict[str, str] = {}
    for name, value in headers:
        if name.lower() == "cookie":
            for part in value.split(";"):
                key, equals, text = part.strip().partition("=")
                if equals:
                    out.setdefault(key, text)
    return out


def expires(moment: float) -> str:
    days, months = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    t = time.gmtime(moment)
    return f"{days[t.tm_wday]}, {t.tm_mday:02d} {months[t.tm_mon - 1]} {t.tm_year} {t.tm_hour:02d}:{t.tm_min:02d}:{t.tm_sec:02d} GMT"


def pair(name: str, value: str, until: float) -> list[tuple[str, str]]:
    """The cookie, and its twin for requests from other sites."""
    return [("set-cookie", f"{name}={value}; Expires={expires(until)}; Path=/"), ("set-cookie", f"{name}CORS={value}; Expires={expires(until)}; Path=/; SameSite=None; Secure")]


def single(name: str, value: str, until: float) -> list[tuple[str, str]]:
    return [("set-cookie", f"{name}={value}; Expires={expires(until)}; Path=/")]


def sets(headers: list[tuple[str, str]], name: str) -> bool:
    """Does an answer set a cookie of this name?"""
    return any(key.lower() == "set-cookie" and value.split("=", 1)[0].strip() == name for key, value in headers)
