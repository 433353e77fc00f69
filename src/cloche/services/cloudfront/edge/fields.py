"""Fields of a form, sealed for the owner of a private key. Pure, but for the dice of the cipher.

    base64(  "CLFE1" | length of the wrapped key (2 bytes) | wrapped key (RSA-OAEP, SHA-256) | nonce (12) | AES-256-GCM of the value, with provider and key id as what it is bound to  )
"""
from __future__ import annotations

import base64
import re
import struct
from typing import Any
from urllib.parse import quote_plus, unquote_plus

MOST_FIELD, MOST_BODY, MARK = 16 << 10, 1 << 20, b"CLFE1"


def sealed(body: bytes, entities: list[tuple[Any, str, str, list[str]]]) -> tuple[bytes, int]:
    """(the form, how many fields were sealed). `entities`: key, its id, provider, patterns. ValueError for what is too long or no form."""
    if len(body) > MOST_BODY:
        raise ValueError("the body is too long")
    out, count = [], 0
    for text in body.decode().split("&"):
        name, equals, value = text.partition("=")
        entity = next((one for one in entities if any(fits(pattern, unquote_plus(name)) for pattern in one[3])), None)
        if entity is None or not equals:
            out.append(text)
            continue
        plain = unquote_plus(value)
        if len(plain.encode()) > MOST_FIELD:
            raise ValueError("a field is too long")
        out.append(f"{name}={quote_plus(seal(entity[0], entity[1], entity[2], plain.encode()))}")
        count += 1
    return "&".join(out).encode(), count


def fits(pattern: str, name: str) -> bool:
    return re.fullmatch("".join(".*" if c == "*" else re.escape(c) for c in pattern), name) is not None


def seal(key: Any, id_: str, provider: str, plain: bytes) -> str:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    data = AESGCM.generate_key(256)
    wrapped = key.encrypt(data, padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None))
    nonce = AESGCM.generate_key(128)[:12]
    return base64.b64encode(MARK + struct.pack(">H", len(wrapped)) + wrapped + nonce + AESGCM(data).encrypt(nonce, plain, f"{provider}\0{id_}".encode())).decode()
